// Which thread runs on which hart. Each hart has a run queue; choosing the next thread takes its head, whatever the
// number of threads. A woken thread goes into the queue of the hart that wakes it, and a hart that idles is woken to
// take it from there: one at a time, since each costs an interrupt, and the hart that has found a thread wakes the next
// if there are more. A hart with an empty queue takes from the others before it sleeps. The kernel is not preempted: a thread gives its hart up in `sleep` and `yield`, and on
// its way back to user mode.
//
// State transitions (Thread.state):
//   running → preparing    the thread joins a wait queue
//   preparing → running    a waker was faster than the thread's sleep: nothing else to do
//   preparing → sleeping   the thread commits; from here until its registers are saved it takes no lock but its run
//     queue's
//   sleeping → runnable    a waker; it waits until the registers are saved, then puts the thread into a run queue
//   runnable → running     a hart

import Machine
import Storage
import Synchronization
import SystemInterface

enum Scheduler {
    /// Running threads take turns this long, in timebase ticks: 10 ms.
    static var slice: UInt64 { Clock.frequency / 100 }

    static let table = BootTable<HartState>()
    /// Bit n: hart n sleeps in wfi, or is about to.
    static let idle = Atomic<UInt32>(0)
    /// 1 from when an idle hart was woken until it has looked for a thread: it needs no second one beside it.
    private static let searching = Atomic<UInt32>(0)

    /// Makes the run queues. Once, during start-up.
    static func start(harts count: Int) {
        table.start(count) { _ in HartState() }
        for index in 0..<count {
            table[index].timers.start()
            Harts.hart(index).value.scheduling = UInt64(table.ref(index).bits)
        }
    }

    /// Harts that run threads.
    static var hartCount: Int { table.count }

    /// The state of hart number `index`.
    static func hart(_ index: Int) -> Ref<HartState> { table.ref(index) }

    /// This hart's state; the caller's interrupts are off.
    static var here: Ref<HartState> {
        // `start` put it there, and the table stays for ever.
        unsafe Ref(
            unsafe: UnsafeMutablePointer<HartState>(bitPattern: UInt(thisHart.value.scheduling)).unsafelyUnwrapped)
    }

    /// Makes the running code this hart's idle thread.
    static func becomeIdle(_ thread: ThreadRef) {
        here.value.idleThread = thread
        here.value.sliceEnd = .max
        thread.value.state.store(ThreadState.running, ordering: .relaxed)
        thread.value.onHart.store(1, ordering: .relaxed)
        thisHart.value.thread = UInt64(thread.bits)
    }

    // MARK: Giving the hart up

    /// Sleeps until woken. The thread has joined a wait queue (or armed a timer) since it was last `running`; if it was
    /// woken already, this returns at once.
    @inline(never)
    static func sleep() {
        let interrupts = interrupts_disable()
        #if CHECKS
            LockOrder.checkNoneHeld()
        #endif
        let thread = currentThread
        let (committed, _) = thread.value.state.compareExchange(
            expected: ThreadState.preparing, desired: ThreadState.sleeping, ordering: .acquiringAndReleasing)
        if committed { switchToNext(from: thread) }
        interrupts_restore(interrupts)
    }

    /// Lets the others that are runnable go first.
    @inline(never)
    static func yield() {
        let interrupts = interrupts_disable()
        let thread = currentThread
        here.value.needsYield = false
        thread.value.state.store(ThreadState.runnable, ordering: .relaxed)
        enqueue(thread, on: Int(thisHart.value.index))
        switchToNext(from: thread)
        interrupts_restore(interrupts)
    }

    /// Lets the thread that is next in this hart's queue run, for so long at most (timebase ticks), and runs on after it;
    /// at once when the queue is empty. So a thread of the kernel's with work without end leaves others half of the
    /// hart's time, and takes half.
    @inline(never)
    static func yieldToOne(for ticks: UInt64) {
        let interrupts = interrupts_disable()
        let thread = currentThread
        let hart = here
        hart.value.needsYield = false
        if let next = takeOwn() {
            thread.value.state.store(ThreadState.runnable, ordering: .relaxed)
            enqueue(thread, on: Int(thisHart.value.index), first: true)
            next.value.state.store(ThreadState.running, ordering: .relaxed)
            switchTo(next, from: thread, hart, for: ticks)
        }
        interrupts_restore(interrupts)
    }

    /// In a call whose length its caller chooses, and that holds no spin lock: lets others run when the thread's turn is
    /// over.
    /// - Returns: false when the thread was killed: the call is to end.
    @inline(__always)  // two looks, in the loops of such calls
    static func mayGoOn() -> Bool {
        if here.value.needsYield { yield() }
        return !currentThread.value.killed.load(ordering: .relaxed)
    }

    /// The same, as an error.
    /// - Throws: interrupted.
    static func checkpoint() throws(SystemError) { if !mayGoOn() { throw .interrupted } }

    /// Leaves for ever. The caller has made itself a zombie; interrupts are off.
    static func leave() -> Never {
        switchToNext(from: currentThread)
        panic("a thread that ended was run again")
    }

    @inline(never)
    private static func switchToNext(from thread: ThreadRef) {
        let hart = here
        let next = takeOwn() ?? steal() ?? hart.value.idleThread!
        next.value.state.store(ThreadState.running, ordering: .relaxed)
        hart.value.needsYield = false
        if next == thread { return }
        switchTo(next, from: thread, hart)
    }

    /// - Parameter turn: how long the next thread may run, in timebase ticks.
    static func switchTo(
        _ next: ThreadRef, from thread: ThreadRef, _ hart: Ref<HartState>, for turn: UInt64 = Scheduler.slice
    ) {
        next.value.onHart.store(1, ordering: .relaxed)
        let own = Int(thisHart.value.index)
        let stayed = next.value.lastHart.load(ordering: .relaxed) == own
        if !stayed {
            next.value.lastHart.store(own, ordering: .relaxed)
            fence_instructions()  // what it executes may have been written by another hart
        }
        // A thread that comes back to the hart that it left finds its table as it was, if nothing was loaded meanwhile.
        if !next.value.borrowsTables, !(stayed && next.value.table == LoadedTable.own) {
            LoadedTable.load(next.value.table)
        }
        thisHart.value.thread = UInt64(next.bits)
        thisHart.value.page_reserve = Int64(next.value.pageReserve.load(ordering: .relaxed))
        hart.value.previous = thread
        hart.value.switches &+= 1
        hart.value.sliceEnd = next == hart.value.idleThread ? .max : Clock.ticks &+ turn
        SleepTimers.arm()
        unsafe context_switch(&thread.value.context, &next.value.context)  // both stay where they are
        finishSwitch()
    }

    /// The first thing a thread does when it gets a hart: the one before it may now run elsewhere.
    static func finishSwitch() {
        let hart = here
        if let previous = hart.value.previous {
            hart.value.previous = nil
            previous.value.onHart.store(0, ordering: .releasing)
        }
    }

    // MARK: Waking

    /// Wakes a thread that sleeps or is about to; does nothing to any other.
    static func wake(_ thread: ThreadRef) {
        while true {
            let (beforeSleep, state) = thread.value.state.compareExchange(
                expected: ThreadState.preparing, desired: ThreadState.running, ordering: .acquiringAndReleasing)
            if beforeSleep { return }
            guard state == ThreadState.sleeping else { return }
            let (asleep, _) = thread.value.state.compareExchange(
                expected: ThreadState.sleeping, desired: ThreadState.runnable, ordering: .acquiringAndReleasing)
            if asleep { break }
        }
        while thread.value.onHart.load(ordering: .acquiring) != 0 { spin_pause() }
        makeRunnable(thread)
    }

    /// Puts a thread that no hart runs into a run queue, and sees to it that a hart looks there.
    static func makeRunnable(_ thread: ThreadRef) {
        thread.value.state.store(ThreadState.runnable, ordering: .relaxed)
        let interrupts = interrupts_disable()
        defer { interrupts_restore(interrupts) }
        // An interrupt that finds its hart idle needs no other: the hart looks at its queue next.
        let isFree = isIdle && here.value.queued.load(ordering: .relaxed) == 0
        enqueue(thread, on: Int(thisHart.value.index), first: thread.value.isKernelThread)
        if isFree { return }
        let idleHarts = idle.load(ordering: .sequentiallyConsistent)
        if idleHarts != 0 {
            wakeSearcher(idleHarts, preferred: thread.value.lastHart.load(ordering: .relaxed))
        } else if thread.value.isKernelThread {
            here.value.needsYield = true
        }
    }

    /// This hart runs no thread.
    private static var isIdle: Bool { currentThread == here.value.idleThread }

    /// Wakes a hart that idles, unless one is on its way already.
    private static func wakeSearcher(_ idleHarts: UInt32, preferred: Int) {
        guard searching.exchange(1, ordering: .sequentiallyConsistent) == 0 else { return }
        kick(idleHarts & 1 << UInt32(preferred) != 0 ? preferred : idleHarts.trailingZeroBitCount)
    }

    /// The hart that was woken has looked for a thread, or runs one anyway: wakes the next if there is more to do.
    /// Interrupts are off.
    static func endSearch() {
        guard searching.load(ordering: .relaxed) != 0 else { return }
        searching.store(0, ordering: .sequentiallyConsistent)
        let idleHarts = idle.load(ordering: .sequentiallyConsistent)
        if idleHarts != 0, anyQueued { wakeSearcher(idleHarts, preferred: 32) }
    }

    /// From the software interrupt. A hart that idles looks for a thread next.
    static func wakeInterrupt() { if !isIdle { endSearch() } }

    /// Whether a thread waits in some queue.
    static var anyQueued: Bool {
        for index in 0..<hartCount where table[index].queued.load(ordering: .sequentiallyConsistent) > 0 { return true }
        return false
    }

    /// The running thread's turn may be over. From the timer interrupt.
    static func tick() {
        let hart = here
        let now = Clock.ticks
        guard now >= hart.value.sliceEnd else { return }
        hart.value.sliceEnd = now &+ slice
        hart.value.needsYield = true
        // Work that queues here while a hart idles (it fell asleep a moment too early) does not wait for another turn.
        let idleHarts = idle.load(ordering: .relaxed)
        if idleHarts != 0, hart.value.queued.load(ordering: .relaxed) > 0 {
            searching.store(1, ordering: .relaxed)
            kick(idleHarts.trailingZeroBitCount)
        }
    }

    private static func kick(_ hart: Int) {
        idle.bitwiseAnd(~(1 << UInt32(hart)), ordering: .relaxed)
        here.value.wakeInterrupts &+= 1
        Harts.interrupt(hart)
    }

    private static func enqueue(_ thread: ThreadRef, on hart: Int, first: Bool = false) {
        table[hart].queue.withLock { queue in
            // The kernel's own threads go first: they do a little, and other threads wait for it.
            if first { queue.prepend(thread.runNode) } else { queue.append(thread.runNode) }
        }
        table[hart].queued.wrappingAdd(1, ordering: .sequentiallyConsistent)
    }

    @inline(__always)
    static func takeOwn() -> ThreadRef? {
        here.value.queued.load(ordering: .relaxed) > 0 ? take(from: here) : nil
    }

    @inline(never)
    private static func take(from hart: Ref<HartState>) -> ThreadRef? {
        let thread = hart.value.queue.withLock { $0.removeFirst() }
        if thread != nil { hart.value.queued.wrappingSubtract(1, ordering: .relaxed) }
        return thread
    }

    /// Takes a thread from another hart's queue.
    @inline(__always)
    static func steal() -> ThreadRef? { hartCount > 1 ? stealFromOthers() : nil }

    @inline(never)
    private static func stealFromOthers() -> ThreadRef? {
        let own = Int(thisHart.value.index)
        for distance in 1..<max(hartCount, 1) {
            let victim = table.ref((own + distance) % hartCount)
            guard victim.value.queued.load(ordering: .relaxed) > 0 else { continue }
            let thread: ThreadRef? = victim.value.queue.withLock { queue in
                // A thread that has just yielded may not have saved its registers: it stays where it is.
                guard let first = queue.first, first.value.onHart.load(ordering: .acquiring) == 0 else { return nil }
                return queue.removeFirst()
            }
            if let thread {
                victim.value.queued.wrappingSubtract(1, ordering: .relaxed)
                return thread
            }
        }
        return nil
    }
}
