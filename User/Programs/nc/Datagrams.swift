// nc -u: lines of the terminal out as datagrams, datagrams in as text.

import SystemInterface
import UserLibrary

enum Datagrams {
    static func run(_ socket: FileDescriptor, _ wish: Wish) throws(SystemError) -> Int32 {
        if wish.onlyLooks { return try look(socket, limit: wish.limit < 0 ? 1000 : max(1, wish.limit)) }
        if wish.executes { return try echo(socket, limit: wish.limit) }
        return try talk(socket, isConnected: !wish.listens, keepsListening: wish.keepsListening, limit: wish.limit)
    }

    /// Whether no error comes back.
    private static func look(_ socket: FileDescriptor, limit: Int32) throws(SystemError) -> Int32 {
        let nothing: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1)
        try System.set(.receiveTimeout, of: socket, to: limit)
        do throws(SystemError) {
            try System.send(socket, nothing.span)
            _ = try System.receive(socket, into: &buffer)
        } catch .connectionRefused {
            return 1
        } catch .timedOut {}
        return 0
    }

    private static func echo(_ socket: FileDescriptor, limit: Int32) throws(SystemError) -> Int32 {
        var buffer = [UInt8](repeating: 0, count: 65536)
        if limit >= 0 { try System.set(.receiveTimeout, of: socket, to: max(1, limit)) }
        while true {
            do throws(SystemError) {
                let (count, source) = try System.receive(socket, into: &buffer)
                // One peer that cannot be answered does not end the service for the others, and has no line each.
                do throws(SystemError) {
                    try System.send(socket, buffer.span.extracting(0..<count), to: source)
                } catch {}
            } catch .timedOut {
                return 0
            } catch .connectionRefused {}  // a sender that has gone, told of late
        }
    }

    /// Says why not when a peer cannot be answered: another may come.
    private static func canConnect(_ socket: FileDescriptor, to peer: SocketAddress) -> Bool {
        do throws(SystemError) {
            try System.connect(socket, to: peer)
            return true
        } catch {
            complain("\(peer): cannot be answered: \(error)")
            return false
        }
    }

    private static func talk(
        _ socket: FileDescriptor, isConnected: Bool, keepsListening: Bool, limit: Int32
    ) throws(SystemError) -> Int32 {
        var entries = [
            PollEntry(descriptor: socket.rawValue), PollEntry(descriptor: FileDescriptor.standardInput.rawValue),
        ]
        var buffer = [UInt8](repeating: 0, count: 65536)
        var peer: SocketAddress?
        var isConnected = isConnected
        // What was read and is not a whole line yet.
        var line: [UInt8] = []
        while true {
            if try System.poll(&entries, milliseconds: limit) == 0 { return 0 }
            if entries[0].returned != 0 {
                let (count, source) = try System.receive(socket, into: &buffer)
                peer = source
                if !isConnected, !keepsListening { isConnected = canConnect(socket, to: source) }
                standardOutput.write(buffer.span.extracting(0..<count))
                standardOutput.flush()
            }
            if entries[1].returned != 0 {
                let count = try readPiece(.standardInput, into: &buffer)
                for byte in buffer[0..<count] {
                    line.append(byte)
                    // A line is a datagram, wherever a pipe cuts it; one that no datagram holds goes in pieces.
                    if byte == 0x0a || line.count == datagramLimit {
                        send(line, socket, isConnected: isConnected, peer)
                        line.removeAll(keepingCapacity: true)
                    }
                }
                if count == 0 {
                    if !line.isEmpty { send(line, socket, isConnected: isConnected, peer) }
                    line.removeAll()
                    // The end of the input: wait for answers only as long as the limit says.
                    if limit < 0, isConnected { return 0 }
                    entries[1].descriptor = -1
                }
            }
        }
    }

    private static let datagramLimit = 65_507

    /// Sends a line to the peer, if there is one; says why not when that is another's fault.
    private static func send(_ line: [UInt8], _ socket: FileDescriptor, isConnected: Bool, _ peer: SocketAddress?) {
        guard isConnected || peer != nil else { return }
        do throws(SystemError) {
            try System.send(socket, line.span, to: isConnected ? nil : peer)
        } catch {
            if isConnected { fail("\(error)") }
            complain("\(peer ?? SocketAddress(.none, port: 0)): not answered: \(error)")
        }
    }
}
