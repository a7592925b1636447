// Packets that a sender keeps until they are acknowledged, the oldest first, with what it notes of each. A packet of
// the queue may lie in a device's ring at the same time: it is lent each time it is sent.
//
// Promise: the bytes are the queue's and do not change once they were sent; a packet that a device still has is not
// lent again, and removing it frees it when the device is done.

import Synchronization

/// Kept packets in a row. Dropping the queue drops them.
public struct SegmentQueue: ~Copyable {
    public private(set) var first: QueuedSegment?
    public private(set) var last: QueuedSegment?
    /// Packets in the queue.
    public private(set) var count = 0

    public init() {}

    @inline(__always) public var isEmpty: Bool { first == nil }

    /// Adds a packet of one buffer behind all others; its notes 1 to 7 stay.
    public mutating func append(_ packet: consuming Packet) {
        let segment = QueuedSegment(packet)
        if let last { last.buffer.nextKept = segment.buffer } else { first = segment }
        last = segment
        count += 1
    }

    /// Puts a packet of one buffer behind another of the queue.
    public mutating func insert(_ packet: consuming Packet, after place: QueuedSegment) {
        let segment = QueuedSegment(packet)
        segment.buffer.nextKept = place.buffer.nextKept
        place.buffer.nextKept = segment.buffer
        if last == place { last = segment }
        count += 1
    }

    /// Drops the oldest packet; the device that has it frees it.
    public mutating func removeFirst() {
        guard let segment = first else { return }
        first = segment.next
        if first == nil { last = nil }
        count -= 1
        segment.drop()
    }

    public mutating func removeAll() {
        while first != nil { removeFirst() }
    }

    deinit {
        var next = first
        while let segment = next {
            next = segment.next
            segment.drop()
        }
    }
}

/// A packet in a `SegmentQueue`: a handle, to be used no longer than the packet is in the queue.
@frozen
public struct QueuedSegment: Equatable {
    let buffer: PacketBuffer

    /// Takes a packet over.
    init(_ packet: consuming Packet) {
        precondition(!packet.hasRest, "a train was queued as one segment")
        let start = packet.buffer.start, end = packet.buffer.end
        buffer = packet.release()
        buffer.nextKept = nil
        // Not shared: no device has it.
        unsafe buffer.word.pointee.store(Whereabouts.home, ordering: .relaxed)
        setCursor(start, end)
    }

    @inline(__always) public static func == (a: Self, b: Self) -> Bool { a.buffer.address == b.buffer.address }

    /// The packet behind this one.
    @inline(__always) public var next: QueuedSegment? { buffer.nextKept.map { QueuedSegment(buffer: $0) } }

    @inline(__always) private init(buffer: PacketBuffer) { self.buffer = buffer }

    // Where the kept bytes lie, in note 0: the device's half has a cursor of its own.
    private var cursor: UInt64 { buffer.load(PacketField.notes, as: UInt64.self) }
    private var start: Int { Int(UInt32(truncatingIfNeeded: cursor)) }
    private var end: Int { Int(cursor >> 32) }
    private func setCursor(_ start: Int, _ end: Int) {
        buffer.store(
            UInt64(UInt32(truncatingIfNeeded: end)) << 32 | UInt64(UInt32(truncatingIfNeeded: start)), PacketField.notes
        )
    }

    /// Bytes that are kept.
    @inline(__always) public var count: Int { end &- start }

    /// A word for the queue's owner, number 1 to 7.
    @inline(__always)
    public subscript(note number: Int) -> UInt64 {
        get { buffer.load(PacketField.notes &+ 8 &* max(1, number & 7), as: UInt64.self) }
        nonmutating set { buffer.store(newValue, PacketField.notes &+ 8 &* max(1, number & 7)) }
    }

    /// Whether no device has the packet.
    @inline(__always)
    public var isHome: Bool {
        // The word lies in the buffer, which the queue keeps from being freed.
        unsafe buffer.word.pointee.load(ordering: .acquiring) == Whereabouts.home
    }

    /// A half of the packet for a device, with all kept bytes; nil while a device still has the one before.
    public func lend() -> LentPacket? {
        guard isHome else { return nil }
        buffer.start = start
        buffer.end = end
        buffer.rest = nil
        buffer.store(0 as UInt64, PacketField.offload)
        // Not shared: the queue has it alone.
        unsafe buffer.word.pointee.store(Whereabouts.lent, ordering: .relaxed)
        return LentPacket(buffer)
    }

    /// Halves of this packet and of those behind it up to `last`, coupled as one train; nil, and nothing lent, while a
    /// device still has one of them.
    public func lend(through last: QueuedSegment) -> LentPacket? {
        guard last != self else { return lend() }
        var next: QueuedSegment? = self
        while let segment = next {
            guard segment.isHome else { return nil }
            if segment == last { break }
            next = segment.next
        }
        guard next != nil, let train = lend() else { return nil }
        var end = buffer
        while end.address != last.buffer.address, let segment = QueuedSegment(buffer: end).next,
            let half = segment.lend()
        {
            end.rest = half.release()
            end = segment.buffer
        }
        return train
    }

    /// The kept bytes in a packet of its own; nil when the pool has none, or the packet's bytes do not fit.
    public func copied(from pool: PacketPool, for share: PacketShare, from offset: Int = 0) -> Packet? {
        guard offset >= 0, offset <= count, var copy = pool.take(share), copy.resize(to: count - offset) else {
            return nil
        }
        // In bounds: the kept bytes from `offset` on, into as many of the copy.
        unsafe copy.buffer.firstByte.copyMemory(from: buffer.base + start + offset, byteCount: count - offset)
        return copy
    }

    /// The kept bytes.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // In bounds and alive: the cursor was the packet's, and the queue keeps the buffer.
            let span = unsafe RawSpan(_unsafeStart: buffer.base + start, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Forgets bytes at the front: they were acknowledged. A device that has the packet still sends all.
    public func trimFront(_ byteCount: Int) { setCursor(start + min(max(0, byteCount), count), end) }

    /// Keeps no more than so many bytes.
    public func truncate(to byteCount: Int) { setCursor(start, start + min(max(0, byteCount), count)) }

    /// Adds a packet's bytes at the end of this one, which was never lent. False, and nothing done, without the room.
    public func absorb(_ packet: borrowing Packet, upTo limit: Int) -> Bool {
        let added = packet.count
        guard !packet.hasRest, isHome, count + added <= limit, end + added <= PacketPool.bufferSize else {
            return false
        }
        // In bounds: just checked; two packets never share bytes.
        unsafe (buffer.base + end).copyMemory(from: packet.buffer.firstByte, byteCount: added)
        setCursor(start, end + added)
        return true
    }

    fileprivate func drop() { buffer.leave(Whereabouts.orphaned, freeIf: Whereabouts.home) }
}
