// A pool that grows page by page, and gives pages back.
//
// What the pool has always made beyond what is in use is the floor: `kept` buffers for the stack's own messages and
// some for cards. A packet that comes to wait for a program needs `canKeep`: so when no page is to be had, cards still
// have something to receive into, and programs' datagrams are dropped (counted) instead.

import Synchronization

/// Where a pool's pages of 4,096 bytes come from. Both functions may be called at any time, with any lock held.
public struct PageSupply: Sendable {
    /// A page's address, aligned to its size and reachable by every device that packets go to; 0 when there is none.
    let take: @convention(c) () -> UInt
    let giveBack: @convention(c) (UInt) -> Void

    public init(take: @escaping @convention(c) () -> UInt, giveBack: @escaping @convention(c) (UInt) -> Void) {
        self.take = take
        self.giveBack = giveBack
    }

    static var none: PageSupply { PageSupply(take: { 0 }, giveBack: { _ in }) }
}

extension PacketPool {
    private static var pageShift: Int { 1 }
    private static var pageSize: Int { bufferSize << pageShift }
    /// Free buffers that a packet which begins to wait for a program leaves to cards.
    private static var cardFloor: Int { 32 }
    /// Free buffers beyond those: packets of programs when no page is free.
    private static var programFloor: Int { 32 }

    /// Bytes for the words of a pool of so many buffers that grows.
    public static func wordBytes(_ count: Int) -> Int {
        let pages = (count + 1) >> pageShift
        return MemoryLayout<PoolState>.stride + pages * (MemoryLayout<Atomic<UInt>>.stride + 1)
    }

    /// Makes a pool without buffers.
    /// - Parameters:
    ///   - words: `wordBytes(count)` bytes, aligned to 16, that outlive all packets.
    ///   - count: buffers at most, even.
    public init(growing words: UnsafeMutableRawPointer, count: Int, supply: PageSupply) {
        precondition(count > 0 && count % 2 == 0 && count <= Self.greatestCount, "a pool of an odd number of buffers")
        unsafe self.init(words: words, count: count, shift: Self.pageShift, supply: supply)
        for page in 0..<count >> Self.pageShift { unsafe inHand[page] = 0 }  // in bounds, as wordBytes says
    }

    /// By page: bit i says that its buffer i is taken off the free list, to be given back. For the hart that shrinks.
    private var inHand: UnsafeMutablePointer<UInt8> {
        unsafe UnsafeMutableRawPointer(pieces + count >> Self.pageShift).assumingMemoryBound(to: UInt8.self)
    }

    /// Makes another page of buffers; false when there are all or no page is free.
    @inline(never)
    func grow() -> Bool {
        // the pool's own words, here and below
        let unmade = unsafe state.pointee.unmade.load(ordering: .relaxed)
        guard unmade > 0, shift == Self.pageShift else { return false }
        let address = unsafe state.pointee.supply.take()
        guard let memory = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return false }
        let pages = count >> shift
        var page = (count - unmade) >> shift  // the first place that is free, while none was given up
        for _ in 0..<pages {
            defer { page = page + 1 < pages ? page + 1 : 0 }
            let place = unsafe pieces + page
            let isOurs = unsafe place.pointee.compareExchange(expected: 0, desired: address, ordering: .relaxed)
            guard isOurs.exchanged else { continue }
            // two buffers in the page, which is this pool's alone
            unsafe add(2 * page + 2, memory + Self.bufferSize)
            unsafe add(2 * page + 1, memory)
            noteUnmade()
            return true
        }
        unsafe state.pointee.supply.giveBack(address)  // another hart made the last one
        return false
    }

    /// Makes as many buffers as are to be there whatever else runs out. Once cards have theirs.
    /// - Parameter own: buffers that are left to the stack's own messages.
    public func fill(own: Int) {
        // a word of the pool's own
        unsafe state.pointee.kept.store(own, ordering: .relaxed)
        noteUnmade()
        while listed < floor, grow() {}
    }

    /// Follows the number of buffers that could still be made.
    private func noteUnmade() {
        // words of the pool's own
        let unmade = unsafe state.pointee.unmade.load(ordering: .relaxed)
        let kept = unsafe state.pointee.kept.load(ordering: .relaxed)
        unsafe state.pointee.least.store(unmade == 0 ? 0 : kept, ordering: .relaxed)
    }

    /// Free buffers that stay when pages are given back.
    private var floor: Int {
        // a word of the pool's own
        unsafe state.pointee.kept.load(ordering: .relaxed) + Self.cardFloor + Self.programFloor
    }

    /// Whether a packet may wait for a program: enough others are free, or could be made.
    @inline(__always)
    public var canKeep: Bool {
        let state = unsafe state  // the pool's words stay as long as the pool
        if unsafe state.pointee.unmade.load(ordering: .relaxed) == 0 { return true }
        return listed >= (unsafe state.pointee.kept.load(ordering: .relaxed)) + Self.cardFloor || grow()
    }

    /// Pages that `giveBack` would find if each held two free buffers.
    public var sparePages: Int { shift == Self.pageShift ? max(0, listed - floor) >> shift : 0 }

    /// Gives pages back of which both buffers are free, but for what is to stay.
    /// - Returns: whether there was one.
    public func giveBack() -> Bool {
        // the pool's own words, here and below
        guard sparePages > 0, unsafe !state.pointee.isShrinking.exchange(true, ordering: .acquiring) else {
            return false
        }
        defer { unsafe state.pointee.isShrinking.store(false, ordering: .releasing) }
        let floor = floor
        while let buffer = pop(leaving: unsafe state.pointee.kept.load(ordering: .relaxed)) {
            let place = Int(buffer.load(PacketField.index, as: UInt32.self)) - 1
            unsafe inHand[place >> shift] |= 1 << UInt8(place & 1)
        }
        // By this hart alone; the others read the places of pieces, and find the free list changed. Halves of pages go
        // back first: they make up the floor, and whole pages can leave.
        for page in 0..<count >> shift where unsafe inHand[page] == 1 || inHand[page] == 2 {
            push(buffer(2 * page + Int(unsafe inHand[page])))
            unsafe inHand[page] = 0
        }
        var given = false
        for page in 0..<count >> shift where unsafe inHand[page] == 3 {
            unsafe inHand[page] = 0
            if listed < floor {
                push(buffer(2 * page + 1))
                push(buffer(2 * page + 2))
                continue
            }
            // words of the pool's own; the page is this hart's alone
            unsafe state.pointee.unmade.wrappingAdd(2, ordering: .relaxed)
            noteUnmade()
            let address = unsafe (pieces + page).pointee.exchange(0, ordering: .relaxed)
            unsafe state.pointee.supply.giveBack(address)
            given = true
        }
        return given
    }
}
