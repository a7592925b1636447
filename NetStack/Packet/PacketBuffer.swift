// One buffer of a pool: where its book-keeping lies, and the accesses that all other types of this module are made of.
//
// Promise: a handle is made by the pool alone, of one of its buffers of `PacketPool.bufferSize` bytes; every access
// below stays in the first `firstByte` bytes of it, which no device and no program may write.

import Synchronization

/// Book-keeping at the start of a buffer, by byte offset.
enum PacketField {
    /// The next free buffer, or the next packet in a queue.
    static var next: Int { 0 }
    static var pool: Int { 8 }
    /// UInt32, offset of the packet's first byte; UInt32, offset after its last byte.
    static var start: Int { 16 }
    static var end: Int { 20 }
    /// The next buffer of the same frame.
    static var rest: Int { 24 }
    /// The next packet in a queue of kept ones: a packet may be kept and lie in a device's queue at the same time.
    static var nextKept: Int { 32 }
    /// Atomic UInt32, `Whereabouts`.
    static var whereabouts: Int { 40 }
    /// UInt32, `PacketShare`.
    static var share: Int { 44 }
    /// UInt64, `OffloadRequest` packed.
    static var offload: Int { 48 }
    /// UInt32: the buffer's number in its pool, from 1.
    static var index: Int { 56 }
    /// Eight UInt64 for the packet's owner.
    static var notes: Int { 64 }
    static var firstByte: Int { 128 }
}

/// Where a lent buffer is. Its owner and the device each exchange the word once, so that exactly one of them frees the
/// buffer.
enum Whereabouts {
    static var home: UInt32 { 0 }
    static var lent: UInt32 { 1 }
    static var orphaned: UInt32 { 2 }
}

/// A handle to one buffer: an address and nothing more. Ownership is the business of the types that hold one.
@safe @frozen
public struct PacketBuffer {
    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(unsafe base: UnsafeMutableRawPointer) { unsafe self.base = base }

    /// In bounds: `offset` is one of `PacketField`, and the buffer is the pool's.
    @inline(__always)
    func load<T: BitwiseCopyable>(_ offset: Int, as type: T.Type) -> T {
        unsafe base.load(fromByteOffset: offset, as: T.self)
    }

    /// In bounds, as `load`.
    @inline(__always)
    func store<T: BitwiseCopyable>(_ value: T, _ offset: Int) {
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }

    @inline(__always)
    private func link(_ offset: Int) -> PacketBuffer? {
        // A link is nil or was stored from a handle.
        unsafe UnsafeMutableRawPointer(bitPattern: load(offset, as: UInt.self)).map { unsafe PacketBuffer(unsafe: $0) }
    }
    @inline(__always)
    private func setLink(_ other: PacketBuffer?, _ offset: Int) { store(other?.address ?? 0, offset) }

    @inline(__always) var address: UInt { unsafe UInt(bitPattern: base) }

    @inline(__always) var next: PacketBuffer? {
        get { link(PacketField.next) }
        nonmutating set { setLink(newValue, PacketField.next) }
    }
    @inline(__always) var rest: PacketBuffer? {
        get { link(PacketField.rest) }
        nonmutating set { setLink(newValue, PacketField.rest) }
    }
    @inline(__always) var nextKept: PacketBuffer? {
        get { link(PacketField.nextKept) }
        nonmutating set { setLink(newValue, PacketField.nextKept) }
    }
    @inline(__always) var start: Int {
        get { Int(load(PacketField.start, as: UInt32.self)) }
        nonmutating set { store(UInt32(truncatingIfNeeded: newValue), PacketField.start) }
    }
    @inline(__always) var end: Int {
        get { Int(load(PacketField.end, as: UInt32.self)) }
        nonmutating set { store(UInt32(truncatingIfNeeded: newValue), PacketField.end) }
    }
    @inline(__always) var count: Int { end &- start }
    @inline(__always) var headroom: Int { start &- PacketField.firstByte }

    /// The packet's first byte.
    @inline(__always) var firstByte: UnsafeMutableRawPointer { unsafe base + start }

    /// Moves the start to the front; false, and no change, without the room.
    @inline(__always)
    func prepend(_ byteCount: Int) -> Bool {
        guard byteCount >= 0, byteCount <= headroom else { return false }
        start = start &- byteCount
        return true
    }

    /// Bytes of this buffer and of those coupled behind it.
    @inline(__always)
    var totalCount: Int {
        guard let rest else { return count }
        return addCounts(rest)
    }

    @inline(never)
    private func addCounts(_ rest: PacketBuffer) -> Int {
        var total = count
        var next: PacketBuffer? = rest
        while let buffer = next {
            total &+= buffer.count
            next = buffer.rest
        }
        return total
    }

    /// This buffer and those coupled behind it.
    @inline(__always)
    var partCount: Int { rest.map { $0.countParts() &+ 1 } ?? 1 }

    @inline(never)
    private func countParts() -> Int {
        var count = 1
        var next = rest
        while let buffer = next {
            count &+= 1
            next = buffer.rest
        }
        return count
    }

    /// The last buffer of the frame.
    var last: PacketBuffer {
        var last = self
        while let next = last.rest { last = next }
        return last
    }

    // MARK: Lending

    @inline(__always)
    var word: UnsafeMutablePointer<Atomic<UInt32>> {
        // Aligned: buffers are aligned to 64 bytes. The word is used as an atomic only.
        unsafe (base + PacketField.whereabouts).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    /// What one side leaves behind, and the buffer's return to the pool when the other side left before.
    @inline(__always)
    func leave(_ new: UInt32, freeIf other: UInt32) {
        // The word belongs to the buffer, which the other side cannot free before this exchange.
        if unsafe word.pointee.exchange(new, ordering: .acquiringAndReleasing) == other { putBack() }
    }

    /// The share of the pool that the buffer counts to.
    @inline(__always) var share: PacketShare {
        get { PacketShare(rawValue: load(PacketField.share, as: UInt32.self)) }
        nonmutating set { store(newValue.rawValue, PacketField.share) }
    }

    @inline(__always)
    var pool: PacketPool {
        // The pool's address was stored when it made the buffer, and it outlives its buffers.
        unsafe PacketPool(at: load(PacketField.pool, as: UInt.self))
    }

    // MARK: Freeing

    /// Returns this one buffer to its pool.
    @inline(__always)
    func putBack() { pool.putBack(self) }

    /// Returns all buffers of a frame that nothing else refers to.
    @inline(__always)
    func free() {
        let rest = rest
        putBack()
        if let rest { rest.freeAll() }
    }

    @inline(never)
    private func freeAll() {
        var next: PacketBuffer? = self
        while let buffer = next {
            next = buffer.rest
            buffer.putBack()
        }
    }
}
