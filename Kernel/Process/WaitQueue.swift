// Threads that wait for one thing. A waker names the queue, so it wakes those that wait for its event and looks at nobody else.
//
// The rule against lost wake-ups: a thread first joins the queue, then looks whether what it waits for is there, then sleeps;
// a waker first makes the thing be there, then wakes. Whichever comes second sees the other.

import Machine
import Synchronization
import SystemInterface

/// Lies at an address that does not change: in a table or a global.
struct WaitQueue: ~Copyable {
    private struct Waiters {
        var first: ProcessRef?
        var last: ProcessRef?
    }

    private var waiters = SpinLock(Waiters())

    /// Returns what `ready` returns as soon as that is not nil, sleeping in between. Throws `interrupted` if the thread is
    /// killed, and `timedOut` after `deadline` (timebase ticks) if there is one. `ready` may take spin locks; it must not sleep.
    mutating func wait<Result: ~Copyable>(
        until deadline: UInt64? = nil, _ ready: () throws(SystemError) -> Result?
    ) throws(SystemError) -> Result {
        if let result = try ready() { return result }
        let thread = current
        while true {
            join(thread)
            do throws(SystemError) {
                if let result = try ready() {
                    leave(thread)
                    return result
                }
                if thread.pointee.killed.load(ordering: .relaxed) { throw .interrupted }
                if let deadline {
                    guard Clock.ticks < deadline else { throw .timedOut }
                    TimerQueue.wake(thread, at: deadline)
                }
            } catch {
                leave(thread)
                throw error
            }
            Scheduler.sleep()
            if deadline != nil { TimerQueue.cancel(thread) }
            leave(thread)
        }
    }

    /// The same for a wait that kill does not end and that has no time limit. With a period (timebase ticks) `ready` is asked that often
    /// although nobody wakes the thread.
    @inline(never)
    mutating func waitUninterrupted(period: UInt64? = nil, _ ready: () -> Bool) {
        if ready() { return }
        let thread = current
        while true {
            join(thread)
            if ready() {
                leave(thread)
                return
            }
            if let period { TimerQueue.wake(thread, at: Clock.ticks &+ period) }
            Scheduler.sleep()
            if period != nil { TimerQueue.cancel(thread) }
            leave(thread)
        }
    }

    /// Joins the queue, calls `release` – which gives up the lock that the wakers take – and sleeps until woken, perhaps for no
    /// reason.
    mutating func sleepOnce(_ release: () -> Void) {
        let thread = current
        join(thread)
        release()
        Scheduler.sleep()
        leave(thread)
    }

    /// Wakes all that wait.
    mutating func wakeAll() {
        while wakeOne() {}
    }

    /// Wakes the one that has waited longest; false if there is none.
    @discardableResult
    mutating func wakeOne() -> Bool {
        // Whoever joins looks for the event once more after that: a queue that is empty now may be left alone.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if isEmpty { return false }
        let thread: ProcessRef? = waiters.withLock { waiters in
            guard let thread = waiters.first else { return nil }
            Self.unlink(thread, from: &waiters)
            return thread
        }
        guard let thread else { return false }
        Scheduler.wake(thread)
        return true
    }

    private var isEmpty: Bool {
        mutating get { waiters.peek { $0.first == nil } }
    }

    @inline(never)
    private mutating func join(_ thread: ProcessRef) {
        // The queue's address stays the same: see the type's promise.
        let queue = withUnsafeMutablePointer(to: &self) { $0 }
        waiters.withLock { waiters in
            thread.pointee.waitQueue = queue
            thread.pointee.waitNext = nil
            thread.pointee.waitPrevious = waiters.last
            if let last = waiters.last { last.pointee.waitNext = thread } else { waiters.first = thread }
            waiters.last = thread
            thread.pointee.state.store(ThreadState.preparing, ordering: .sequentiallyConsistent)
        }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Takes the running thread out, woken or not.
    @inline(never)
    private mutating func leave(_ thread: ProcessRef) {
        waiters.withLock { waiters in
            if thread.pointee.waitQueue != nil { Self.unlink(thread, from: &waiters) }
        }
        thread.pointee.state.store(ThreadState.running, ordering: .relaxed)
    }

    private static func unlink(_ thread: ProcessRef, from waiters: inout Waiters) {
        let next = thread.pointee.waitNext
        let previous = thread.pointee.waitPrevious
        if let previous { previous.pointee.waitNext = next } else { waiters.first = next }
        if let next { next.pointee.waitPrevious = previous } else { waiters.last = previous }
        thread.pointee.waitQueue = nil
    }
}
