// Sockets in the kernel: what a descriptor of one reads and writes, and who sleeps for it. The stack has the sockets themselves.

import Drivers
import Machine
import NetStack
import SystemInterface

/// A socket behind a descriptor.
struct SocketFile {
    let number: Int

    private var waiters: UnsafeMutablePointer<WaitQueue> { Sockets.waiters + number }
    private var timeout: UnsafeMutablePointer<UInt32> { Sockets.timeouts + number }

    func close() {
        Network.onStack { $0.closeSocket(number) }
        waiters.pointee.wakeAll()
    }

    func bind(to name: SocketName) throws(SystemError) {
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in try stack.bindSocket(number, to: SocketAddress(name)) }
        }
    }

    func connect(to name: SocketName) throws(SystemError) {
        if name.port != 0 { try Leases.awaitAddress(for: IPv4Address(bits: name.address)) }
        try Network.withStack { (stack) throws(SystemError) in
            try throwingSystemError { () throws(SocketError) in try stack.connectSocket(number, to: SocketAddress(name)) }
        }
    }

    func set(_ option: SocketOption, to value: Int32) throws(SystemError) {
        switch option {
        case .broadcast: Network.onStack { $0.setBroadcast(number, allowed: value != 0) }
        case .receiveTimeout:
            guard value >= 0 else { throw .invalidArgument }
            timeout.pointee = UInt32(value)
        case .timeToLive:
            guard value >= 1, value <= 255 else { throw .invalidArgument }
            Network.onStack { $0.setTimeToLive(number, UInt8(value)) }
        case .errorReporter: throw .invalidArgument
        }
    }

    func value(of option: SocketOption) throws(SystemError) -> Int {
        switch option {
        case .receiveTimeout: Int(timeout.pointee)
        case .errorReporter: Int(Network.onStack { $0.errorReporter(ofSocket: number).bits } ?? 0)
        case .broadcast, .timeToLive: throw .invalidArgument  // whoever set them knows
        }
    }

    var localName: SocketName { Network.onStack { SocketName($0.localAddress(ofSocket: number)) } ?? SocketName(word: 0) }

    func remoteName() throws(SystemError) -> SocketName {
        guard let name = Network.onStack({ $0.remoteAddress(ofSocket: number).map { SocketName($0) } }) ?? nil else {
            throw .notConnected
        }
        return name
    }

    var isReadable: Bool { Network.onStack { $0.isReadable(number) } ?? true }

    /// Sends one datagram from user memory; to the connected peer if `name` is nil.
    func send(from source: UserAddress, count: Int, to name: SocketName?) throws(SystemError) -> Int {
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
        if let name { try Leases.awaitAddress(for: IPv4Address(bits: name.address)) }
        var waiting = parts.coupled()
        try Network.withStack { (stack) throws(SystemError) in
            guard let packet = waiting.take() else { return }
            do throws(SocketError) {
                try stack.send(packet, from: number, to: name.map { SocketAddress($0) }, now: Clock.now)
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
    func receive(to destination: UserAddress, count: Int) throws(SystemError) -> (count: Int, source: SocketName) {
        let limit = timeout.pointee
        let deadline = limit == 0 ? nil : Clock.ticks(after: .milliseconds(UInt64(limit)))
        var datagram = try waiters.pointee.wait(until: deadline) { () throws(SystemError) -> Datagram? in
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
        let source = SocketName(datagram.source)
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

enum Sockets {
    nonisolated(unsafe) fileprivate static var waiters = UnsafeMutablePointer<WaitQueue>(bitPattern: 8).unsafelyUnwrapped
    /// Milliseconds that a read waits; 0: for ever.
    nonisolated(unsafe) fileprivate static var timeouts = UnsafeMutablePointer<UInt32>(bitPattern: 8).unsafelyUnwrapped

    static func start() {
        waiters = bootTable(WaitQueue.self, Stack.socketLimit)
        timeouts = bootTable(UInt32.self, Stack.socketLimit)
        for index in 0..<Stack.socketLimit {
            (waiters + index).initialize(to: WaitQueue())
            (timeouts + index).initialize(to: 0)
        }
    }

    static func make(_ kind: SocketKind) throws(SystemError) -> SocketFile {
        let number = try Network.withStack { (stack) throws(SystemError) -> Int in
            try throwingSystemError { () throws(SocketError) in
                kind == .capture ? try stack.openCapture() : try stack.openSocket()
            }
        }
        timeouts[number] = 0
        return SocketFile(number: number)
    }

    /// Wakes who waits for these sockets: bit i is socket i.
    static func wake(_ ready: UInt64) {
        guard ready != 0 else { return }
        var left = ready
        while left != 0 {
            waiters[left.trailingZeroBitCount].wakeAll()
            left &= left - 1
        }
        Poll.changed()
    }
}

private func throwingSystemError<Result>(_ body: () throws(SocketError) -> Result) throws(SystemError) -> Result {
    do throws(SocketError) { return try body() } catch { throw error.systemError }
}

extension SocketName {
    init(_ address: SocketAddress) { self.init(address: address.address.bits, port: address.port) }
}

extension SocketAddress {
    init(_ name: SocketName) { self.init(IPv4Address(bits: name.address), name.port) }
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
