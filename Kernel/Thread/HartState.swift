// What the scheduler keeps for each hart: its run queue, its running thread's turn, and counts.

import Machine
import Storage
import Synchronization

/// One per hart. Only its own hart touches what is not a lock's or an atomic.
struct HartState: ~Copyable {
    let queue = LockedList<Thread>(.runQueue)
    /// Threads in the queue, to be read without the lock.
    let queued = Atomic<Int>(0)
    let timers = HartTimers()
    /// The thread that ran before the last switch, until the new one has marked its registers saved.
    var previous: ThreadRef?
    var idleThread: ThreadRef?
    /// The running thread gives the hart up on its way to user mode.
    var needsYield = false
    /// When the running thread's turn ends (timebase ticks).
    var sliceEnd: UInt64 = 0
    /// Advance of the instruction counter while this hart slept: under QEMU's -icount, time that passes for nothing
    /// counts too.
    var idleInstructions: UInt64 = 0
    /// Timer interrupts.
    var timerInterrupts: UInt64 = 0
    /// Switches from one thread to another.
    var switches: UInt64 = 0
    /// Interrupts that this hart sent to wake another one for a thread.
    var wakeInterrupts: UInt64 = 0

    init() {}
}
