// Berkeley sockets as system calls; SystemCallNumber has the contract. A socket is a descriptor: read, write, dup and close work
// on it as on any other.

import SystemInterface

enum SocketCalls {
    private static func socket(_ descriptor: Int32) throws(SystemError) -> SocketFile {
        guard let file = current.pointee.files[descriptor] else { throw .badDescriptor }
        guard case .socket(let socket) = file.pointee.kind else { throw .notSocket }
        return socket
    }

    static func make(_ kind: Int32) throws(SystemError) -> Int {
        guard let kind = SocketKind(rawValue: kind) else { throw .invalidArgument }
        let socket = try Sockets.make(kind)
        let file: OpenFileRef
        do throws(SystemError) {
            file = try OpenFiles.make(.socket(socket), readable: true, writable: true)
        } catch {
            socket.close()
            throw error
        }
        return try FileCalls.add(file)
    }

    static func bind(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        try socket(descriptor).bind(to: try address.load(as: SocketAddress.self))
        return 0
    }

    static func connect(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        let socket = try socket(descriptor)
        if let peer = try optional(address) { try socket.connect(to: peer) } else { try socket.disconnect() }
        return 0
    }

    /// The address in a record; nil for a pointer of 0.
    private static func optional(_ address: UserAddress) throws(SystemError) -> SocketAddress? {
        guard address.rawValue != 0 else { return nil }
        return try address.load(as: SocketAddress.self)
    }

    static func send(
        _ descriptor: Int32, from buffer: UserAddress, count: Int32, to address: UserAddress
    ) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        return try socket(descriptor).send(from: buffer, count: Int(count), to: try optional(address))
    }

    static func receive(
        _ descriptor: Int32, to buffer: UserAddress, count: Int32, source: UserAddress
    ) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        let received = try socket(descriptor).receive(to: buffer, count: Int(count))
        if source.rawValue != 0 { try source.store(received.source) }
        return received.count
    }

    static func localAddress(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        try address.store(try socket(descriptor).localAddress)
        return 0
    }

    static func peerAddress(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        try address.store(try socket(descriptor).peerAddress())
        return 0
    }

    static func set(_ descriptor: Int32, option: Int32, to value: Int32) throws(SystemError) -> Int {
        guard let option = SocketOption(rawValue: option) else { throw .invalidArgument }
        try socket(descriptor).set(option, to: value)
        return 0
    }

    static func get(_ descriptor: Int32, option: Int32, to record: UserAddress) throws(SystemError) -> Int {
        guard let option = SocketOption(rawValue: option) else { throw .invalidArgument }
        let socket = try socket(descriptor)
        switch option {
        case .receiveTimeout: return socket.receiveTimeout
        case .errorReporter: try record.store(socket.errorReporter)
        case .broadcast, .timeToLive: throw .invalidArgument  // the program that set them knows them
        }
        return 0
    }
}
