// Shares of a pool: what runs out for one use of packets does not run out for the others.
//
// Promise: each packet counts to one share from the moment it is taken until it is back; a share that has reached its
// limit gives no packet, and the limits together are no more than the pool has, so that every share can always be used
// up to its limit.

import Synchronization

/// What a packet is for.
public struct PacketShare: Equatable, Sendable {
    let rawValue: UInt32

    /// What cards receive into, and what waits for programs, or for the rest of its datagram.
    public static let receiving = PacketShare(rawValue: 0)
    /// What programs send.
    public static let sending = PacketShare(rawValue: 1)
    /// The stack's own messages (ARP, DHCP, DNS), and replies when there are too many for the share of sending.
    public static let own = PacketShare(rawValue: 2)
    public static let count = 3

    /// Share number `index`, 0 to 2.
    public init(index: Int) { rawValue = UInt32(truncatingIfNeeded: index) }

    @inline(__always)
    init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Where the share's number lies in a word that holds those of all: 16 bits each.
    @inline(__always)
    var shift: UInt64 { UInt64(rawValue & 3) &* 16 }
}

extension PacketPool {
    /// Packets of a share that are in use.
    public func held(_ share: PacketShare) -> Int { Int(counts >> share.shift & 0xffff) }

    /// Packets of a share that may be in use.
    public func limit(_ share: PacketShare) -> Int { Int(limits >> share.shift & 0xffff) }

    /// Sets how many packets each share may have. Before packets are taken. Traps when the pool has fewer than all of
    /// them.
    public func divide(receiving: Int, sending: Int, own: Int) {
        precondition(
            receiving >= 0 && sending >= 0 && own >= 0 && receiving + sending + own <= count,
            "the shares of a packet pool are more than it has")
        limits = UInt64(receiving) | UInt64(sending) << 16 | UInt64(own) << 32
    }
}

extension Packet {
    /// Whether it may wait for a program: `PacketPool.canKeep`.
    @inline(__always) public var mayWait: Bool { buffer.pool.canKeep }

    /// The share that the first buffer counts to.
    @inline(__always) public var share: PacketShare { buffer.share }

    /// Counts all buffers to another share. False, and no change, when that has no room; what waits for programs is
    /// bounded by its queues and always has.
    @inline(__always)
    public func move(to share: PacketShare) -> Bool { buffer.share == share ? true : moveAll(to: share) }

    @inline(never)
    private func moveAll(to share: PacketShare) -> Bool {
        let parts = buffer.partCount
        let pool = buffer.pool
        if share == .receiving {
            pool.countAnyway(parts, to: share)
        } else {
            guard pool.count(parts, to: share) else { return false }
        }
        var next: PacketBuffer? = buffer
        while let part = next {
            next = part.rest
            pool.discount(part.share)
            part.share = share
        }
        return true
    }
}
