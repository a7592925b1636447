// Sockets in the kernel: what a descriptor of one reads and writes, and the threads that wait for it. The stack has the
// sockets themselves.

import Drivers
import Machine
import NetStack
import Storage
import Synchronization
import SystemInterface

/// A socket behind a descriptor; its end closes the socket.
struct SocketFile: ~Copyable {
    let number: Int
    let isStream: Bool

    private var place: Ref<SocketWaiters> { Sockets.places.ref(number) }

    /// Opens a socket.
    /// - Parameter mayTakeLast: one of the last eighth, too.
    /// - Throws: tooManyFilesInSystem; networkDown; noBufferSpace.
    init(_ kind: SocketKind, mayTakeLast: Bool) throws(SystemError) {
        number = try Network.withStack { (stack) throws(SystemError) -> Int in
            try throwingSystemError { () throws(SocketError) in
                guard mayTakeLast || !stack.hasFewSockets else { throw .tooManySockets }
                switch kind {
                case .datagram: return try stack.openSocket()
                case .stream: return try stack.openStream()
                case .capture: return try stack.openCapture()
                case .echo: return try stack.openEcho()
                }
            }
        }
        isStream = kind == .stream
        place.value.reset()
    }

    /// The socket of a connection that was accepted.
    init(accepted number: Int) {
        self.number = number
        isStream = true
        place.value.reset()
    }

    deinit {
        let number = number
        _ = try? Network.withStack { (stack) throws(SystemError) in stack.closeSocket(number, now: Clock.now) }
        place.value.readers.wakeAll()
        place.value.pollers.wake()
    }

    func bind(to address: SocketAddress) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in try stack.bindSocket(number, to: Endpoint(address)) }
        }
    }

    func connect(to peer: SocketAddress) throws(SystemError) {
        try Leases.awaitAddress(for: IPAddress(peer.address))
        if isStream { return try connectStream(to: peer) }
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in
                try stack.connectSocket(number, to: Endpoint(peer), now: Clock.now)
            }
        }
    }

    func disconnect() throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in try stack.disconnectSocket(number) }
        }
    }

    func set(_ option: SocketOption, to value: Int32) throws(SystemError) {
        if isStream, let streamOption = option.ofStreams {
            let isSet = Network.onStack { $0.setStream(number, streamOption, Int(value), now: Clock.now) } ?? false
            guard isSet else { throw .invalidArgument }
            return
        }
        switch option {
        case .broadcast: Network.onStack { $0.setBroadcast(number, allowed: value != 0) }
        case .receiveTimeout:
            guard value >= 0 else { throw .invalidArgument }
            place.value.timeout.store(UInt32(value), ordering: .relaxed)
        case .timeToLive, .multicastTimeToLive:
            guard value >= 1, value <= 255 else { throw .invalidArgument }
            Network.onStack {
                if option == .timeToLive {
                    $0.setTimeToLive(number, UInt8(value))
                } else {
                    $0.setGroupTimeToLive(number, UInt8(value))
                }
            }
        case .reuseAddress: Network.onStack { $0.setReuse(number, address: value != 0) }
        case .reusePort: Network.onStack { $0.setReuse(number, port: value != 0) }
        case .nonBlocking: place.value.isNonBlocking.store(value != 0, ordering: .relaxed)
        case .sendTimeout:
            guard value >= 0 else { throw .invalidArgument }
            place.value.sendTimeout.store(UInt32(value), ordering: .relaxed)
        default: throw .invalidArgument  // to be read only, or of streams alone
        }
    }

    var mayWait: Bool { !place.value.isNonBlocking.load(ordering: .relaxed) }
    var isNonBlocking: Bool { !mayWait }
    var receiveTimeout: Int { Int(place.value.timeout.load(ordering: .relaxed)) }
    var sendTimeout: Int { Int(place.value.sendTimeout.load(ordering: .relaxed)) }

    /// The value of an option of streams.
    func streamOption(_ option: StreamOption) throws(SystemError) -> Int {
        guard let value = Network.onStack({ $0.streamOption(number, option) }) ?? nil else { throw .invalidArgument }
        return value
    }

    /// The error that ended the connection, as its number; 0: none. It is reported once.
    func takeError() -> Int {
        let error = Network.onStack { $0.takeStreamError(number) } ?? nil
        return error.map { Int($0.systemError.rawValue) } ?? 0
    }

    func streamReport() throws(SystemError) -> StreamReport {
        let report = Network.onStack { stack -> StreamReport? in
            stack.streamInfo(number).map {
                StreamReport(
                    $0, local: stack.localAddress(ofSocket: number), peer: stack.peerAddress(ofSocket: number),
                    isOpen: true)
            }
        }
        guard let report = report ?? nil else { throw .invalidArgument }
        return report
    }

    var errorReporter: NetworkAddress {
        Network.onStack { NetworkAddress($0.errorReporter(ofSocket: number)) } ?? .none
    }

    var errorCode: Int { Int(Network.onStack { $0.errorCode(ofSocket: number) } ?? 0) }

    var localAddress: SocketAddress { Network.onStack { SocketAddress($0.localAddress(ofSocket: number)) } ?? .none }

    func peerAddress() throws(SystemError) -> SocketAddress {
        guard let peer = Network.onStack({ $0.peerAddress(ofSocket: number).map { SocketAddress($0) } }) ?? nil else {
            throw .notConnected
        }
        return peer
    }

    /// Bits of PollEntry.
    var readiness: Int16 {
        guard let readiness = Network.onStack({ $0.readiness(number) }) else { return PollEntry.error }
        var bits: Int16 = 0
        if readiness.contains(.readable) { bits |= PollEntry.readable }
        if readiness.contains(.writable) { bits |= PollEntry.writable }
        if readiness.contains(.error) { bits |= PollEntry.error }
        if readiness.contains(.hangUp) { bits |= PollEntry.hangUp }
        return bits
    }

    func withPollQueue(_ body: (borrowing PollQueue) -> Void) { body(place.value.pollers) }

    func withReaders<Result>(
        _ body: (borrowing WaitQueue) throws(SystemError) -> Result
    ) throws(SystemError) -> Result { try body(place.value.readers) }

    /// Sends one datagram from user memory; to the connected peer if `destination` is nil. Waits for packets and for
    /// room in the card, unless the socket is non-blocking.
    func send(from source: UserAddress, count: Int, to destination: SocketAddress?) throws(SystemError) -> Int {
        // An echo message has its header in front; the stack looks closer.
        guard count <= Stack.datagramLimit + UDPHeader.byteCount else { throw .messageTooLong }
        // The payload goes straight into the packets that leave, outside the lock; only the headers are put on under
        // it.
        let firstCount = min(count, FragmentSize.ethernet - UDPHeader.byteCount)
        var parts = PacketQueue()
        parts.append(try copyIn(from: source, count: firstCount))
        var taken = firstCount
        while taken < count {
            let piece = min(count - taken, FragmentSize.ethernet)
            parts.append(try copyIn(from: source + taken, count: piece))
            taken += piece
        }
        if let destination { try Leases.awaitAddress(for: IPAddress(destination.address)) }
        var waiting = parts.coupled()
        while true {
            let congested = try Network.withStack { (stack) throws(SystemError) -> InterfaceID? in
                if let id = stack.congestion(from: number, toward: destination.map { Endpoint($0) }) { return id }
                guard let packet = waiting.take() else { return nil }
                do throws(SocketError) {
                    try stack.send(packet, from: number, to: destination.map { Endpoint($0) }, now: Clock.now)
                } catch {
                    throw error.systemError
                }
                return nil
            }
            guard let congested else { return count }
            guard mayWait else { throw .noBufferSpace }
            try Network.awaitRoom(on: congested)
        }
    }

    private func copyIn(from source: UserAddress, count: Int) throws(SystemError) -> Packet {
        var packet = try Network.takePacket(mayWait: mayWait)
        guard packet.resize(to: count) else { throw .messageTooLong }
        var bytes = packet.mutableBytes
        guard source.copyIn(to: &bytes) == count else { throw .badAddress }
        return packet
    }

    /// Waits for one datagram and copies its payload out, cut at `count` bytes.
    func receive(to destination: UserAddress, count: Int) throws(SystemError) -> (count: Int, source: SocketAddress) {
        let limit = place.value.timeout.load(ordering: .relaxed)
        let deadline = limit == 0 ? nil : Clock.ticks(after: .milliseconds(UInt64(limit)))
        let datagram = try place.value.readers.wait(until: deadline) { () throws(SystemError) -> Datagram? in
            var result: Swift.Result<Void, SystemError> = .success(())
            let datagram =
                Network.onStack { stack -> Datagram? in
                    do throws(SocketError) {
                        return try stack.receive(from: number)
                    } catch {
                        result = .failure(error.systemError)
                        return nil
                    }
                } ?? nil
            try result.get()
            if datagram == nil, !mayWait { throw .tryAgain }
            return datagram
        }
        let source = SocketAddress(datagram.source)
        return (try Self.copyAllOut(datagram.payload, to: destination, limit: count), source)
    }

    /// Copies at most `limit` bytes of a packet out; returns how many.
    private static func copyOut(_ packet: borrowing Packet, to destination: UserAddress, limit: Int) throws(SystemError)
        -> Int
    {
        let taken = min(limit, packet.count)
        guard destination.copyOut(packet.bytes.extracting(first: taken)) == taken else { throw .badAddress }
        return taken
    }

    /// Copies a train out; returns how many bytes.
    static func copyAllOut(
        _ packet: consuming Packet, to destination: UserAddress, limit: Int
    ) throws(SystemError) -> Int {
        let taken = try copyOut(packet, to: destination, limit: limit)
        guard let rest = packet.takeRest() else { return taken }
        return try copyOut(rest, to: destination, from: taken, limit: limit)
    }

    /// Copies the further parts of a datagram; returns where it ends.
    private static func copyOut(
        _ train: consuming Packet, to destination: UserAddress, from start: Int, limit: Int
    ) throws(SystemError) -> Int {
        var end = start
        var rest: Packet? = consume train
        while end < limit, var piece = rest.take() {
            rest = piece.takeRest()
            end += try copyOut(piece, to: destination + end, limit: limit - end)
        }
        return end
    }
}

/// The threads that wait for one socket.
private struct SocketWaiters: ~Copyable {
    let readers = WaitQueue()
    let pollers = PollQueue()
    /// Milliseconds that a read waits; 0: for ever.
    let timeout = Atomic<UInt32>(0)
    let sendTimeout = Atomic<UInt32>(0)
    let isNonBlocking = Atomic<Bool>(false)

    /// For a socket that was just made.
    func reset() {
        timeout.store(0, ordering: .relaxed)
        sendTimeout.store(0, ordering: .relaxed)
        isNonBlocking.store(false, ordering: .relaxed)
    }
}

enum Sockets {
    /// By socket number.
    fileprivate static let places = BootTable<SocketWaiters>()

    /// Makes the wait queues. Once, during start-up.
    /// - Parameter count: the users' sockets.
    static func start(_ count: Int) { places.start(count) { _ in SocketWaiters() } }

    /// Wakes the threads that wait for a socket: it has become readable, or reports an error.
    static func wake(_ socket: Int) {
        places[socket].readers.wakeAll()
        places[socket].pollers.wake()
    }
}

private func throwingSystemError<Result>(_ body: () throws(SocketError) -> Result) throws(SystemError) -> Result {
    do throws(SocketError) { return try body() } catch { throw error.systemError }
}
