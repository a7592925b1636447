// The word at the bottom of every lock: free, or which hart holds it.

import Machine
import Storage
import Synchronization

/// 0 while free, else the holder's hart index + 1. Taking it twice on one hart, or giving it back from another, panics.
struct LockWord: ~Copyable, Sendable {
    private let holder = Atomic<UInt32>(0)
    private let rank: LockRank

    init(_ rank: LockRank) { self.rank = rank }

    /// Spins until the word is this hart's.
    @inline(__always)
    func acquire() {
        #if CHECKS
            LockOrder.enter(rank)
        #endif
        let hart = UInt32(truncatingIfNeeded: thisHart.value.index) &+ 1
        let (exchanged, owner) = holder.compareExchange(expected: 0, desired: hart, ordering: .acquiring)
        if !exchanged { acquireContended(hart, owner) }
    }

    @inline(never)
    private func acquireContended(_ hart: UInt32, _ owner: UInt32) {
        if owner == hart { panic("a lock is taken twice by one hart") }
        let began = read_time()
        repeat {
            while holder.load(ordering: .relaxed) != 0 { spin_pause() }
        } while !holder.compareExchange(expected: 0, desired: hart, ordering: .acquiring).exchanged
        LockWaits.add(read_time() &- began, rank)
    }

    @inline(__always)
    func release() {
        #if CHECKS
            if holder.load(ordering: .relaxed) != UInt32(truncatingIfNeeded: thisHart.value.index) &+ 1 {
                panic("a lock is given back by a hart that does not hold it")
            }
            LockOrder.leave(rank)
        #endif
        holder.store(0, ordering: .releasing)
    }
}
