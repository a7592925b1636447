// The pool that packets come from: buffers of 2,048 bytes in memory handed in at start, with a free list through the
// buffers themselves.
//
// Promise: taking and returning never block and never wait (one compare-and-swap), so any hart and any thread may do it
// at any time. The memory must outlive every packet. The first buffer's place holds the pool's own few words.

import Synchronization

/// The words that all handles of one pool share.
struct PoolState: ~Copyable {
    /// Generation (32 bits, so that a head that came back differs from one that stayed), free buffers (16), index of
    /// the first free one (16).
    let head: Atomic<UInt64>
    let lowWater: Atomic<UInt32>
    let failures: Atomic<UInt32>
    /// By share, 16 bits each: packets in use, and how many may be.
    let counts: Atomic<UInt64>
    let limits: Atomic<UInt64>
}

/// A handle to a pool. A small copyable value; all copies are the same pool.
@safe
public struct PacketPool: @unchecked Sendable {
    /// Bytes of one buffer, book-keeping included.
    public static var bufferSize: Int { 2048 }
    /// Buffers at most: indexes are 16 bits.
    static var greatestCount: Int { 65_534 }

    private let base: UnsafeMutableRawPointer
    /// Buffers in the pool.
    public let count: Int

    /// The pool's own words. They were initialised by `init(memory:byteCount:)`, and all of them are atomic.
    @inline(__always)
    private var state: UnsafeMutablePointer<PoolState> { unsafe base.assumingMemoryBound(to: PoolState.self) }

    /// Makes a pool of this memory, which belongs to it from now on.
    /// - Parameters:
    ///   - memory: aligned to 64 bytes; reachable by every device that packets go to.
    ///   - byteCount: one buffer's worth is used by the pool itself; the result is nil when none is left for packets.
    public init?(memory: UnsafeMutableRawPointer, byteCount: Int) {
        let count = min(byteCount / Self.bufferSize - 1, Self.greatestCount)
        guard count > 0 else { return nil }
        unsafe base = memory
        self.count = count
        // In bounds: the pool's words and `count` buffers fit in `byteCount`.
        unsafe memory.bindMemory(to: PoolState.self, capacity: 1).initialize(
            to: PoolState(
                head: Atomic(UInt64(count) << 16 | 1), lowWater: Atomic(UInt32(count)), failures: Atomic(0),
                counts: Atomic(0), limits: Atomic(UInt64(count) &* 0x1_0001_0001)))  // not divided: all for each
        for i in 1...count {
            let buffer = unsafe PacketBuffer(unsafe: memory + i * Self.bufferSize)
            buffer.store(i < count ? UInt64(i + 1) : 0, PacketField.next)
            buffer.store(UInt(bitPattern: memory), PacketField.pool)
        }
    }

    /// For packets, which know only where their pool lies.
    /// - Parameter address: what `init(memory:byteCount:)` stored in a buffer.
    @inline(__always) @unsafe
    init(at address: UInt) {
        unsafe base = UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
        count = 0
    }

    // MARK: Shares
    // The pool's words stay as long as the pool, and are atomic: as `state` says.

    var counts: UInt64 { unsafe state.pointee.counts.load(ordering: .relaxed) }
    var limits: UInt64 {
        get { unsafe state.pointee.limits.load(ordering: .relaxed) }
        nonmutating set { unsafe state.pointee.limits.store(newValue, ordering: .relaxed) }
    }

    /// Counts packets to a share; false when it has no room for them.
    @inline(__always)
    func count(_ packets: Int, to share: PacketShare) -> Bool {
        let state = unsafe state
        let number = UInt64(truncatingIfNeeded: packets)
        let added = number << share.shift
        let new = unsafe state.pointee.counts.wrappingAdd(added, ordering: .relaxed).newValue
        let limit = unsafe state.pointee.limits.load(ordering: .relaxed) >> share.shift & 0xffff
        if new >> share.shift & 0xffff <= limit { return true }
        unsafe state.pointee.counts.wrappingSubtract(added, ordering: .relaxed)
        return false
    }

    func countAnyway(_ packets: Int, to share: PacketShare) {
        // an atomic word of the pool's own
        unsafe state.pointee.counts.wrappingAdd(UInt64(truncatingIfNeeded: packets) << share.shift, ordering: .relaxed)
    }

    @inline(__always)
    func discount(_ share: PacketShare) {
        // an atomic word of the pool's own
        unsafe state.pointee.counts.wrappingSubtract(1 << share.shift, ordering: .relaxed)
    }

    // MARK: Packets

    /// Takes a packet with no bytes in it and the usual headroom; nil (counted) when none is free for this use.
    @inline(never)
    public func take(_ share: PacketShare = .receiving) -> Packet? {
        // The pool's words stay as long as the pool, here and below.
        let state = unsafe state
        guard count(1, to: share) else {
            unsafe state.pointee.failures.wrappingAdd(1, ordering: .relaxed)
            return nil
        }
        var old = unsafe state.pointee.head.load(ordering: .acquiring)
        while true {
            let index = Int(old & 0xffff)
            guard index != 0 else {
                discount(share)
                // a word of the pool's own
                unsafe state.pointee.failures.wrappingAdd(1, ordering: .relaxed)
                return nil
            }
            precondition(index <= count, "the packet pool's free list leaves the pool")
            let buffer = unsafe PacketBuffer(unsafe: base + index &* Self.bufferSize)  // in bounds: just checked
            // another hart may be writing here: then the exchange fails
            let next = buffer.load(PacketField.next, as: UInt64.self)
            let left = (old >> 16 & 0xffff) &- 1
            let new = (old >> 32 &+ 1) << 32 | left << 16 | next & 0xffff
            let result = unsafe state.pointee.head.compareExchange(
                expected: old, desired: new, ordering: .acquiringAndReleasing)
            if result.exchanged {
                if unsafe state.pointee.lowWater.load(ordering: .relaxed) > UInt32(truncatingIfNeeded: left) {
                    unsafe state.pointee.lowWater.store(UInt32(truncatingIfNeeded: left), ordering: .relaxed)
                }
                buffer.share = share
                return Packet(fresh: buffer)
            }
            old = result.original
        }
    }

    @inline(never)
    func putBack(_ buffer: PacketBuffer) {
        // The pool's state and buffers stay as long as the pool; the buffer is one of them.
        let state = unsafe state
        discount(buffer.share)
        let index = unsafe UInt64((buffer.address &- UInt(bitPattern: base)) / UInt(Self.bufferSize))
        var old = unsafe state.pointee.head.load(ordering: .relaxed)
        while true {
            buffer.store(old & 0xffff, PacketField.next)
            let new = (old >> 32 &+ 1) << 32 | ((old >> 16 & 0xffff) &+ 1) << 16 | index
            let result = unsafe state.pointee.head.compareExchange(
                expected: old, desired: new, ordering: .acquiringAndReleasing)
            if result.exchanged { return }
            old = result.original
        }
    }

    /// Buffers free at the moment.
    public var freeCount: Int { Int(unsafe state.pointee.head.load(ordering: .relaxed) >> 16 & 0xffff) }
    /// The fewest that ever were free (two harts at once may miss by one).
    public var lowWater: Int { Int(unsafe state.pointee.lowWater.load(ordering: .relaxed)) }
    /// How often a packet was asked for and none was free.
    public var failures: Int { Int(unsafe state.pointee.failures.load(ordering: .relaxed)) }
}
