// The pool that packets come from: buffers of 2,048 bytes, with a free list through the buffers themselves. Its memory
// is handed in at start, or comes page by page as packets are needed and is given back (PacketPoolGrowth.swift).
//
// Promise: taking and returning never block and never wait (one compare-and-swap), so any hart and any thread may do it
// at any time. The memory must outlive every packet.

import Synchronization

/// The words that all handles of one pool share.
struct PoolState: ~Copyable {
    /// Buffers that the pool may have; 1 << `shift` of them lie in one piece of memory.
    let count: Int
    let shift: Int
    /// Generation (32 bits, so that a head that came back differs from one that stayed), free buffers (16), index of
    /// the first free one (16).
    let head: Atomic<UInt64>
    let lowWater: Atomic<UInt32>
    let failures: Atomic<UInt32>
    /// By share, 16 bits each: packets in use, and how many may be.
    let counts: Atomic<UInt64>
    let limits: Atomic<UInt64>
    /// Buffers that could still be made.
    let unmade: Atomic<Int>
    /// Free buffers that are left to the stack's own messages; `least` of them now: none once the pool has all its
    /// buffers, since its shares divide those.
    let kept: Atomic<Int>
    let least: Atomic<Int>
    /// A hart is giving pages back.
    let isShrinking: Atomic<Bool>
    let supply: PageSupply
}

/// A handle to a pool: an address and nothing more. All copies are the same pool.
@safe
public struct PacketPool: @unchecked Sendable {
    /// Bytes of one buffer, book-keeping included.
    public static var bufferSize: Int { 2048 }
    /// Buffers at most: indexes are 16 bits.
    static var greatestCount: Int { 65_534 }

    let base: UnsafeMutableRawPointer

    /// The pool's own words. They were initialised by `init`, and all of them are atomic, or constant.
    @inline(__always)
    var state: UnsafeMutablePointer<PoolState> { unsafe base.assumingMemoryBound(to: PoolState.self) }

    /// Buffers that the pool may have.
    @inline(__always) public var count: Int { unsafe state.pointee.count }
    @inline(__always) var shift: Int { unsafe state.pointee.shift }

    /// Where each piece of memory begins; 0 for one that is not there. Behind the pool's own words.
    @inline(__always)
    var pieces: UnsafeMutablePointer<Atomic<UInt>> {
        unsafe (base + MemoryLayout<PoolState>.stride).assumingMemoryBound(to: Atomic<UInt>.self)
    }

    /// Makes a pool of this memory, which belongs to it from now on.
    /// - Parameters:
    ///   - memory: aligned to 64 bytes; reachable by every device that packets go to.
    ///   - byteCount: one buffer's worth is used by the pool itself; the result is nil when none is left for packets.
    public init?(memory: UnsafeMutableRawPointer, byteCount: Int) {
        let count = min(byteCount / Self.bufferSize - 1, Self.greatestCount)
        guard count > 0 else { return nil }
        unsafe self.init(words: memory, count: count, shift: 16, supply: PageSupply.none)
        let first = unsafe memory + Self.bufferSize
        // In bounds: the pool's words and one piece's address lie before it, and `count` buffers fit behind.
        unsafe pieces.pointee.store(UInt(bitPattern: first), ordering: .relaxed)
        for index in stride(from: count, to: 0, by: -1) { unsafe add(index, first + (index - 1) * Self.bufferSize) }
        // a word of the pool's own
        unsafe state.pointee.lowWater.store(UInt32(count), ordering: .relaxed)
    }

    /// A pool without buffers.
    /// - Parameter words: for the pool's words, and the addresses of its pieces.
    init(words: UnsafeMutableRawPointer, count: Int, shift: Int, supply: PageSupply) {
        unsafe base = words
        // In bounds, as the callers say.
        unsafe words.bindMemory(to: PoolState.self, capacity: 1).initialize(
            to: PoolState(
                count: count, shift: shift, head: Atomic(0), lowWater: Atomic(UInt32(count)), failures: Atomic(0),
                counts: Atomic(0), limits: Atomic(UInt64(count) &* 0x1_0001_0001),  // not divided: all for each
                unmade: Atomic(count), kept: Atomic(0), least: Atomic(0), isShrinking: Atomic(false), supply: supply))
        let pieceCount = (count - 1) >> shift + 1
        for piece in 0..<pieceCount { unsafe (pieces + piece).initialize(to: Atomic(0)) }
    }

    /// For packets, which know only where their pool lies.
    /// - Parameter address: what `add` stored in a buffer.
    @inline(__always) @unsafe
    init(at address: UInt) {
        unsafe base = UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
    }

    /// Adds a buffer, whose piece is noted, to the free ones.
    /// - Parameter index: 1 for the first one.
    func add(_ index: Int, _ memory: UnsafeMutableRawPointer) {
        let buffer = unsafe PacketBuffer(unsafe: memory)
        buffer.store(unsafe UInt(bitPattern: base), PacketField.pool)
        buffer.store(UInt32(truncatingIfNeeded: index), PacketField.index)
        // a word of the pool's own
        unsafe state.pointee.unmade.wrappingSubtract(1, ordering: .relaxed)
        push(buffer)
    }

    /// The buffer with an index from 1 up to `count`, of a piece that is there.
    @inline(__always)
    func buffer(_ index: Int) -> PacketBuffer {
        precondition(index <= count, "the packet pool's free list leaves the pool")
        let place = index &- 1
        // in bounds: just checked
        let piece = unsafe (pieces + place &>> shift).pointee.load(ordering: .relaxed)
        let offset = UInt(bitPattern: (place & (1 &<< shift &- 1)) &* Self.bufferSize)
        // The address of one of the pool's buffers, or of what was one: `pop` reads a link there, and then fails.
        return unsafe PacketBuffer(unsafe: UnsafeMutableRawPointer(bitPattern: piece &+ offset).unsafelyUnwrapped)
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
        let added = number &<< share.shift
        let new = unsafe state.pointee.counts.wrappingAdd(added, ordering: .relaxed).newValue
        let limit = unsafe state.pointee.limits.load(ordering: .relaxed) &>> share.shift & 0xffff
        if new &>> share.shift & 0xffff <= limit { return true }
        unsafe state.pointee.counts.wrappingSubtract(added, ordering: .relaxed)
        return false
    }

    func countAnyway(_ packets: Int, to share: PacketShare) {
        // an atomic word of the pool's own
        unsafe state.pointee.counts.wrappingAdd(UInt64(truncatingIfNeeded: packets) &<< share.shift, ordering: .relaxed)
    }

    @inline(__always)
    func discount(_ share: PacketShare) {
        // an atomic word of the pool's own
        unsafe state.pointee.counts.wrappingSubtract(1 &<< share.shift, ordering: .relaxed)
    }

    // MARK: Packets

    /// Takes a packet with no bytes in it and the usual headroom; nil (counted) when none is free for this use.
    @inline(never)
    public func take(_ share: PacketShare = .receiving) -> Packet? {
        guard count(1, to: share) else { return noPacket() }
        guard let buffer = pop(leaving: share == .own ? 0 : least) else { return takeGrown(share) }
        buffer.share = share
        return Packet(fresh: buffer)
    }

    /// The slow path: the share has room, and no buffer is free.
    @inline(never)
    private func takeGrown(_ share: PacketShare) -> Packet? {
        while grow() {
            if let buffer = pop(leaving: share == .own ? 0 : least) {
                buffer.share = share
                return Packet(fresh: buffer)
            }
        }
        discount(share)
        return noPacket()
    }

    @inline(never)
    private func noPacket() -> Packet? {
        noteFailure()
        return nil
    }

    @inline(__always)
    private var least: Int {
        unsafe state.pointee.least.load(ordering: .relaxed)  // a word of the pool's own
    }

    private func noteFailure() {
        // a word of the pool's own
        unsafe state.pointee.failures.wrappingAdd(1, ordering: .relaxed)
    }

    /// Takes a buffer off the free list; nil when no more than `least` are in it.
    @inline(__always)
    func pop(leaving least: Int) -> PacketBuffer? {
        // The pool's words stay as long as the pool.
        let state = unsafe state
        var old = unsafe state.pointee.head.load(ordering: .acquiring)
        while true {
            let free = Int(old >> 16 & 0xffff)
            guard free > least else { return nil }
            let buffer = buffer(Int(old & 0xffff))
            // another hart may be writing here: then the exchange fails
            let next = buffer.load(PacketField.next, as: UInt64.self)
            let left = free &- 1
            let new = (old >> 32 &+ 1) << 32 | UInt64(truncatingIfNeeded: left) << 16 | next & 0xffff
            let result = unsafe state.pointee.head.compareExchange(
                expected: old, desired: new, ordering: .acquiringAndReleasing)
            if result.exchanged {
                let unused = UInt32(truncatingIfNeeded: left &+ (unsafe state.pointee.unmade.load(ordering: .relaxed)))
                if unsafe state.pointee.lowWater.load(ordering: .relaxed) > unused {
                    unsafe state.pointee.lowWater.store(unused, ordering: .relaxed)
                }
                return buffer
            }
            old = result.original
        }
    }

    @inline(never)
    func putBack(_ buffer: PacketBuffer) {
        discount(buffer.share)
        push(buffer)
    }

    @inline(__always)
    func push(_ buffer: PacketBuffer) {
        // The pool's state and buffers stay as long as the pool; the buffer is one of them.
        let state = unsafe state
        let index = UInt64(buffer.load(PacketField.index, as: UInt32.self))
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

    /// Buffers in the free list.
    var listed: Int { Int(unsafe state.pointee.head.load(ordering: .relaxed) >> 16 & 0xffff) }
    /// Buffers that are not in use at the moment, those not made yet included.
    public var freeCount: Int { listed + (unsafe state.pointee.unmade.load(ordering: .relaxed)) }
    /// Buffers that have memory.
    public var madeCount: Int { count - (unsafe state.pointee.unmade.load(ordering: .relaxed)) }
    /// The fewest that ever were free (two harts at once may miss by one).
    public var lowWater: Int { Int(unsafe state.pointee.lowWater.load(ordering: .relaxed)) }
    /// How often a packet was asked for and none was free.
    public var failures: Int { Int(unsafe state.pointee.failures.load(ordering: .relaxed)) }
}
