// Lending: the owner keeps a packet, in a `SegmentQueue`, that a device reads at the same time, without a copy and
// without counting references.
//
// Promise: the owner's half does not change the bytes; the device's half has a front of its own, so that headers put on
// there do not move the owner's. Each half is dropped once, in either order and on any hart, and the buffer is freed by
// whichever is dropped second.

import Synchronization

/// The device's half of a lent packet, or a packet that no owner keeps. Perhaps a train.
@frozen
public struct LentPacket: ~Copyable {
    let buffer: PacketBuffer

    @inline(__always)
    init(_ buffer: PacketBuffer) { self.buffer = buffer }

    /// A packet, perhaps a train, that goes to a device for good: it returns to its pool when the device is done with
    /// it.
    @inline(__always)
    public init(_ packet: consuming Packet) {
        buffer = packet.release()
        // Not shared: the packet had one owner.
        unsafe buffer.word.pointee.store(Whereabouts.orphaned, ordering: .relaxed)
        if let rest = buffer.rest { Self.orphan(rest) }
    }

    @inline(never)
    private static func orphan(_ rest: PacketBuffer) {
        var next: PacketBuffer? = rest
        while let part = next {
            unsafe part.word.pointee.store(Whereabouts.orphaned, ordering: .relaxed)  // not shared, as above
            next = part.rest
        }
    }

    @inline(__always)
    deinit {
        let rest = buffer.rest
        Self.drop(buffer)
        if let rest { Self.dropAll(rest) }
    }

    /// Without an owner there is no other half to race with, and what it read was over when it was dropped: no exchange
    /// is needed. An owner that leaves between load and exchange is seen by the exchange.
    @inline(__always)
    private static func drop(_ buffer: PacketBuffer) {
        // Alive until this half is dropped.
        if unsafe buffer.word.pointee.load(ordering: .relaxed) == Whereabouts.orphaned { return buffer.putBack() }
        buffer.leave(Whereabouts.home, freeIf: Whereabouts.orphaned)
    }

    @inline(never)
    private static func dropAll(_ first: PacketBuffer) {
        var next: PacketBuffer? = first
        while let part = next {
            next = part.rest
            drop(part)
        }
    }

    @inline(__always)
    consuming func release() -> PacketBuffer {
        let buffer = buffer
        discard self
        return buffer
    }

    /// Whether it is one buffer, of a share, without an owner: nothing else refers to its bytes when the device is done with
    /// it.
    @inline(__always)
    func isAlone(of share: PacketShare) -> Bool {
        // Alive until this half is dropped.
        unsafe buffer.word.pointee.load(ordering: .relaxed) == Whereabouts.orphaned
            && buffer.rest == nil && buffer.share == share
    }

    /// Writes a frame over all that the packet holds, as into a fresh one, behind a header of zeros. Only of one that is
    /// alone, when the device is done with it.
    /// - Parameters:
    ///   - frame: of a program's buffer, at most as many bytes as a packet has room for.
    ///   - headerLength: 16 at most.
    @inline(__always)
    mutating func replace(with frame: RawSpan, headerLength: Int) {
        let start = Packet.frameOffset
        // In bounds: 16 bytes before and `Packet.capacity` behind a fresh packet's first byte are its buffer's.
        unsafe (buffer.base + start - 16).storeBytes(of: 0, as: UInt64.self)
        unsafe (buffer.base + start - 8).storeBytes(of: 0, as: UInt64.self)
        unsafe copyFrame(frame, to: buffer.base + start)
        let bounds = UInt64(UInt32(truncatingIfNeeded: start &- headerLength))
        buffer.store(bounds | UInt64(UInt32(truncatingIfNeeded: start &+ frame.byteCount)) << 32, PacketField.start)
    }

    /// Bytes in the first buffer.
    @inline(__always) public var count: Int { buffer.count }
    /// Bytes in all buffers.
    @inline(__always) public var totalCount: Int { buffer.totalCount }
    /// Bytes that can be put in front.
    @inline(__always) public var headroom: Int { buffer.headroom }
    /// Whether there are buffers behind the first.
    @inline(__always) public var hasRest: Bool { buffer.rest != nil }

    /// Buffers of the train.
    @inline(__always) public var partCount: Int { buffer.partCount }

    /// Couples another half behind the last buffer.
    public mutating func append(part: consuming LentPacket) { buffer.last.rest = part.release() }

    /// Puts a device's header in front, and lets `body` write it. False, and nothing done, without the room.
    @inline(__always)
    public mutating func prepend(_ byteCount: Int, _ body: (inout MutableRawSpan) -> Void) -> Bool {
        guard buffer.prepend(byteCount) else { return false }
        // In bounds: the header lies between the old and the new front, outside of what was lent.
        var span = unsafe MutableRawSpan(_unsafeStart: buffer.firstByte, byteCount: byteCount)
        body(&span)
        return true
    }

    /// The first buffer's bytes.
    @inline(__always)
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // In bounds and alive, as `Packet.bytes`.
            let span = unsafe RawSpan(_unsafeStart: buffer.firstByte, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Where the first byte lies, for DMA: `count` bytes there are the packet's.
    @inline(__always) @unsafe
    public var firstByte: UnsafeMutableRawPointer { unsafe buffer.firstByte }

    /// Calls `body` with each part, the first one first. The part is shown alone: it says nothing of those behind it
    /// but by `hasRest`.
    @inline(__always)
    public func forEachPart(_ body: (borrowing LentPacket) -> Void) {
        var next: PacketBuffer? = buffer
        while let part = next {
            next = part.rest
            let lent = LentPacket(part)
            body(lent)
            _ = lent.release()
        }
    }
}
