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
    /// What ^C ends together; 0 for what descends from init without ever being put into a group.
    let group = Atomic<Int32>(0)
    fileprivate var freePlace = ListNode<Process>()

    // Family: guarded by the family lock (FamilyTree.swift)
    var parent: ProcessRef?
    fileprivate var siblingPlace = ListNode<Process>()
    /// Those that live, the youngest first, and those that have ended.
    let children = List<Process>()
    let zombies = List<Process>()
    var exitStatus: Int32 = 0
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
}

extension Ref where Value == Process {
    /// The place among the children or zombies of its parent.
    var siblingNode: Ref<ListNode<Process>> { unsafe node(&value.siblingPlace) }  // a stored property of the process
    /// The place in the list of free slots.
    var freeNode: Ref<ListNode<Process>> { unsafe node(&value.freePlace) }  // a stored property of the process

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

    /// Makes the next return to user mode the process's end.
    func markKilled() { value.thread.value.killed.store(true, ordering: .sequentiallyConsistent) }
}

/// The running process. The caller runs in one: a system call, or a trap from user mode.
var current: ProcessRef {
    // Slots of the table stay for ever, and `process` is set to one when its thread is made.
    unsafe Ref(unsafe: UnsafeMutablePointer<Process>(bitPattern: currentThread.value.process).unsafelyUnwrapped)
}
