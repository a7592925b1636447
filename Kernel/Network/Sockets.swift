// Sockets in the kernel: what a descriptor of one reads and writes, and the threads that wait for it. The stack has the sockets themselves.

import Drivers
import Machine
import NetStack
import SystemInterface

/// A socket behind a descriptor.
struct SocketFile {
    let number: Int

    private var place: UnsafeMutablePointer<SocketWaiters> { Sockets.places + number }

    func close() {
        Network.onStack { $0.closeSocket(number) }
        place.pointee.readers.wakeAll()
        place.pointee.pollers.wake()
    }

    func bind(to address: SocketAddress) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in try stack.bindSocket(number, to: Endpoint(address)) }
        }
    }

    func connect(to peer: SocketAddress) throws(SystemError) {
        try Leases.awaitAddress(for: IPAddress(peer.address))
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in try stack.connectSocket(number, to: Endpoint(peer)) }
        }
    }

    func disconnect() throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in try stack.disconnectSocket(number) }
        }
    }

    func set(_ option: SocketOption, to value: Int32) throws(SystemError) {
        switch option {
        case .broadcast: Network.onStack { $0.setBroadcast(number, allowed: value != 0) }
        case .receiveTimeout:
            guard value >= 0 else { throw .invalidArgument }
            place.pointee.timeout = UInt32(value)
        case .timeToLive:
            guard value >= 1, value <= 255 else { throw .invalidArgument }
            Network.onStack { $0.setTimeToLive(number, UInt8(value)) }
        case .errorReporter: throw .invalidArgument
        }
    }

    var receiveTimeout: Int { Int(place.pointee.timeout) }

    var errorReporter: NetworkAddress { Network.onStack { NetworkAddress($0.errorReporter(ofSocket: number)) } ?? .none }

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
        return bits
    }

    func withPollQueue(_ body: (inout PollQueue) -> Void) { body(&place.pointee.pollers) }

    /// Sends one datagram from user memory; to the connected peer if `destination` is nil.
    func send(from source: UserAddress, count: Int, to destination: SocketAddress?) throws(SystemError) -> Int {
        guard count <= Stack.datagramLimit else { throw .messageTooLong }
        // The payload goes straight into the packets that leave, outside the lock; only the headers are put on under it.
        let firstCount = min(count, FragmentSize.ethernet - UDPHeader.byteCount)
        var parts = PacketQueue()
        parts.append(try Self.copyIn(from: source, count: firstCount))
        var taken = firstCount
        while taken < count {
            let piece = min(count - taken, FragmentSize.ethernet)
            parts.append(try Self.copyIn(from: source + taken, count: piece))
            taken += piece
        }
        if let destination { try Leases.awaitAddress(for: IPAddress(destination.address)) }
        var waiting = parts.coupled()
        try Network.withStack { (stack) throws(SystemError) in
            guard let packet = waiting.take() else { return }
            do throws(SocketError) {
                try stack.send(packet, from: number, to: destination.map { Endpoint($0) }, now: Clock.now)
            } catch {
                throw error.systemError
            }
        }
        return count
    }

    private static func copyIn(from source: UserAddress, count: Int) throws(SystemError) -> Packet {
        guard var packet = Network.takePacket() else { throw .noBufferSpace }
        guard packet.resize(to: count), source.copyIn(to: packet.firstByte, count: count) == count else { throw .badAddress }
        return packet
    }

    /// Waits for one datagram and copies its payload out, cut at `count` bytes.
    func receive(to destination: UserAddress, count: Int) throws(SystemError) -> (count: Int, source: SocketAddress) {
        let limit = place.pointee.timeout
        let deadline = limit == 0 ? nil : Clock.ticks(after: .milliseconds(UInt64(limit)))
        var datagram = try place.pointee.readers.wait(until: deadline) { () throws(SystemError) -> Datagram? in
            var result: Swift.Result<Void, SystemError> = .success(())
            let datagram = Network.onStack { stack -> Datagram? in
                do throws(SocketError) {
                    return try stack.receive(from: number)
                } catch {
                    result = .failure(error.systemError)
                    return nil
                }
            } ?? nil
            try result.get()
            return datagram
        }
        let taken = min(count, datagram.payload.count)
        guard destination.copyOut(from: datagram.payload.firstByte, count: taken) == taken else { throw .badAddress }
        let source = SocketAddress(datagram.source)
        guard let rest = datagram.payload.takeRest() else { return (taken, source) }
        return (try copyOut(rest, to: destination, from: taken, limit: count), source)
    }

    /// Copies the further parts of a datagram; returns where it ends.
    private func copyOut(
        _ train: consuming Packet, to destination: UserAddress, from start: Int, limit: Int
    ) throws(SystemError) -> Int {
        var end = start
        var rest: Packet? = consume train
        while end < limit, var piece = rest.take() {
            rest = piece.takeRest()
            let taken = min(limit - end, piece.count)
            guard (destination + end).copyOut(from: piece.firstByte, count: taken) == taken else { throw .badAddress }
            end += taken
        }
        return end
    }
}

/// The threads that wait for one socket.
private struct SocketWaiters: ~Copyable {
    var readers = WaitQueue()
    var pollers = PollQueue()
    /// Milliseconds that a read waits; 0: for ever.
    var timeout: UInt32 = 0
}

enum Sockets {
    /// By socket number.
    nonisolated(unsafe) fileprivate static var places = UnsafeMutablePointer<SocketWaiters>(bitPattern: 8).unsafelyUnwrapped

    /// - Parameter count: the users' sockets.
    static func start(_ count: Int) {
        places = bootTable(SocketWaiters.self, count)
        for i in 0..<count { (places + i).initialize(to: SocketWaiters()) }
    }

    static func make(_ kind: SocketKind) throws(SystemError) -> SocketFile {
        let number = try Network.withStack { (stack) throws(SystemError) -> Int in
            try throwingSystemError { () throws(SocketError) in
                kind == .capture ? try stack.openCapture() : try stack.openSocket()
            }
        }
        places[number].timeout = 0
        return SocketFile(number: number)
    }

    /// A socket has become readable, or reports an error.
    static func wake(_ socket: Int) {
        places[socket].readers.wakeAll()
        places[socket].pollers.wake()
    }
}

private func throwingSystemError<Result>(_ body: () throws(SocketError) -> Result) throws(SystemError) -> Result {
    do throws(SocketError) { return try body() } catch { throw error.systemError }
}

extension SocketError {
    /// The number that crosses the system-call border.
    var systemError: SystemError {
        switch self {
        case .tooManySockets: .tooManyFilesInSystem
        case .addressInUse: .addressInUse
        case .notOurAddress: .addressNotAvailable
        case .noDestination: .destinationRequired
        case .badDestination: .invalidArgument
        case .broadcastNotAllowed: .accessDenied
        case .noRoute, .networkUnreachable: .networkUnreachable
        case .noInterface: .networkDown
        case .tooLarge: .messageTooLong
        case .noMemory: .noBufferSpace
        case .refused: .connectionRefused
        case .hostUnreachable: .hostUnreachable
        }
    }
}
