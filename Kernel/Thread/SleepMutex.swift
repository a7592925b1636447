// A lock to hold for long: a thread that finds it held sleeps.

import Machine
import Synchronization

/// One holder at a time; the holder may sleep.
struct SleepMutex: ~Copyable, Sendable {
    private let held = Atomic<UInt32>(0)
    private let waiters = WaitQueue()

    init() {}

    /// Runs `body` alone. `body` may sleep; it does not take the same mutex.
    func withLock<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        if !tryLock() { waiters.waitUninterrupted { tryLock() } }
        defer {
            held.store(0, ordering: .sequentiallyConsistent)
            waiters.wakeOne()
        }
        return try body()
    }

    private func tryLock() -> Bool { held.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged }
}
