// How long harts waited for locks that other harts held. Only the slow path of an acquisition counts, so a lock that is
// free costs what it cost.

import Synchronization

enum LockWaits {
    private static let stackTicks = Atomic<UInt64>(0)
    private static let otherTicks = Atomic<UInt64>(0)

    /// Adds timebase ticks that a hart waited for a lock.
    static func add(_ ticks: UInt64, _ rank: LockRank) {
        if rank == .networkStack {
            stackTicks.wrappingAdd(ticks, ordering: .relaxed)
        } else {
            otherTicks.wrappingAdd(ticks, ordering: .relaxed)
        }
    }

    /// Timebase ticks since the start, of all harts together: waiting for the lock around the network stack, and for any
    /// other one.
    static var ofStack: UInt64 { stackTicks.load(ordering: .relaxed) }
    static var ofOthers: UInt64 { otherTicks.load(ordering: .relaxed) }
}
