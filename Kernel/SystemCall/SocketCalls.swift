// Berkeley sockets as system calls; SystemCallNumber has the contract. A socket is a descriptor: read, write, dup and
// close work on it as on any other.

import Storage
import SystemInterface

enum SocketCalls {
    /// Works on the socket behind a descriptor.
    private static func withSocket<Result>(
        _ descriptor: Int32, _ body: (borrowing SocketFile) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let file = try current.value.files.file(descriptor)
        switch file.value.kind {
        case .socket(let socket): return try body(socket)
        default: throw .notSocket
        }
    }

    static func make(_ kind: Int32) throws(SystemError) -> Int {
        guard let kind = SocketKind(rawValue: kind) else { throw .invalidArgument }
        if kind == .capture { try current.requirePrivilege() }
        return try FileCalls.add(
            OpenFile(.socket(SocketFile(kind)), readable: true, writable: true, for: current.value.files))
    }

    static func bind(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        let address = try address.load(as: SocketAddress.self)
        try withSocket(descriptor) { (socket) throws(SystemError) in try socket.bind(to: address) }
        return 0
    }

    static func connect(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        let peer = try optional(address)
        try withSocket(descriptor) { (socket) throws(SystemError) in
            if let peer { try socket.connect(to: peer) } else { try socket.disconnect() }
        }
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
        let destination = try optional(address)
        return try withSocket(descriptor) { (socket) throws(SystemError) in
            try socket.send(from: buffer, count: Int(count), to: destination)
        }
    }

    static func receive(
        _ descriptor: Int32, to buffer: UserAddress, count: Int32, source: UserAddress
    ) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        let received = try withSocket(descriptor) { (socket) throws(SystemError) in
            try socket.receive(to: buffer, count: Int(count))
        }
        if source.rawValue != 0 { try source.store(received.source) }
        return received.count
    }

    static func localAddress(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        try address.store(try withSocket(descriptor) { $0.localAddress })
        return 0
    }

    static func peerAddress(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        try address.store(try withSocket(descriptor) { (socket) throws(SystemError) in try socket.peerAddress() })
        return 0
    }

    static func set(_ descriptor: Int32, option: Int32, to value: Int32) throws(SystemError) -> Int {
        guard let option = SocketOption(rawValue: option) else { throw .invalidArgument }
        try withSocket(descriptor) { (socket) throws(SystemError) in try socket.set(option, to: value) }
        return 0
    }

    static func get(_ descriptor: Int32, option: Int32, to record: UserAddress) throws(SystemError) -> Int {
        guard let option = SocketOption(rawValue: option) else { throw .invalidArgument }
        return try withSocket(descriptor) { (socket) throws(SystemError) -> Int in
            switch option {
            case .receiveTimeout: return socket.receiveTimeout
            case .errorCode: return socket.errorCode
            case .errorReporter: try record.store(socket.errorReporter)
            case .nonBlocking: return socket.isNonBlocking ? 1 : 0
            default: throw .invalidArgument  // these can only be set
            }
            return 0
        }
    }
}
