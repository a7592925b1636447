// Threads that wait for one thing. A waker names the queue, so it wakes those that wait for its event and looks at no
// others.
//
// The rule against lost wake-ups: a thread first joins the queue, then looks whether what it waits for is there, then
// sleeps; a waker first makes the thing be there, then wakes. Whichever comes second sees the other.

import Machine
import Storage
import Synchronization
import SystemInterface

struct WaitQueue: ~Copyable, Sendable {
    private let waiters = LockedList<Thread>(.waitQueue)

    init() {}

    /// Returns what `ready` returns as soon as that is not nil, sleeping in between. Throws `interrupted` if the thread
    /// is killed or has a ^C to be told of, and `timedOut` after `deadline` (timebase ticks) if there is one. `ready`
    /// may take spin locks; it must not sleep.
    func wait<Result: ~Copyable>(
        until deadline: UInt64? = nil, _ ready: () throws(SystemError) -> Result?
    ) throws(SystemError) -> Result {
        let thread = currentThread
        while true {
            // Before it joins, the first time and when it was woken: mostly that is all.
            if let result = try ready() { return result }
            join(thread)
            do throws(SystemError) {
                if let result = try ready() {
                    leave(thread)
                    return result
                }
                if thread.value.killed.load(ordering: .relaxed)
                    || thread.value.interruptPending.load(ordering: .relaxed)
                {
                    throw .interrupted
                }
                if let deadline {
                    guard Clock.ticks < deadline else { throw .timedOut }
                    SleepTimers.wake(thread, at: deadline)
                }
            } catch {
                leave(thread)
                throw error
            }
            Scheduler.sleep()
            if deadline != nil { SleepTimers.cancel(thread) }
            leave(thread)
        }
    }

    /// The same for a wait that kill does not end and that has no time limit. With a period (timebase ticks) `ready` is
    /// asked that often although no waker wakes the thread.
    @inline(never)
    func waitUninterrupted(period: UInt64? = nil, _ ready: () -> Bool) {
        let thread = currentThread
        while true {
            if ready() { return }  // as in `wait`
            join(thread)
            if ready() {
                leave(thread)
                return
            }
            if let period { SleepTimers.wake(thread, at: Clock.ticks &+ period) }
            Scheduler.sleep()
            if period != nil { SleepTimers.cancel(thread) }
            leave(thread)
        }
    }

    /// Joins the queue, calls `release` – which gives up the lock that the wakers take – and sleeps until woken,
    /// perhaps for no reason.
    func sleepOnce(_ release: () -> Void) {
        let thread = currentThread
        join(thread)
        release()
        Scheduler.sleep()
        leave(thread)
    }

    /// Wakes all that wait.
    @inline(__always)
    func wakeAll() {
        // A thread that joins looks for the event once more after that: a queue that is empty now may be left alone.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        if !waiters.seemsEmpty { wakeEach() }
    }

    @inline(never)
    private func wakeEach() {
        while wakeFirst() {}
    }

    /// Wakes the one that has waited longest; false if there is none.
    @discardableResult
    @inline(__always)
    func wakeOne() -> Bool {
        atomicMemoryFence(ordering: .sequentiallyConsistent)  // as in wakeAll
        return waiters.seemsEmpty ? false : wakeFirst()
    }

    @inline(never)
    private func wakeFirst() -> Bool {
        guard let thread = waiters.withLock({ $0.removeFirst() }) else { return false }
        Scheduler.wake(thread)
        return true
    }

    @inline(never)
    private func join(_ thread: ThreadRef) {
        waiters.withLock { waiters in
            waiters.append(thread.waitNode)
            thread.value.state.store(ThreadState.preparing, ordering: .sequentiallyConsistent)
        }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
    }

    /// Takes the running thread out, woken or not.
    @inline(never)
    private func leave(_ thread: ThreadRef) {
        waiters.withLock { waiters in
            if thread.waitNode.value.isListed { waiters.remove(thread.waitNode) }
        }
        thread.value.state.store(ThreadState.running, ordering: .relaxed)
    }
}
