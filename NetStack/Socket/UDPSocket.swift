// Sockets: a fixed table, found by local port in constant time; what arrives waits in a bounded queue until it is read.
//
// Promise: a datagram goes to one socket, the one whose addresses fit most closely, or is dropped under a counted reason; all
// sockets together hold a limited share of the pool, so that readers that fell asleep do not stop the cards.

/// Why a socket call failed.
public enum SocketError: Error, Equatable {
    case tooManySockets, addressInUse, notOurAddress, noDestination, badDestination, broadcastNotAllowed
    case noRoute, noInterface, tooLarge, noMemory
    /// Reported by ICMP about an earlier datagram (RFC 1122, 4.1.3.3).
    case refused, hostUnreachable, networkUnreachable
}

/// An address and a port.
public struct SocketAddress: Equatable, Sendable {
    public var address: IPv4Address
    public var port: UInt16

    public init(_ address: IPv4Address, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    public static let any = SocketAddress(.any, 0)
}

/// A datagram that arrived: its payload alone, perhaps a train, and its sender.
public struct Datagram: ~Copyable {
    public var payload: Packet
    public let source: SocketAddress
}

/// One per open socket.
struct UDPSocket: ~Copyable {
    var isOpen = false
    /// Port 0: not bound yet. Address 0.0.0.0: any of ours.
    var local = SocketAddress.any
    /// Port 0: not connected.
    var remote = SocketAddress.any
    var allowsBroadcast = false
    /// Of what it sends.
    var timeToLive: UInt8 = 64
    /// Gets a copy of every frame instead of datagrams.
    var isCapture = false
    var received = PacketQueue()
    /// Buffers that the datagrams in `received` take.
    var held = 0
    var pendingError: SocketError?
    /// Who reported the last error.
    var errorReporter = IPv4Address.any
    /// Datagrams that came while the queue was full.
    var dropped: UInt64 = 0
    /// The next socket in the chain of its port; -1 ends it.
    var next: Int16 = -1

    var isConnected: Bool { remote.port != 0 }
    var isReadable: Bool { !received.isEmpty || pendingError != nil }
}

/// All sockets of a stack. The memory is the stack's.
struct SocketTable: ~Copyable {
    static var capacity: Int { 64 }
    static var memoryNeeded: Int { MemoryLayout<UDPSocket>.stride * capacity }
    /// Buffers that one socket keeps.
    static var queueLimit: Int { 256 }
    private static var chainCount: Int { 64 }

    let sockets: UnsafeMutablePointer<UDPSocket>
    private var chains = InlineArray<64, Int16>(repeating: -1)
    /// Datagrams in all queues, and how many there may be.
    var queued = 0
    let totalLimit: Int
    /// Bit i: socket i became readable and nobody was told yet.
    var ready: UInt64 = 0
    private var nextEphemeralPort: UInt16

    init(memory: UnsafeMutableRawPointer, poolSize: Int, random: UInt64) {
        sockets = memory.bindMemory(to: UDPSocket.self, capacity: Self.capacity)
        for i in 0..<Self.capacity { (sockets + i).initialize(to: UDPSocket()) }
        totalLimit = max(1, poolSize * 3 / 8)
        nextEphemeralPort = 49152 | UInt16(truncatingIfNeeded: random >> 40)
    }

    deinit {
        for i in 0..<Self.capacity { _ = (sockets + i).move() }
    }

    subscript(_ i: Int) -> UnsafeMutablePointer<UDPSocket>? {
        i >= 0 && i < Self.capacity && sockets[i].isOpen ? sockets + i : nil
    }

    mutating func open() -> Int? {
        for i in 0..<Self.capacity where !sockets[i].isOpen {
            sockets[i].isOpen = true
            return i
        }
        return nil
    }

    mutating func close(_ i: Int) {
        guard let socket = self[i] else { return }
        unbind(i)
        queued -= socket.pointee.held
        socket.pointee.received.removeAll()
        _ = (sockets + i).move()
        (sockets + i).initialize(to: UDPSocket())
        ready &= ~(1 << UInt64(i))
    }

    // MARK: Ports

    private func chain(_ port: UInt16) -> Int { Int(port) & (Self.chainCount - 1) }

    /// Gives a socket its local address; port 0 takes a free one of the dynamic ports (RFC 6335: 49152 and up).
    mutating func bind(_ i: Int, to wanted: SocketAddress) throws(SocketError) {
        var local = wanted
        if local.port == 0 {
            var tries = 16384
            repeat {
                guard tries > 0 else { throw .addressInUse }
                tries -= 1
                local.port = nextEphemeralPort
                nextEphemeralPort = nextEphemeralPort == .max ? 49152 : nextEphemeralPort + 1
            } while isTaken(local, but: i)
        } else if isTaken(local, but: i) {
            throw .addressInUse
        }
        unbind(i)
        sockets[i].local = local
        sockets[i].next = chains[chain(local.port)]
        chains[chain(local.port)] = Int16(i)
    }

    private func isTaken(_ local: SocketAddress, but own: Int) -> Bool {
        var i = Int(chains[chain(local.port)])
        while i >= 0 {
            let other = sockets[i].local
            if i != own, other.port == local.port,
                other.address == local.address || other.address == .any || local.address == .any
            {
                return true
            }
            i = Int(sockets[i].next)
        }
        return false
    }

    private mutating func unbind(_ i: Int) {
        guard sockets[i].local.port != 0 else { return }
        let chain = chain(sockets[i].local.port)
        if chains[chain] == Int16(i) {
            chains[chain] = sockets[i].next
        } else {
            var before = Int(chains[chain])
            while before >= 0 {
                if sockets[before].next == Int16(i) {
                    sockets[before].next = sockets[i].next
                    break
                }
                before = Int(sockets[before].next)
            }
        }
        sockets[i].local = .any
        sockets[i].next = -1
    }

    /// The socket for a datagram: connected to its sender, else bound to its destination, else bound to any.
    @inline(__always)
    func find(_ destination: SocketAddress, from source: SocketAddress) -> Int? {
        var best: Int?
        var bestScore = -1
        var i = Int(chains[chain(destination.port)])
        while i >= 0 {
            let score = score(i, destination, source)
            if score > bestScore {
                best = i
                bestScore = score
            }
            i = Int(sockets[i].next)
        }
        return best
    }

    @inline(__always)
    private func score(_ i: Int, _ destination: SocketAddress, _ source: SocketAddress) -> Int {
        guard sockets[i].local.port == destination.port else { return -1 }
        var score = 0
        if sockets[i].isConnected {
            guard sockets[i].remote == source else { return -1 }
            score += 2
        }
        if sockets[i].local.address != .any {
            guard sockets[i].local.address == destination.address else { return -1 }
            score += 1
        }
        return score
    }

    // MARK: Queues

    /// Queues a payload, perhaps a train; gives it back when there is no room.
    @inline(__always)
    mutating func deliver(_ payload: consuming Packet, to i: Int, from source: SocketAddress) -> Packet? {
        let parts = payload.hasRest ? payload.partCount : 1
        guard sockets[i].held + parts <= Self.queueLimit, queued + parts <= totalLimit else {
            sockets[i].dropped &+= 1
            return payload
        }
        payload.source = source
        sockets[i].received.append(payload)
        sockets[i].held += parts
        queued += parts
        ready |= 1 << UInt64(i)
        return nil
    }

    /// The oldest datagram in a socket's queue.
    mutating func take(from i: Int) -> Datagram? {
        guard let packet = sockets[i].received.removeFirst() else { return nil }
        let parts = packet.hasRest ? packet.partCount : 1
        queued -= parts
        sockets[i].held -= parts
        let source = packet.source
        return Datagram(payload: packet, source: source)
    }

    /// An error about a datagram of ours: the socket that is connected there hears of it.
    mutating func report(_ error: SocketError, by reporter: IPv4Address, local port: UInt16, remote: SocketAddress) -> Bool {
        var i = Int(chains[chain(port)])
        while i >= 0 {
            if sockets[i].local.port == port, sockets[i].remote == remote {
                sockets[i].pendingError = error
                sockets[i].errorReporter = reporter
                ready |= 1 << UInt64(i)
                return true
            }
            i = Int(sockets[i].next)
        }
        return false
    }
}
