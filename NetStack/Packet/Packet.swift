// One frame or datagram in one buffer, or in several that are coupled: one owner.
//
// Promise: the holder of the value owns the bytes; passing it on is `consuming`, and dropping it returns its buffers to
// their pool. The bytes never move: headers are taken off and put on by moving the front. Accesses are bounds-checked.
// PacketTrain.swift has what concerns the further buffers; all here is about the first.

@frozen
public struct Packet: ~Copyable {
    let buffer: PacketBuffer

    /// Where a fresh packet's bytes start: 2 mod 4, so that what follows an Ethernet header is aligned, and with room
    /// before them for all that can be put in front: UDP, IPv4, an ICMP error about them with its own IPv4 header,
    /// Ethernet, a device's header.
    public static var frameOffset: Int { PacketField.firstByte + 78 }
    /// Bytes that a fresh packet of one buffer can hold at most.
    public static var capacity: Int { PacketPool.bufferSize - frameOffset }

    @inline(__always)
    init(fresh buffer: PacketBuffer) {
        self.buffer = buffer
        let offset = UInt64(Self.frameOffset)
        buffer.store(offset << 32 | offset, PacketField.start)  // start and end at once
        buffer.rest = nil
        buffer.store(0 as UInt64, PacketField.offload)
    }

    /// Takes back what `release` gave away.
    @inline(__always)
    init(owning buffer: PacketBuffer) { self.buffer = buffer }

    /// Gives the buffers away without returning them to the pool; `init(owning:)` takes them back.
    @inline(__always)
    consuming func release() -> PacketBuffer {
        let buffer = buffer
        discard self
        return buffer
    }

    @inline(__always)
    deinit { buffer.free() }

    /// Bytes in the first buffer.
    @inline(__always) public var count: Int { buffer.count }
    /// Bytes that can be put in front.
    @inline(__always) public var headroom: Int { buffer.headroom }
    /// Bytes of the first buffer from the first byte on, used or not.
    @inline(__always) public var room: Int { PacketPool.bufferSize &- buffer.start }
    /// Bytes that can be added at the first buffer's end.
    @inline(__always) public var tailroom: Int { PacketPool.bufferSize &- buffer.end }

    /// Makes the packet longer at the front; the new bytes hold anything. False, and no change, without the room.
    @inline(__always) @discardableResult
    public mutating func prepend(_ byteCount: Int) -> Bool { buffer.prepend(byteCount) }

    /// Takes bytes off the front of the first buffer. False, and no change, when it holds fewer.
    @inline(__always) @discardableResult
    public mutating func trimFront(_ byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= count else { return false }
        buffer.start = buffer.start &+ byteCount
        return true
    }

    /// Sets the first buffer's count by moving its end; new bytes hold anything. False, and no change, beyond the
    /// buffer.
    @inline(__always) @discardableResult
    public mutating func resize(to byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= PacketPool.bufferSize &- buffer.start else { return false }
        buffer.end = buffer.start &+ byteCount
        return true
    }

    /// The first buffer's bytes, to be read.
    @inline(__always)
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            // In bounds and alive: start and end only change within the buffer, which is owned by `self`.
            let span = unsafe RawSpan(_unsafeStart: buffer.firstByte, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The first buffer's bytes, to be changed.
    @inline(__always)
    public var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            // In bounds and alive, as `bytes`; exclusive, since `self` is.
            let span = unsafe MutableRawSpan(_unsafeStart: buffer.firstByte, byteCount: count)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// Where the first byte lies, for DMA and for copies: `count` bytes there are the packet's, `headroom` before and
    /// `tailroom` after too.
    @inline(__always) @unsafe
    public var firstByte: UnsafeMutableRawPointer { unsafe buffer.firstByte }

    /// The bytes in front of the first, as many of these as there is headroom: what a device wrote there.
    @inline(__always)
    @_lifetime(borrow self)
    public func front(_ byteCount: Int) -> RawSpan {
        let count = max(0, min(byteCount, headroom))
        // In bounds and alive, as `bytes`.
        let span = unsafe RawSpan(_unsafeStart: buffer.firstByte - count, byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// The bytes in front of the first, exactly as many as these; nil when there is no headroom for so many.
    @inline(__always)
    @_lifetime(borrow self)
    public func wholeFront(_ byteCount: Int) -> RawSpan? {
        guard byteCount >= 0, byteCount <= headroom else { return nil }
        // In bounds: just checked. Alive, as `bytes`.
        let span = unsafe RawSpan(_unsafeStart: buffer.firstByte - byteCount, byteCount: byteCount)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Bytes from the first one on, whether the packet counts them or not; nil when the first buffer has no room for so
    /// many.
    @inline(__always)
    @_lifetime(borrow self)
    public func room(_ byteCount: Int) -> RawSpan? {
        guard byteCount >= 0, byteCount <= room else { return nil }
        // In bounds: just checked. Alive, as `bytes`.
        let span = unsafe RawSpan(_unsafeStart: buffer.firstByte, byteCount: byteCount)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// A word for the packet's owner, number 0 to 7; it holds anything until it is set. A packet that changes hands
    /// takes its notes along.
    @inline(__always)
    public subscript(note number: Int) -> UInt64 {
        get { buffer.load(PacketField.notes &+ 8 &* (number & 7), as: UInt64.self) }
        nonmutating set { buffer.store(newValue, PacketField.notes &+ 8 &* (number & 7)) }
    }
}
