// Threads that want to be woken at a time. Each hart keeps those that fell asleep on it in a binary heap, the earliest
// on top, and sets its own timer for it: no hart waits for another's lock on the way to sleep.

import Machine
import Storage
import Synchronization

private struct Heap {
    var count = 0
    var threads = [80 of ThreadRef?](repeating: nil)  // more places than there are threads

    func deadline(_ index: Int) -> UInt64 { threads[index]!.value.deadline }

    mutating func place(_ thread: ThreadRef, at index: Int) {
        threads[index] = thread
        thread.value.timerIndex = index
    }

    mutating func insert(_ thread: ThreadRef) {
        place(thread, at: count)
        count += 1
        rise(from: count - 1)
    }

    mutating func remove(at index: Int) {
        count -= 1
        guard let last = threads[count] else { return }
        threads[count] = nil
        guard index < count else { return }
        place(last, at: index)
        rise(from: index)
        sink(from: last.value.timerIndex)
    }

    private mutating func rise(from start: Int) {
        var index = start
        while index > 0, deadline(index) < deadline((index - 1) / 2) {
            exchange(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private mutating func sink(from start: Int) {
        var index = start
        while true {
            var earliest = index
            let left = 2 * index + 1
            let right = left + 1
            if left < count, deadline(left) < deadline(earliest) { earliest = left }
            if right < count, deadline(right) < deadline(earliest) { earliest = right }
            guard earliest != index else { return }
            exchange(index, earliest)
            index = earliest
        }
    }

    private mutating func exchange(_ a: Int, _ b: Int) {
        let thread = threads[a]!
        place(threads[b]!, at: a)
        place(thread, at: b)
    }
}

/// One per hart.
struct HartTimers: ~Copyable {
    fileprivate let heap = SpinLock<Heap>(.timerQueue)
    /// The heap's first deadline, .max for none: written under its lock, read without it. Only this hart adds timers,
    /// so what it reads is at worst the deadline of one that another hart has just cancelled.
    fileprivate let first = Atomic<UInt64>(.max)

    init() {}

    /// Once, during start-up.
    func start() { heap.start(Heap()) }
}

enum SleepTimers {
    /// Wakes the running thread at `deadline` (timebase ticks), unless it cancels before.
    static func wake(_ thread: ThreadRef, at deadline: UInt64) {
        let interrupts = interrupts_disable()
        let hart = Int(thisHart.value.index)
        let timers = Scheduler.here
        timers.value.timers.heap.withLock { heap in
            // One timer a thread, and fewer threads than places.
            thread.value.deadline = deadline
            thread.value.timerHart = hart
            heap.insert(thread)
            timers.value.timers.first.store(heap.deadline(0), ordering: .relaxed)
        }
        arm()
        interrupts_restore(interrupts)
    }

    /// Forgets the running thread's timer if it has not fired.
    @inline(never)
    static func cancel(_ thread: ThreadRef) {
        let hart = thread.value.timerHart
        guard hart >= 0 else { return }
        let timers = Scheduler.hart(hart)
        timers.value.timers.heap.withLock { heap in
            guard thread.value.timerHart >= 0 else { return }
            heap.remove(at: thread.value.timerIndex)
            thread.value.timerHart = -1
            noteFirst(heap, timers)
        }
    }

    /// The timer interrupt: wakes all whose time has come on this hart, ends the running thread's turn if it is over,
    /// and sets the timer for what comes next.
    static func expire() {
        let timers = Scheduler.here
        timers.value.timerInterrupts &+= 1
        while true {
            let now = Clock.ticks
            let due: ThreadRef? = timers.value.timers.heap.withLock { heap in
                guard heap.count > 0, heap.deadline(0) <= now, let thread = heap.threads[0] else { return nil }
                heap.remove(at: 0)
                thread.value.timerHart = -1
                noteFirst(heap, timers)
                return thread
            }
            guard let due else { break }
            Scheduler.wake(due)
        }
        Scheduler.tick()
        arm()
    }

    private static func noteFirst(_ heap: borrowing Heap, _ hart: Ref<HartState>) {
        hart.value.timers.first.store(heap.count > 0 ? heap.deadline(0) : .max, ordering: .relaxed)
    }

    /// Sets this hart's timer: the end of the running thread's turn or the first sleeper, whichever comes first.
    static func arm() {
        let hart = Scheduler.here
        Harts.setTimer(min(hart.value.timers.first.load(ordering: .relaxed), hart.value.sliceEnd))
    }
}
