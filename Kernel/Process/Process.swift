// A user process: its thread, its family, its memory and its files. The table of 64 slots is made at start and never
// grows (ProcessTable.swift).

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

typealias ProcessRef = Ref<Process>

struct Process: ~Copyable {
    /// Its one thread of control, which has its pid and its name.
    let thread: ThreadRef
    /// What ^C does to it: InterruptMode.
    let interruptMode = Atomic<UInt32>(InterruptMode.ends.rawValue)
    /// Privilege.swift says for what.
    let isPrivileged = Atomic<Bool>(true)
    /// What marked it as killed: EndReason; `exited` while nothing has.
    let killReason = Atomic<UInt32>(EndReason.exited.rawValue)
    /// Whether its thread's stack has pages: KernelStackState.
    let stackState = Atomic<UInt32>(KernelStackState.absent)
    fileprivate var freePlace = ListNode<Process>()

    // Family: guarded by the family lock (FamilyTree.swift)
    var parent: ProcessRef?
    fileprivate var siblingPlace = ListNode<Process>()
    /// Those that live, the youngest first, and those that have ended.
    let children = List<Process>()
    let zombies = List<Process>()
    var exitStatus: Int32 = 0
    var endReason = EndReason.exited
    /// Its parent ended before it: no call asks for its status, and init only frees its slot.
    var isOrphan = false
    let childExit = WaitQueue()

    // The process's own: no other thread touches these while it lives, but for the counts below
    var space: AddressSpace?
    var files = DescriptorTable()
    var workingDirectory: KernelInode?
    /// Echo requests that it has sent: each program counts its own from 1.
    var pingSequence: UInt16 = 0
    /// Lines of the kernel's about what it did (MessageBudget.swift).
    var messages = MessageBudget()
    /// Bytes up to its break, for reports: written by the process alone.
    let memorySize = Atomic<UInt>(0)
    /// Pages that it has mapped, for choosing the process that ends when none is free: written by the process alone.
    let heldPages = Atomic<Int>(0)

    init(thread: ThreadRef) { self.thread = thread }

    /// Says what ^C does from now on; one that is pending is forgotten.
    /// - Returns: whether one was.
    @discardableResult
    func setInterruptMode(_ mode: InterruptMode) -> Bool {
        interruptMode.store(mode.rawValue, ordering: .relaxed)
        return thread.value.interruptPending.exchange(false, ordering: .relaxed)
    }
}

extension Ref where Value == Process {
    /// The place among the children or zombies of its parent.
    var siblingNode: Ref<ListNode<Process>> { unsafe node(&value.siblingPlace) }  // a stored property of the process
    /// The place in the list of free slots.
    var freeNode: Ref<ListNode<Process>> { unsafe node(&value.freePlace) }  // a stored property of the process

    /// The place of the process's memory, for what is mapped into it.
    var space: Ref<AddressSpace?> {
        // a stored property of the process
        unsafe withUnsafeMutablePointer(to: &value.space) { unsafe Ref<AddressSpace?>(unsafe: $0) }
    }

    var pid: Int32 { value.thread.value.pid.load(ordering: .relaxed) }
    /// The user registers.
    var frame: Ref<trap_frame> { value.thread.value.frame }

    /// Works with the directory where relative paths start.
    func withWorkingDirectory<Result: ~Copyable>(
        _ body: (borrowing KernelInode) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        switch value.workingDirectory {
        case .some(let directory): return try body(directory)
        case nil: throw .noSuchFile
        }
    }

    /// Notes how much memory the process has, after a change of its address space.
    func noteMemory() {
        value.memorySize.store(value.space?.size ?? 0, ordering: .relaxed)
        value.heldPages.store(value.space?.pageCount ?? 0, ordering: .relaxed)
    }

    /// Makes the next return to user mode the process's end; the first reason is the one that its parent learns.
    func markKilled(_ reason: EndReason) {
        let exited = EndReason.exited.rawValue
        _ = value.killReason.compareExchange(expected: exited, desired: reason.rawValue, ordering: .relaxed)
        value.thread.value.killed.store(true, ordering: .sequentiallyConsistent)
    }

    /// A ^C: ends the process, unless it asked to be told instead.
    func interrupt() {
        switch InterruptMode(rawValue: value.interruptMode.load(ordering: .relaxed)) {
        case .tellsAlways: value.thread.value.interruptPending.store(true, ordering: .relaxed)
        case .tells where !value.thread.value.interruptPending.exchange(true, ordering: .relaxed): break
        default: markKilled(.interrupted)
        }
    }
}

/// The running process. The caller runs in one: a system call, or a trap from user mode.
var current: ProcessRef {
    // Slots of the table stay for ever, and `process` is set to one when its thread is made.
    unsafe Ref(unsafe: UnsafeMutablePointer<Process>(bitPattern: currentThread.value.process).unsafelyUnwrapped)
}
