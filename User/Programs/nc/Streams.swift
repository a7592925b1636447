// nc over TCP.

import SystemInterface
import UserLibrary

enum Streams {
    static func run(_ address: SocketAddress, _ wish: Wish) throws(SystemError) -> Int32 {
        guard wish.listens else {
            let socket: FileDescriptor
            do throws(SystemError) {
                socket = try System.connected(to: address, limit: wish.limit >= 0 ? wish.limit : nil)
            } catch {
                if wish.onlyLooks { return 1 }
                fail("\(address): \(error)")
            }
            return wish.onlyLooks ? 0 : try serve(socket, wish)
        }
        let listener = try System.listening(at: address.port)
        if wish.limit >= 0 { try System.set(.receiveTimeout, of: listener, to: max(1, wish.limit)) }
        repeat {
            let connection: FileDescriptor
            let peer: SocketAddress
            do throws(SystemError) {
                (connection, peer) = try System.accept(listener)
            } catch .timedOut {
                return 0
            }
            var status: Int32 = 1
            do throws(SystemError) {
                status = try serve(connection, wish)
            } catch {
                guard wish.keepsListening else { throw error }
                complain("\(peer): \(error)")  // that connection ends, the next is served
            }
            try System.close(connection)
            guard wish.keepsListening else { return status }
        } while true
    }

    private static func serve(_ socket: FileDescriptor, _ wish: Wish) throws(SystemError) -> Int32 {
        if wish.executes { return try execute(wish.program, with: socket) }
        return try talk(socket, limit: wish.limit)
    }

    /// Runs a program whose input and outputs are the connection.
    private static func execute(_ program: [[UInt8]], with socket: FileDescriptor) throws(SystemError) -> Int32 {
        standardOutput.flush()
        let pid = try System.fork()
        if pid == 0 {
            do throws(SystemError) {
                for file in [FileDescriptor.standardInput, .standardOutput, .standardError] {
                    try System.duplicate(socket, as: file)
                }
                try System.close(socket)
            } catch {
                fail("\(error)")
            }
            end(UserLibrary.execute(program))
        }
        return try System.wait(for: pid).shellStatus
    }

    /// Standard input to the peer, and what it sends to standard output, until both have ended.
    private static func talk(_ socket: FileDescriptor, limit: Int32) throws(SystemError) -> Int32 {
        var entries = [
            PollEntry(descriptor: socket.rawValue), PollEntry(descriptor: FileDescriptor.standardInput.rawValue),
        ]
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            if try System.poll(&entries, milliseconds: limit) == 0 { return 0 }
            if entries[0].returned != 0 {
                let count = try System.receiveStream(socket, into: &buffer)
                if count == 0 { return 0 }
                standardOutput.write(buffer.span.extracting(0..<count))
                standardOutput.flush()
            }
            if entries[1].returned != 0 {
                let count = try readPiece(.standardInput, into: &buffer)
                if count > 0 {
                    _ = try System.sendStream(socket, buffer.span.extracting(0..<count))
                } else {
                    entries[1].descriptor = -1
                    try System.shutdown(socket, .sending)
                }
            }
        }
    }
}
