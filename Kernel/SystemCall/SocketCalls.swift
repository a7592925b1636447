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
        let socket = try SocketFile(kind, mayTakeLast: current.value.files.isFew)
        return try FileCalls.add(
            OpenFile(.socket(socket), readable: true, writable: true, for: current.value.files))
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
            guard !socket.isStream else {
                guard destination == nil else { throw .alreadyConnected }
                return try socket.sendStream(from: buffer, count: Int(count), flags: [])
            }
            return try socket.send(from: buffer, count: Int(count), to: destination)
        }
    }

    static func receive(
        _ descriptor: Int32, to buffer: UserAddress, count: Int32, source: UserAddress
    ) throws(SystemError) -> Int {
        guard count >= 0 else { throw .invalidArgument }
        let received = try withSocket(descriptor) {
            (socket) throws(SystemError) -> (count: Int, source: SocketAddress) in
            guard !socket.isStream else {
                return (try socket.receiveStream(to: buffer, count: Int(count), flags: []), try socket.peerAddress())
            }
            return try socket.receive(to: buffer, count: Int(count))
        }
        if source.rawValue != 0 { try source.store(received.source) }
        return received.count
    }

    // MARK: Streams

    private static func withStream<Result>(
        _ descriptor: Int32, _ body: (borrowing SocketFile) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        try withSocket(descriptor) { (socket) throws(SystemError) in
            guard socket.isStream else { throw .invalidArgument }
            return try body(socket)
        }
    }

    static func listen(_ descriptor: Int32, backlog: Int32) throws(SystemError) -> Int {
        try withStream(descriptor) { (socket) throws(SystemError) in try socket.listen(backlog: Int(backlog)) }
        return 0
    }

    static func accept(_ descriptor: Int32, peer address: UserAddress) throws(SystemError) -> Int {
        var file: OpenFile?
        var peer = SocketAddress.none
        // A connection that was taken from the queue cannot be put back.
        guard current.value.files.hasRoom else { throw .tooManyFiles }
        let mayTakeLast = current.value.files.isFew
        var place: FilePlace? = try FilePlace(for: current.value.files)
        try withStream(descriptor) { (socket) throws(SystemError) in
            let accepted = try socket.accept(mayTakeLast: mayTakeLast)
            // One that is reset already has no peer any more.
            do throws(SystemError) { peer = try accepted.peerAddress() } catch {}
            guard let place = place.take() else { throw .invalidArgument }
            file = OpenFile(.socket(accepted), readable: true, writable: true, at: place)
        }
        if address.rawValue != 0 { try address.store(peer) }
        guard let file = file.take() else { throw .invalidArgument }
        return try FileCalls.add(file)
    }

    static func shutdown(_ descriptor: Int32, _ how: Int32) throws(SystemError) -> Int {
        guard let how = ShutdownKind(rawValue: how) else { throw .invalidArgument }
        try withStream(descriptor) { (socket) throws(SystemError) in try socket.shutdown(how) }
        return 0
    }

    private static func flags(_ bits: Int32) throws(SystemError) -> MessageFlags {
        let flags = MessageFlags(rawValue: bits)
        guard flags.isSubset(of: .all) else { throw .invalidArgument }
        return flags
    }

    static func send(
        _ descriptor: Int32, from buffer: UserAddress, count: Int32, flags bits: Int32
    ) throws(SystemError) -> Int {
        let flags = try flags(bits)
        guard count >= 0 else { throw .invalidArgument }
        return try withStream(descriptor) { (socket) throws(SystemError) in
            try socket.sendStream(from: buffer, count: Int(count), flags: flags)
        }
    }

    static func receive(
        _ descriptor: Int32, to buffer: UserAddress, count: Int32, flags bits: Int32
    ) throws(SystemError) -> Int {
        let flags = try flags(bits)
        guard count >= 0 else { throw .invalidArgument }
        return try withStream(descriptor) { (socket) throws(SystemError) in
            try socket.receiveStream(to: buffer, count: Int(count), flags: flags)
        }
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
            case .sendTimeout: return socket.sendTimeout
            case .error: return socket.takeError()
            case .info: try record.store(try socket.streamReport())
            case let option where socket.isStream && option.ofStreams != nil:
                if let option = option.ofStreams { return try socket.streamOption(option) }
            default: throw .invalidArgument  // these can only be set
            }
            return 0
        }
    }
}
