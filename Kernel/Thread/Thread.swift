// A thread of control: of a user process, of the kernel's own, or a hart's idle thread. What the scheduler, wait queues
// and timers know of it; Kernel/Process adds what a process has besides.

import Machine
import Storage
import Synchronization

typealias ThreadRef = Ref<Thread>

/// What a thread is doing, as the scheduler and wakers agree on it (Scheduler.swift has the transitions).
enum ThreadState {
    static let unused: UInt32 = 0
    /// On a hart, or on its way back to one.
    static let running: UInt32 = 1
    /// On a hart, and about to sleep unless woken first.
    static let preparing: UInt32 = 2
    /// Off its hart, or leaving it without touching any lock.
    static let sleeping: UInt32 = 3
    /// In a run queue.
    static let runnable: UInt32 = 4
    /// Ended; its parent has not called wait yet.
    static let zombie: UInt32 = 5
}

/// A name of up to 15 bytes and a NUL.
typealias ThreadName = [16 of UInt8]

/// Words that other harts read without a lock are atomics.
struct Thread: ~Copyable {
    // Scheduling
    /// A whole word: there are no atomic instructions for bytes.
    let state = Atomic<UInt32>(ThreadState.unused)
    /// 1 from before the first instruction on a hart until its registers are saved again.
    let onHart = Atomic<UInt32>(0)
    var context = thread_context()
    fileprivate var runPlace = ListNode<Thread>()
    /// The hart it ran on last.
    let lastHart = Atomic<Int>(0)
    let isKernelThread: Bool
    /// What the thread does first, in the kernel; for a kernel thread, all it ever does.
    var main: (@convention(c) () -> Void)?

    // Sleeping: guarded by the lock of the wait queue
    fileprivate var waitPlace = ListNode<Thread>()
    /// Set by kill: the thread's process ends at its next return to user mode, and waits that can be interrupted end.
    let killed = Atomic<Bool>(false)
    /// A ^C came, and the thread's program asked to be told of it: waits that can be interrupted end.
    let interruptPending = Atomic<Bool>(false)

    // Timer: guarded by the lock of the hart's timer queue
    var deadline: UInt64 = 0
    /// -1: no timer.
    var timerHart: Int = -1
    var timerIndex: Int = 0

    // Identity
    /// 0 for a thread without a process.
    let pid = Atomic<Int32>(0)
    /// What ^C ends together; 0 for what descends from init without ever being put into a group.
    let group = Atomic<Int32>(0)
    var name = ThreadName(repeating: 0)
    /// The address of the process; 0 for a thread without one.
    let process: UInt

    // The thread's own
    let stackTop: UInt
    /// What satp holds while it runs: its process's table, or the kernel's for a thread without memory of its own (a
    /// table that it merely left loaded could vanish meanwhile).
    var satp: UInt64 = kernelSatp
    /// Free pages that it leaves to others: 0 for the kernel's own threads, init and its shell.
    let pageReserve = Atomic<Int>(0)

    init(stackTop: UInt, process: UInt = 0, isKernelThread: Bool = false, main: (@convention(c) () -> Void)? = nil) {
        self.stackTop = stackTop
        self.process = process
        self.isKernelThread = isKernelThread
        self.main = main
    }

    /// The user registers, saved at the top of the kernel stack at each trap.
    var frame: Ref<trap_frame> {
        // The stack is mapped for ever, and trap.S keeps the frame there.
        unsafe Ref(
            unsafe: UnsafeMutablePointer(bitPattern: stackTop - UInt(MemoryLayout<trap_frame>.stride)).unsafelyUnwrapped
        )
    }

    /// Puts the first switch to this thread at thread_start, on an empty stack.
    mutating func resetContext() {
        context = thread_context()
        context.ra = address_of_thread_start()
        context.sp = UInt64(frame.bits)
    }

    mutating func setName(_ text: StaticString) {
        name = ThreadName(repeating: 0)
        // within its own length
        for index in 0..<min(15, text.utf8CodeUnitCount) { name[index] = unsafe text.utf8Start[index] }
    }
}

extension Ref where Value == Thread {
    /// The place in a run queue.
    var runNode: Ref<ListNode<Thread>> { unsafe node(&value.runPlace) }  // a stored property of the thread
    /// The place in a wait queue.
    var waitNode: Ref<ListNode<Thread>> { unsafe node(&value.waitPlace) }  // a stored property of the thread
}

/// The running thread.
var currentThread: ThreadRef {
    // Set when a hart switches; threads stay for ever.
    unsafe Ref(unsafe: UnsafeMutablePointer<Thread>(bitPattern: UInt(thisHart.value.thread)).unsafelyUnwrapped)
}

extension KernelMessage.StringInterpolation {
    mutating func appendInterpolation(_ name: ThreadName) {
        for index in 0..<16 {
            guard name[index] != 0 else { return }
            appendInterpolation(character: name[index])
        }
    }
}
