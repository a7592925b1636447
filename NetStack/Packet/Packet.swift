// One packet: one buffer, one owner.
//
// Promise: whoever holds the value owns the bytes; passing it on is `consuming`, and dropping it gives the buffer back to its pool. The
// bytes never move: headers are taken off and put on by moving the front. Accesses are bounds-checked.

/// Book-keeping at the start of a buffer, by byte offset. The first word links free buffers and queued packets.
enum PacketField {
    static var next: Int { 0 }
    static var pool: Int { 8 }
    static var start: Int { 16 }  // UInt32, offset of the first byte
    static var end: Int { 20 }  // UInt32, offset after the last byte
    static var source: Int { 24 }  // UInt64, of a datagram in a socket's queue: address << 16 | port
    static var firstByte: Int { 64 }
}

@frozen
public struct Packet: ~Copyable {
    @usableFromInline let buffer: UnsafeMutableRawPointer

    /// Where a fresh packet's bytes start: 2 mod 4, so that what follows an Ethernet header is aligned, and with room before them
    /// for all that can be put in front: UDP, IPv4, an ICMP error about them with its own IPv4 header, Ethernet, a device's header.
    public static var frameOffset: Int { 142 }
    /// Bytes a fresh packet can take at most.
    public static var capacity: Int { PacketPool.bufferSize - frameOffset }

    @inline(__always)
    init(fresh buffer: UnsafeMutableRawPointer) {
        self.buffer = buffer
        let offset = UInt64(Self.frameOffset)
        buffer.storeBytes(of: offset << 32 | offset, toByteOffset: PacketField.start, as: UInt64.self)  // start and end at once
    }

    /// Takes back what `release` gave away.
    @inline(__always)
    init(owning buffer: UnsafeMutableRawPointer) { self.buffer = buffer }

    @inline(__always)
    deinit {
        PacketPool(at: buffer.load(fromByteOffset: PacketField.pool, as: UnsafeMutableRawPointer.self)).putBack(buffer)
    }

    @inline(__always)
    private(set) var start: Int {
        get { Int(buffer.load(fromByteOffset: PacketField.start, as: UInt32.self)) }
        nonmutating set { buffer.storeBytes(of: UInt32(truncatingIfNeeded: newValue), toByteOffset: PacketField.start, as: UInt32.self) }
    }

    @inline(__always)
    private(set) var end: Int {
        get { Int(buffer.load(fromByteOffset: PacketField.end, as: UInt32.self)) }
        nonmutating set { buffer.storeBytes(of: UInt32(truncatingIfNeeded: newValue), toByteOffset: PacketField.end, as: UInt32.self) }
    }

    /// Bytes in the packet.
    @inline(__always) public var count: Int { end &- start }
    /// Bytes that can be put in front.
    @inline(__always) public var headroom: Int { start &- PacketField.firstByte }
    /// Bytes that can be added at the end.
    @inline(__always) public var tailroom: Int { PacketPool.bufferSize &- end }

    /// Makes the packet longer at the front; the new bytes hold anything. False, and no change, without the room.
    @inline(__always) @discardableResult
    public mutating func prepend(_ byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= headroom else { return false }
        start = start &- byteCount
        return true
    }

    /// Takes bytes off the front. False, and no change, when there are fewer.
    @inline(__always) @discardableResult
    public mutating func trimFront(_ byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= count else { return false }
        start = start &+ byteCount
        return true
    }

    /// Sets the count by moving the end; new bytes hold anything. False, and no change, beyond the buffer.
    @inline(__always) @discardableResult
    public mutating func resize(to byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= PacketPool.bufferSize &- start else { return false }
        end = start &+ byteCount
        return true
    }

    /// The bytes, to be read.
    @inline(__always)
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let start = start
            // Safe: start and end only change within the buffer, which is ours.
            return unsafe _overrideLifetime(RawSpan(_unsafeStart: buffer + start, byteCount: end &- start), borrowing: self)
        }
    }

    /// The bytes, to be changed.
    @inline(__always)
    public var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            let start = start
            return unsafe _overrideLifetime(MutableRawSpan(_unsafeStart: buffer + start, byteCount: end &- start), mutating: &self)
        }
    }

    // MARK: For drivers

    /// Where the first byte lies. For DMA: the device may use `headroom` before it and `tailroom` after the last byte.
    @inline(__always) public var firstByte: UnsafeMutableRawPointer { buffer + start }
}

/// Packets in a row, owned together; dropping the queue drops them. The links lie in the packets: no room is needed.
public struct PacketQueue: ~Copyable {
    var first: UnsafeMutableRawPointer?
    var last: UnsafeMutableRawPointer?
    /// Packets in the queue.
    public private(set) var count = 0

    public init() {}

    @inline(__always) public var isEmpty: Bool { first == nil }

    public mutating func append(_ packet: consuming Packet) {
        let buffer = packet.release()
        buffer.storeBytes(of: nil, as: UnsafeMutableRawPointer?.self)
        if let last { last.storeBytes(of: buffer, as: UnsafeMutableRawPointer?.self) } else { first = buffer }
        last = buffer
        count += 1
    }

    public mutating func removeFirst() -> Packet? {
        guard let buffer = first else { return nil }
        first = buffer.load(as: UnsafeMutableRawPointer?.self)
        if first == nil { last = nil }
        count -= 1
        return Packet(owning: buffer)
    }

    public mutating func removeAll() {
        while let packet = removeFirst() { _ = consume packet }
    }

    deinit {
        var next = first
        while let buffer = next {
            next = buffer.load(as: UnsafeMutableRawPointer?.self)
            _ = Packet(owning: buffer)
        }
    }
}

extension Packet {
    /// Gives the buffer away without returning it to the pool; `init(owning:)` takes it back.
    @inline(__always)
    consuming func release() -> UnsafeMutableRawPointer {
        let buffer = buffer
        discard self
        return buffer
    }
}
