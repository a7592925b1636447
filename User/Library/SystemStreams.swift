// System calls of streams (TCP), as Swift calls them.

public import SystemInterface
import UserMachine

extension System {
    /// A socket takes connections from now on.
    public static func listen(_ socket: FileDescriptor, backlog: Int32 = 128) throws(SystemError) {
        _ = try call(.listen, word(socket.rawValue), word(backlog))
    }

    /// Waits for a connection.
    public static func accept(_ socket: FileDescriptor) throws(SystemError) -> (FileDescriptor, peer: SocketAddress) {
        var peer = SocketAddress.none
        let descriptor = try withAddress(of: &peer) { ecall(.accept, word(socket.rawValue), $0) }.checked()
        return (FileDescriptor(Int32(descriptor)), peer)
    }

    /// Ends one half of a connection, or both.
    public static func shutdown(_ socket: FileDescriptor, _ how: ShutdownKind) throws(SystemError) {
        _ = try call(.shutdown, word(socket.rawValue), word(how.rawValue))
    }

    /// Sends bytes of a stream. Returns how many were taken over.
    public static func sendStream(
        _ socket: FileDescriptor, _ bytes: Span<UInt8>, flags: MessageFlags = []
    ) throws(SystemError) -> Int {
        try unsafe bytes.withUnsafeBufferPointer {  // the kernel only reads
            ecall(.send, word(socket.rawValue), UInt(bitPattern: $0.baseAddress), UInt($0.count), word(flags.rawValue))
        }.checked()
    }

    /// Takes what a stream has, as much as the buffer holds; 0 at its end.
    public static func receiveStream(
        _ socket: FileDescriptor, into buffer: inout [UInt8], flags: MessageFlags = []
    ) throws(SystemError) -> Int {
        try unsafe buffer.withUnsafeMutableBufferPointer {  // the kernel writes no more than the count
            ecall(
                .receive, word(socket.rawValue), UInt(bitPattern: $0.baseAddress), UInt($0.count), word(flags.rawValue))
        }.checked()
    }

    /// An option's value.
    public static func option(_ option: SocketOption, of socket: FileDescriptor) throws(SystemError) -> Int {
        try call(.getsockopt, word(socket.rawValue), word(option.rawValue))
    }

    /// A stream's connection as it is at the moment.
    public static func streamReport(_ socket: FileDescriptor) throws(SystemError) -> StreamReport {
        var report = StreamReport()
        _ = try withAddress(of: &report) {
            ecall(.getsockopt, word(socket.rawValue), word(SocketOption.info.rawValue), $0)
        }.checked()
        return report
    }

    /// The error that connecting met, or that ended the connection; nil: none.
    public static func takeStreamError(_ socket: FileDescriptor) throws(SystemError) -> SystemError? {
        let number = try call(.getsockopt, word(socket.rawValue), word(SocketOption.error.rawValue))
        return number == 0 ? nil : SystemError(rawValue: Int32(number))
    }

    /// Connects to a peer, and waits for that.
    /// - Parameter limit: milliseconds at most; nil: as long as the connection's own time-out.
    /// - Throws: timedOut, too, when the limit was reached.
    public static func connected(to peer: SocketAddress, limit: Int32? = nil) throws(SystemError) -> FileDescriptor {
        let socket = try System.socket(.stream)
        do throws(SystemError) {
            if let limit { try set(.sendTimeout, of: socket, to: max(1, limit)) }
            try connect(socket, to: peer)
            if limit != nil { try set(.sendTimeout, of: socket, to: 0) }
        } catch {
            try? close(socket)
            throw error == .inProgress ? .timedOut : error
        }
        return socket
    }

    /// Listens at a port of all of the machine's addresses.
    public static func listening(at port: UInt16) throws(SystemError) -> FileDescriptor {
        let socket = try System.socket(.stream)
        do throws(SystemError) {
            try set(.reuseAddress, of: socket, to: 1)
            try bind(socket, to: SocketAddress(.none, port: port))
            try listen(socket)
        } catch {
            try? close(socket)
            throw error
        }
        return socket
    }
}
