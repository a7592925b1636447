// The receiving side over TCP: counts what each connection brings, and reports at its end.

import SystemInterface
import UserLibrary

struct StreamServer {
    private struct Client {
        let socket: FileDescriptor
        let number: Int
        let start: UInt64
        var bytes: UInt64 = 0
    }

    private let settings: IPerf.Settings
    private var clients: [Client] = []
    private var count = 0

    init(_ settings: IPerf.Settings) { self.settings = settings }

    mutating func run() throws(SystemError) -> Int32 {
        let listener = try System.listening(at: settings.port)
        try System.set(.nonBlocking, of: listener, to: 1)
        if settings.window > 0 { try System.set(.receiveBuffer, of: listener, to: Int32(clamping: settings.window)) }
        print("Server listening on TCP port \(settings.port)")
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var entries = [PollEntry(descriptor: listener.rawValue)]
            for client in clients { entries.append(PollEntry(descriptor: client.socket.rawValue)) }
            _ = try System.poll(&entries, milliseconds: -1)
            for place in (1..<max(1, entries.count)).reversed() where entries[place].returned != 0 {
                if receive(place - 1, &buffer) { end(place - 1) }
            }
            if entries[0].returned != 0 { acceptAll(listener) }
            if settings.onlyOne, count > 0, clients.isEmpty { return 0 }
        }
    }

    private mutating func acceptAll(_ listener: FileDescriptor) {
        while true {
            do throws(SystemError) {
                let (socket, peer) = try System.accept(listener)
                count += 1
                clients.append(Client(socket: socket, number: count, start: System.clock))
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
            return taken == 0
        } catch .tryAgain {
            return false
        } catch {
            complain("[\(clients[index].number, width: 3)] \(error)")
            return true
        }
    }

    private mutating func end(_ index: Int) {
        let client = clients.remove(at: index)
        print(
            Report.line(
                "\(client.number, width: 3)", from: 0, to: System.clock - client.start, bytes: client.bytes))
        standardOutput.flush()
        try? System.close(client.socket)
    }
}
