// The pool that packets come from: buffers of 2,048 bytes in memory handed in at start, with a free list through the buffers themselves.
//
// Promise: taking and returning never block and never wait for anyone (one compare-and-swap), so any hart and any thread may do it at
// any time. The memory must outlive every packet. The first buffer's place holds the pool's own few words.

import Synchronization

/// The words that all handles of one pool share.
struct PoolState: ~Copyable {
    /// Generation (32 bits, so that a head that came back is told from one that stayed), free buffers (16), index of the first free one (16).
    let head: Atomic<UInt64>
    let lowWater: Atomic<UInt32>
    let failures: Atomic<UInt32>
}

/// A handle on a pool. A small copyable value; all copies are the same pool.
public struct PacketPool {
    /// Bytes of one buffer, book-keeping included.
    public static var bufferSize: Int { 2048 }
    /// Buffers at most: indexes are 16 bits.
    static var greatestCount: Int { 65_534 }

    let base: UnsafeMutableRawPointer
    /// Buffers in the pool.
    public let count: Int

    @inline(__always)
    var state: UnsafeMutablePointer<PoolState> { base.assumingMemoryBound(to: PoolState.self) }

    /// Makes a pool of this memory, which belongs to it from now on.
    /// - Parameters:
    ///   - memory: aligned to 64 bytes; reachable by every device that packets go to.
    ///   - byteCount: one buffer's worth is used by the pool itself; nil comes back when none is left for packets.
    public init?(memory: UnsafeMutableRawPointer, byteCount: Int) {
        let count = min(byteCount / Self.bufferSize - 1, Self.greatestCount)
        guard count > 0 else { return nil }
        base = memory
        self.count = count
        memory.bindMemory(to: PoolState.self, capacity: 1).initialize(
            to: PoolState(
                head: Atomic(UInt64(count) << 16 | 1), lowWater: Atomic(UInt32(count)), failures: Atomic(0)))
        for i in 1...count {
            let buffer = memory + i * Self.bufferSize
            buffer.storeBytes(of: i < count ? UInt64(i + 1) : 0, as: UInt64.self)
            buffer.storeBytes(of: memory, toByteOffset: PacketField.pool, as: UnsafeMutableRawPointer.self)
        }
    }

    /// For packets, which know only where their pool lies.
    @inline(__always)
    init(at base: UnsafeMutableRawPointer) {
        self.base = base
        count = 0
    }

    /// Takes a packet with no bytes in it and the usual headroom; nil (counted) when none is free.
    @inline(never)
    public func take() -> Packet? {
        var old = state.pointee.head.load(ordering: .acquiring)
        while true {
            let index = Int(old & 0xffff)
            guard index != 0 else {
                state.pointee.failures.wrappingAdd(1, ordering: .relaxed)
                return nil
            }
            let buffer = base + index &* Self.bufferSize
            let next = buffer.load(as: UInt64.self)  // another hart may be writing here: then the exchange fails
            let left = (old >> 16 & 0xffff) &- 1
            let new = (old >> 32 &+ 1) << 32 | left << 16 | next & 0xffff
            let result = state.pointee.head.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing)
            if result.exchanged {
                if UInt32(truncatingIfNeeded: left) < state.pointee.lowWater.load(ordering: .relaxed) {
                    state.pointee.lowWater.store(UInt32(truncatingIfNeeded: left), ordering: .relaxed)
                }
                return Packet(fresh: buffer)
            }
            old = result.original
        }
    }

    @inline(never)
    func putBack(_ buffer: UnsafeMutableRawPointer) {
        let index = UInt64(UInt(bitPattern: buffer - base) / UInt(Self.bufferSize))
        var old = state.pointee.head.load(ordering: .relaxed)
        while true {
            buffer.storeBytes(of: old & 0xffff, as: UInt64.self)
            let new = (old >> 32 &+ 1) << 32 | ((old >> 16 & 0xffff) &+ 1) << 16 | index
            let result = state.pointee.head.compareExchange(expected: old, desired: new, ordering: .acquiringAndReleasing)
            if result.exchanged { return }
            old = result.original
        }
    }

    /// Buffers free at the moment.
    public var freeCount: Int { Int(state.pointee.head.load(ordering: .relaxed) >> 16 & 0xffff) }
    /// The fewest that ever were free (two harts at once may miss by one).
    public var lowWater: Int { Int(state.pointee.lowWater.load(ordering: .relaxed)) }
    /// How often a packet was asked for and none was free.
    public var failures: Int { Int(state.pointee.failures.load(ordering: .relaxed)) }
}
