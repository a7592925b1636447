// The receiving side over TCP: counts what each connection brings, and reports at its end.

import SystemInterface
import UserLibrary

struct StreamServer {
    private struct Client {
        let socket: FileDescriptor
        let peer: SocketAddress
        let number: Int
        let start: UInt64
        var bytes: UInt64 = 0
        /// The first bytes, while they may ask for something; then what they ask for.
        var head: [UInt8]? = []
        var request: Request?
    }

    private let settings: IPerf.Settings
    private var clients: [Client] = []
    private var count = 0

    /// This is the client's end of a transfer both ways: so many connections have to come, and ask for nothing. 0: a
    /// server.
    private let returns: Int
    private var helpers = Helpers()
    private static var patience: Int32 { 10_000 }

    init(_ settings: IPerf.Settings, returns: Int = 0) {
        self.settings = settings
        self.returns = returns
    }

    /// The socket that `run` takes connections from.
    static func listener(_ settings: IPerf.Settings, at port: UInt16) throws(SystemError) -> FileDescriptor {
        let listener = try System.listening(at: port)
        try System.set(.nonBlocking, of: listener, to: 1)
        if settings.window > 0 { try System.set(.receiveBuffer, of: listener, to: Int32(clamping: settings.window)) }
        print("Server listening on TCP port \(port)")
        return listener
    }

    mutating func run(_ listener: FileDescriptor) throws(SystemError) -> Int32 {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let wanted = returns > 0 ? returns : settings.onlyOne ? 1 : .max
        while true {
            var entries = [PollEntry(descriptor: listener.rawValue)]
            for client in clients { entries.append(PollEntry(descriptor: client.socket.rawValue)) }
            if try System.poll(&entries, milliseconds: returns > 0 ? Self.patience : -1) == 0 {
                complain("the server does not send back: is it iperf 2, and can it connect to this machine?")
                return 1
            }
            for place in (1..<max(1, entries.count)).reversed() where entries[place].returned != 0 {
                if receive(place - 1, &buffer) { end(place - 1) }
            }
            if entries[0].returned != 0 { acceptAll(listener) }
            helpers.reap(waits: false)
            if count >= wanted, clients.isEmpty {
                helpers.reap(waits: true)
                return 0
            }
        }
    }

    private mutating func acceptAll(_ listener: FileDescriptor) {
        while true {
            do throws(SystemError) {
                let (socket, peer) = try System.accept(listener)
                count += 1
                var client = Client(socket: socket, peer: peer, number: count, start: System.clock)
                if returns > 0 { client.head = nil }
                clients.append(client)
                print("[\(count, width: 3)] from \(peer)")
                standardOutput.flush()
            } catch .tryAgain {
                return
            } catch {
                return complain("a connection could not be taken: \(error)")
            }
        }
    }

    /// True when the client has ended.
    private mutating func receive(_ index: Int, _ buffer: inout [UInt8]) -> Bool {
        do throws(SystemError) {
            let taken = try System.receiveStream(clients[index].socket, into: &buffer, flags: .dontWait)
            clients[index].bytes += UInt64(taken)
            if clients[index].head != nil { readHead(index, buffer, taken) }
            return taken == 0 || clients[index].request?.direction == .back
        } catch .tryAgain {
            return false
        } catch {
            complain("[\(clients[index].number, width: 3)] \(error)")
            return true
        }
    }

    /// Notes what the first bytes of a connection ask for, once they are there.
    private mutating func readHead(_ index: Int, _ bytes: [UInt8], _ count: Int) {
        guard var head = clients[index].head else { return }
        head.append(contentsOf: bytes[0..<min(count, Request.greatestCount - head.count)])
        clients[index].head = head
        guard head.count >= 4, head.count >= Request.count(head) else { return }
        clients[index].head = nil
        guard let request = Request(head, at: 0, count: head.count) else { return }
        clients[index].request = request
        if request.direction == .both { sendBack(clients[index], request) }
    }

    private mutating func sendBack(_ client: Client, _ request: Request) {
        let settings = request.settings(settings)
        helpers.start { () throws(SystemError) in
            // The process that receives has these, and ends them.
            for other in clients where other.number != client.number || request.direction != .back {
                try System.close(other.socket)
            }
            var sender =
                request.direction == .back
                ? StreamClient(settings, over: client.socket, to: client.peer)
                : StreamClient(settings, to: client.peer.address)
            return try sender.run()
        }
    }

    private mutating func end(_ index: Int) {
        let client = clients[index]
        let request = client.request
        if let request, request.direction == .back { sendBack(client, request) }
        clients.remove(at: index)
        try? System.close(client.socket)
        guard request?.direction != .back else { return }
        print(
            Report.line("\(client.number, width: 3)", from: 0, to: System.clock - client.start, bytes: client.bytes))
        standardOutput.flush()
        // The client waits for the end of its connection, which no other process may have.
        if let request, request.direction == .outThenBack { sendBack(client, request) }
    }
}
