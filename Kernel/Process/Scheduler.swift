// Which thread runs on which hart. Each hart has a run queue; choosing the next thread takes its head, whatever the number of
// threads. A woken thread goes to a hart that idles, its own if it can; a hart with an empty queue takes from the others before
// it sleeps. The kernel is not preempted: a thread gives its hart up in `sleep` and `yield`, and on its way back to user mode.
//
// State transitions (Process.state):
//   running → preparing    the thread joins a wait queue
//   preparing → running    a waker was faster than the thread's sleep: nothing else to do
//   preparing → sleeping   the thread commits; from here until its registers are saved it takes no lock but its run queue's
//   sleeping → runnable    a waker; it waits until the registers are saved, then puts the thread into a run queue
//   runnable → running     a hart

import Machine
import Synchronization
import SystemInterface

private struct RunQueue {
    var first: ProcessRef?
    var last: ProcessRef?

    mutating func append(_ thread: ProcessRef) {
        thread.pointee.next = nil
        if let last { last.pointee.next = thread } else { first = thread }
        last = thread
    }

    mutating func prepend(_ thread: ProcessRef) {
        thread.pointee.next = first
        first = thread
        if last == nil { last = thread }
    }

    mutating func takeFirst() -> ProcessRef? {
        guard let thread = first else { return nil }
        first = thread.pointee.next
        if first == nil { last = nil }
        return thread
    }
}

/// One per hart: what only the scheduler needs.
struct HartState: ~Copyable {
    fileprivate var queue = SpinLock(RunQueue())
    /// Threads in the queue, to be read without the lock.
    fileprivate let queued = Atomic<Int>(0)
    /// The thread that ran before the last switch, until the new one has marked its registers saved.
    fileprivate var previous: ProcessRef?
    fileprivate var idleThread: ProcessRef?
    /// The running thread shall give the hart up on its way to user mode. Only its own hart touches it.
    var needsYield = false
    /// When the running thread's turn ends (timebase ticks).
    var sliceEnd: UInt64 = 0
    /// What the instruction counter advanced by while this hart slept: under QEMU's -icount, time that passes for nothing counts too.
    fileprivate(set) var idleInstructions: UInt64 = 0
    /// Timer interrupts.
    var timerInterrupts: UInt64 = 0
    /// Switches from one thread to another.
    fileprivate(set) var switches: UInt64 = 0

    init() {}
}

enum Scheduler {
    /// Running threads take turns this long, in timebase ticks: 10 ms.
    private static var slice: UInt64 { Clock.frequency / 100 }

    nonisolated(unsafe) private(set) static var harts = UnsafeMutablePointer<HartState>(bitPattern: 8).unsafelyUnwrapped
    nonisolated(unsafe) private(set) static var hartCount = 0
    /// Bit n: hart n sleeps in wfi, or is about to.
    private static let idle = Atomic<UInt32>(0)

    static func start(harts count: Int, table: UnsafeMutablePointer<HartState>) {
        harts = table
        hartCount = count
        for index in 0..<count { (table + index).initialize(to: HartState()) }
    }

    /// This hart's state; the caller's interrupts are off.
    static var here: UnsafeMutablePointer<HartState> { harts + Int(this_hart().pointee.index) }

    /// Makes the running code this hart's idle thread.
    static func becomeIdle(_ thread: ProcessRef) {
        here.pointee.idleThread = thread
        here.pointee.sliceEnd = .max
        thread.pointee.state.store(ThreadState.running, ordering: .relaxed)
        thread.pointee.onHart.store(1, ordering: .relaxed)
        this_hart().pointee.current = UnsafeMutableRawPointer(thread)
    }

    // MARK: Giving the hart up

    /// Sleeps until woken. The thread has joined a wait queue (or armed a timer) since it was last `running`; if it was woken
    /// already, this returns at once.
    @inline(never)
    static func sleep() {
        let interrupts = interrupts_disable()
        let thread = current
        let (committed, _) = thread.pointee.state.compareExchange(
            expected: ThreadState.preparing, desired: ThreadState.sleeping, ordering: .acquiringAndReleasing)
        if committed { switchToNext(from: thread) }
        interrupts_restore(interrupts)
    }

    /// Lets the others that are runnable go first.
    @inline(never)
    static func yield() {
        let interrupts = interrupts_disable()
        let thread = current
        here.pointee.needsYield = false
        thread.pointee.state.store(ThreadState.runnable, ordering: .relaxed)
        enqueue(thread, on: Int(this_hart().pointee.index))
        switchToNext(from: thread)
        interrupts_restore(interrupts)
    }

    /// Leaves for ever. The caller has made itself a zombie; interrupts are off.
    static func leave() -> Never {
        switchToNext(from: current)
        panic("a thread that ended was run again")
    }

    @inline(never)
    private static func switchToNext(from thread: ProcessRef) {
        let hart = here
        let next = takeOwn() ?? steal() ?? hart.pointee.idleThread.unsafelyUnwrapped
        next.pointee.state.store(ThreadState.running, ordering: .relaxed)
        hart.pointee.needsYield = false
        if next == thread { return }
        switchTo(next, from: thread, hart)
    }

    private static func switchTo(_ next: ProcessRef, from thread: ProcessRef, _ hart: UnsafeMutablePointer<HartState>) {
        next.pointee.onHart.store(1, ordering: .relaxed)
        if next.pointee.lastHart != Int(this_hart().pointee.index) {
            next.pointee.lastHart = Int(this_hart().pointee.index)
            fence_instructions()  // what it executes may have been written by another hart
        }
        this_hart().pointee.current = UnsafeMutableRawPointer(next)
        hart.pointee.previous = thread
        hart.pointee.switches &+= 1
        write_satp(next.pointee.satp)
        hart.pointee.sliceEnd = next == hart.pointee.idleThread ? .max : Clock.ticks &+ slice
        TimerQueue.arm()
        context_switch(&thread.pointee.context, &next.pointee.context)
        finishSwitch()
    }

    /// The first thing a thread does when it gets a hart: the one before it may now run elsewhere.
    static func finishSwitch() {
        let hart = here
        if let previous = hart.pointee.previous {
            hart.pointee.previous = nil
            previous.pointee.onHart.store(0, ordering: .releasing)
        }
    }

    // MARK: Waking

    /// Wakes a thread that sleeps or is about to; does nothing to any other.
    static func wake(_ thread: ProcessRef) {
        while true {
            let (beforeSleep, state) = thread.pointee.state.compareExchange(
                expected: ThreadState.preparing, desired: ThreadState.running, ordering: .acquiringAndReleasing)
            if beforeSleep { return }
            guard state == ThreadState.sleeping else { return }
            let (asleep, _) = thread.pointee.state.compareExchange(
                expected: ThreadState.sleeping, desired: ThreadState.runnable, ordering: .acquiringAndReleasing)
            if asleep { break }
        }
        while thread.pointee.onHart.load(ordering: .acquiring) != 0 { spin_pause() }
        makeRunnable(thread)
    }

    /// Puts a thread that no hart runs into a run queue, and sees to it that a hart looks there.
    static func makeRunnable(_ thread: ProcessRef) {
        thread.pointee.state.store(ThreadState.runnable, ordering: .relaxed)
        let interrupts = interrupts_disable()
        defer { interrupts_restore(interrupts) }
        let own = Int(this_hart().pointee.index)
        let idleHarts = idle.load(ordering: .sequentiallyConsistent)
        var target = own
        if idleHarts != 0, idleHarts & 1 << UInt32(own) == 0 {
            let last = thread.pointee.lastHart
            target = idleHarts & 1 << UInt32(last) != 0 ? last : idleHarts.trailingZeroBitCount
        }
        enqueue(thread, on: target, first: thread.pointee.isKernelThread)
        if target != own {
            kick(target)
        } else if thread.pointee.isKernelThread {
            here.pointee.needsYield = true
        }
    }

    /// The running thread's turn may be over. From the timer interrupt.
    static func tick() {
        let hart = here
        let now = Clock.ticks
        guard now >= hart.pointee.sliceEnd else { return }
        hart.pointee.sliceEnd = now &+ slice
        hart.pointee.needsYield = true
        // Work that queues here while a hart idles (it fell asleep a moment too early) shall not wait for another turn.
        let idleHarts = idle.load(ordering: .relaxed)
        if idleHarts != 0, hart.pointee.queued.load(ordering: .relaxed) > 0 { kick(idleHarts.trailingZeroBitCount) }
    }

    private static func kick(_ hart: Int) {
        idle.bitwiseAnd(~(1 << UInt32(hart)), ordering: .relaxed)
        Harts.interrupt(hart)
    }

    private static func enqueue(_ thread: ProcessRef, on hart: Int, first: Bool = false) {
        harts[hart].queue.withLock { queue in
            // The kernel's own threads go first: they do a little, for somebody who waits.
            if first { queue.prepend(thread) } else { queue.append(thread) }
        }
        harts[hart].queued.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    @inline(__always)
    private static func takeOwn() -> ProcessRef? {
        here.pointee.queued.load(ordering: .relaxed) > 0 ? take(from: here) : nil
    }

    @inline(never)
    private static func take(from hart: UnsafeMutablePointer<HartState>) -> ProcessRef? {
        let thread = hart.pointee.queue.withLock { $0.takeFirst() }
        if thread != nil { hart.pointee.queued.wrappingSubtract(1, ordering: .relaxed) }
        return thread
    }

    /// Takes a thread from another hart's queue.
    @inline(__always)
    private static func steal() -> ProcessRef? { hartCount > 1 ? stealFromOthers() : nil }

    @inline(never)
    private static func stealFromOthers() -> ProcessRef? {
        let own = Int(this_hart().pointee.index)
        for distance in 1..<max(hartCount, 1) {
            let victim = harts + (own + distance) % hartCount
            guard victim.pointee.queued.load(ordering: .relaxed) > 0 else { continue }
            let thread: ProcessRef? = victim.pointee.queue.withLock { queue in
                // A thread that has just yielded may not have saved its registers: it stays where it is.
                guard let first = queue.first, first.pointee.onHart.load(ordering: .acquiring) == 0 else { return nil }
                return queue.takeFirst()
            }
            if let thread {
                victim.pointee.queued.wrappingSubtract(1, ordering: .relaxed)
                return thread
            }
        }
        return nil
    }

    // MARK: Idling

    /// What a hart does when nothing is runnable.
    static func idleLoop() -> Never {
        let own = UInt32(1) << UInt32(this_hart().pointee.index)
        let thread = current
        while true {
            _ = interrupts_disable()
            if let next = takeOwn() ?? steal() {
                next.pointee.state.store(ThreadState.running, ordering: .relaxed)
                here.pointee.needsYield = false
                switchTo(next, from: thread, here)
                continue
            }
            idle.bitwiseOr(own, ordering: .sequentiallyConsistent)
            atomicMemoryFence(ordering: .sequentiallyConsistent)
            if !anyQueued {
                let before = read_instret()
                wait_for_interrupt()
                here.pointee.idleInstructions &+= read_instret() &- before
            }
            idle.bitwiseAnd(~own, ordering: .sequentiallyConsistent)
            // wfi returned for an interrupt that is still pending: take it now.
            interrupts_enable()
        }
    }

    private static var anyQueued: Bool {
        for index in 0..<hartCount where harts[index].queued.load(ordering: .sequentiallyConsistent) > 0 { return true }
        return false
    }
}
