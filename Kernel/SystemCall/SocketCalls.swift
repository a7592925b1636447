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

    static func bind(_ descriptor: Int32, to name: UInt64) throws(SystemError) -> Int {
        try socket(descriptor).bind(to: SocketName(word: name))
        return 0
    }

    static func connect(_ descriptor: Int32, to name: UInt64) throws(SystemError) -> Int {
        try socket(descriptor).connect(to: SocketName(word: name))
        return 0
    }

    static func send(
        _ descriptor: Int32, from buffer: UserAddress, count: Int32, to name: UInt64
    ) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        return try socket(descriptor).send(from: buffer, count: Int(count), to: name == 0 ? nil : SocketName(word: name))
    }

    static func receive(
        _ descriptor: Int32, to buffer: UserAddress, count: Int32, source: UserAddress
    ) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        let received = try socket(descriptor).receive(to: buffer, count: Int(count))
        if source.rawValue != 0 { try source.store(received.source.word) }
        return received.count
    }

    static func localName(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        try address.store(try socket(descriptor).localName.word)
        return 0
    }

    static func remoteName(_ descriptor: Int32, to address: UserAddress) throws(SystemError) -> Int {
        try address.store(try socket(descriptor).remoteName().word)
        return 0
    }

    static func set(_ descriptor: Int32, option: Int32, to value: Int32) throws(SystemError) -> Int {
        guard let option = SocketOption(rawValue: option) else { throw .invalidArgument }
        try socket(descriptor).set(option, to: value)
        return 0
    }

    static func get(_ descriptor: Int32, option: Int32) throws(SystemError) -> Int {
        guard let option = SocketOption(rawValue: option) else { throw .invalidArgument }
        return try socket(descriptor).value(of: option)
    }
}
