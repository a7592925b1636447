// Between a card and the rings of the program that holds it. A card may have a faster way than those below.

/// Frames that went through, and why no more did.
public struct RingTraffic {
    public private(set) var frames = 0
    /// With their Ethernet headers.
    public private(set) var bytes = 0
    /// Further frames wait: the card has no room.
    public private(set) var isBlocked = false
    /// Further frames wait: the pool has no packet for them.
    public private(set) var lacksPackets = false

    public init() {}

    @inline(__always)
    public mutating func add(_ byteCount: Int) {
        frames &+= 1
        bytes &+= byteCount
    }

    /// Adds what another queue moved.
    public mutating func add(_ other: RingTraffic) {
        frames &+= other.frames
        bytes &+= other.bytes
    }

    /// The next frame has to wait for the card.
    public mutating func block() { isBlocked = true }

    /// The next frame has to wait for a packet.
    public mutating func lackPacket() { lacksPackets = true }
}

extension NetworkDevice where Self: ~Copyable {
    public mutating func transmit(from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool) -> RingTraffic {
        transmitEach(from: &rings, atMost: most, pool)
    }

    /// Sends frames one by one.
    public mutating func transmitEach(
        from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool
    ) -> RingTraffic {
        var traffic = RingTraffic()
        while traffic.frames < most {
            switch rings.take(from: pool, for: .sending) {
            case .nothing: return traffic
            case .noPacket:
                traffic.lackPacket()
                return traffic
            case .packet(let frame):
                let count = frame.count
                // A frame that the card has no room for stays in its slot.
                guard transmit(LentPacket(frame)) == nil else {
                    traffic.block()
                    return traffic
                }
                rings.pass()
                traffic.add(count)
            }
        }
        return traffic
    }

    public mutating func receive(into rings: inout PacketRings, atMost most: Int) -> RingTraffic {
        receiveEach(into: &rings, atMost: most)
    }

    /// Takes received frames one by one.
    public mutating func receiveEach(into rings: inout PacketRings, atMost most: Int) -> RingTraffic {
        var traffic = RingTraffic()
        while traffic.frames < most, let frame = receive() {
            traffic.add(frame.totalCount)
            rings.put(frame)
        }
        return traffic
    }
}
