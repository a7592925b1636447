// One packet: one buffer, one owner.
//
// Promise: whoever holds the value owns the bytes; passing it on is `consuming`, and dropping it gives the buffer back to its pool. The
// bytes never move: headers are taken off and put on by moving the front. Accesses are bounds-checked.

/// Book-keeping at the start of a buffer, by byte offset. The first word links free buffers and queued packets.
package enum PacketField {
    package static var next: Int { 0 }
    package static var pool: Int { 8 }
    package static var start: Int { 16 }  // UInt32, offset of the first byte
    package static var end: Int { 20 }  // UInt32, offset after the last byte
    package static var source: Int { 24 }  // UInt64, of a datagram in a socket's queue: address << 16 | port
    package static var offset: Int { 32 }  // UInt32, of a fragment: where it belongs in its datagram
    package static var continues: Int { 36 }  // UInt32, of a packet in a socket's queue: 1 when the next one belongs to the same datagram
    package static var checksum: Int { 40 }  // UInt64: what is known of the transport checksum
    package static var firstByte: Int { 64 }
}

@frozen
public struct Packet: ~Copyable {
    package let buffer: UnsafeMutableRawPointer

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
        buffer.storeBytes(of: 0, toByteOffset: PacketField.checksum, as: UInt64.self)
    }

    /// Takes back what `release` gave away.
    @inline(__always)
    package init(owning buffer: UnsafeMutableRawPointer) { self.buffer = buffer }

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

    // MARK: Checksums that a card makes or has looked at

    /// A transport checksum that is still to be made: over everything from `start` on, into the two bytes `offset` further on.
    public struct ChecksumRequest: Equatable {
        public let start: Int
        public let offset: Int
    }

    /// Leaves the checksum to the card; both numbers count from the packet's first byte at the moment.
    @inline(__always)
    package mutating func requestChecksum(start: Int, offset: Int) {
        let word = UInt64(self.start &+ start) << 16 | UInt64(offset)
        buffer.storeBytes(of: word, toByteOffset: PacketField.checksum, as: UInt64.self)
    }

    /// nil when the checksum is there. Counted from the packet's first byte, whatever was put in front meanwhile.
    @inline(__always)
    public var checksumRequest: ChecksumRequest? {
        let word = buffer.load(fromByteOffset: PacketField.checksum, as: UInt64.self)
        guard word >> 16 != 0 else { return nil }
        return ChecksumRequest(start: Int(word >> 16) &- start, offset: Int(word & 0xffff))
    }

    /// The card says that the transport checksum is right (or that nobody has made it because the packet never was on a wire).
    @inline(__always)
    public var isChecksumVerified: Bool {
        get { buffer.load(fromByteOffset: PacketField.checksum, as: UInt64.self) == 1 }
        nonmutating set { buffer.storeBytes(of: newValue ? 1 : 0, toByteOffset: PacketField.checksum, as: UInt64.self) }
    }

    // MARK: For drivers

    /// Where the first byte lies. For DMA: the device may use `headroom` before it and `tailroom` after the last byte.
    @inline(__always) public var firstByte: UnsafeMutableRawPointer { buffer + start }
}

/// Packets in a row, owned together; dropping the queue drops them. The links lie in the packets: no room is needed.
public struct PacketQueue: ~Copyable {
    package private(set) var first: UnsafeMutableRawPointer?
    package private(set) var last: UnsafeMutableRawPointer?
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

    /// Puts a packet behind one that is in the queue; nil: at the front.
    package mutating func insert(_ packet: consuming Packet, after before: UnsafeMutableRawPointer?) {
        let buffer = packet.release()
        let next = before.map { $0.load(as: UnsafeMutableRawPointer?.self) } ?? first
        buffer.storeBytes(of: next, as: UnsafeMutableRawPointer?.self)
        if let before { before.storeBytes(of: buffer, as: UnsafeMutableRawPointer?.self) } else { first = buffer }
        if next == nil { last = buffer }
        count += 1
    }

    public mutating func removeFirst() -> Packet? {
        guard let buffer = first else { return nil }
        first = buffer.load(as: UnsafeMutableRawPointer?.self)
        if first == nil { last = nil }
        count -= 1
        return Packet(owning: buffer)
    }

    /// Bytes in all of them.
    public var byteCount: Int {
        var total = 0
        forEach { total += $0.count }
        return total
    }

    /// Calls `body` with each packet, the first one first.
    package func forEach(_ body: (borrowing Packet) -> Void) {
        var next = first
        while let buffer = next {
            let packet = Packet(owning: buffer)
            body(packet)
            next = packet.release().load(as: UnsafeMutableRawPointer?.self)
        }
    }

    /// Looks at the first packet, or changes it in its place; nil when there is none.
    package mutating func withFirst<Result>(_ body: (inout Packet) -> Result) -> Result? {
        guard let buffer = first else { return nil }
        var packet = Packet(owning: buffer)
        let result = body(&packet)
        _ = packet.release()
        return result
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
    package consuming func release() -> UnsafeMutableRawPointer {
        let buffer = buffer
        discard self
        return buffer
    }
}
