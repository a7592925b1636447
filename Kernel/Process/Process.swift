// One per thread of control: a user process, or a thread of the kernel's own. The table of 64 process slots is made at start
// and never grows; kernel threads and idle threads have slots besides.

import FileSystem
import Machine
import Synchronization
import SystemInterface

typealias ProcessRef = UnsafeMutablePointer<Process>

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
    /// Ended; its parent has not asked yet.
    static let zombie: UInt32 = 5
}

/// A name of up to 15 bytes and a NUL.
typealias ProcessName = [16 of UInt8]

struct Process: ~Copyable {
    // Scheduling
    /// A whole word: there are no atomic instructions for bytes.
    let state = Atomic<UInt32>(ThreadState.unused)
    /// 1 from before the first instruction on a hart until its registers are saved again.
    let onHart = Atomic<UInt8>(0)
    var context = thread_context()
    /// The next one in a run queue or in the list of free slots; guarded by that list's lock.
    var next: ProcessRef?
    /// The hart it ran on last.
    var lastHart: Int = 0
    let isKernelThread: Bool
    /// What the thread does first, in the kernel; for a kernel thread, all it ever does.
    var threadMain: (@convention(c) () -> Void)?

    // Sleeping: guarded by the lock of the wait queue
    var waitQueue: UnsafeMutablePointer<WaitQueue>?
    var waitNext: ProcessRef?
    var waitPrevious: ProcessRef?

    // Timer: guarded by the lock of the hart's timer queue
    var deadline: UInt64 = 0
    var timerHart: Int = -1
    var timerIndex: Int = 0

    // Identity
    var pid: Int32 = 0
    var name = ProcessName(repeating: 0)
    /// What ^C ends together; 0 for what descends from init without ever being put into a group.
    var group: Int32 = 0
    /// Set by kill: the process ends at its next return to user mode.
    let killed = Atomic<Bool>(false)

    // Family: guarded by `family` (Family.swift)
    var parent: ProcessRef?
    var firstChild: ProcessRef?
    var nextSibling: ProcessRef?
    var previousSibling: ProcessRef?
    var firstZombie: ProcessRef?
    var exitStatus: Int32 = 0
    /// Its parent ended before it: nobody asks for its status, and init only frees its slot.
    var isOrphan = false
    var childExit = WaitQueue()

    // The thread's own: nobody else touches these while it lives
    let stackTop: UInt
    var space: AddressSpace?
    /// What satp holds while it runs: its own table's, or the kernel's for a thread without memory of its own (a table that it
    /// merely left loaded could vanish meanwhile).
    var satp: UInt64 = kernelSatp
    var files = DescriptorTable()
    var workingDirectory: InodeReference?
    /// Echo requests that it has sent: each program counts its own from 1.
    var pingSequence: UInt16 = 0

    init(stackTop: UInt, isKernelThread: Bool = false, threadMain: (@convention(c) () -> Void)? = nil) {
        self.stackTop = stackTop
        self.isKernelThread = isKernelThread
        self.threadMain = threadMain
    }

    /// The user registers, saved at the top of the kernel stack at each trap.
    var frame: UnsafeMutablePointer<trap_frame> {
        UnsafeMutablePointer(bitPattern: stackTop - UInt(MemoryLayout<trap_frame>.stride)).unsafelyUnwrapped
    }

    /// Puts the first switch to this thread at thread_start, on an empty stack.
    mutating func resetContext() {
        context = thread_context()
        context.ra = address_of_thread_start()
        context.sp = UInt64(UInt(bitPattern: frame))
    }

    /// The 16 bytes of the name as two words, little-endian.
    var nameWords: (UInt64, UInt64) {
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<8 {
            words.0 |= UInt64(name[index]) << UInt64(8 * index)
            words.1 |= UInt64(name[8 + index]) << UInt64(8 * index)
        }
        return words
    }

    mutating func setName(_ text: StaticString) {
        name = ProcessName(repeating: 0)
        for index in 0..<min(15, text.utf8CodeUnitCount) { name[index] = text.utf8Start[index] }
    }
}

/// The running thread.
var current: ProcessRef {
    this_hart().pointee.current.unsafelyUnwrapped.assumingMemoryBound(to: Process.self)
}
