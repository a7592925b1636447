// The 64 process slots: which are free, and which process has which pid.

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

/// A slot that is being made into a process: until it is started its end frees it.
struct ProcessSlot: ~Copyable {
    let process: ProcessRef
    private var isStarted = false

    fileprivate init(_ process: ProcessRef) { self.process = process }

    deinit {
        if !isStarted { ProcessTable.free(process) }
    }

    /// Lets the process run. From here on it frees its slot by ending.
    consuming func start() -> Int32 {
        isStarted = true
        let pid = process.pid
        Scheduler.makeRunnable(process.value.thread)
        return pid
    }
}

enum ProcessTable {
    /// Slots that are left to init and its shell, so that an operator can run a program when others have taken the rest.
    private static let reserve = 1
    private static let slots = BootTable<Process>()
    /// The lock guards the giving out of pids too.
    private static let freeSlots = LockedList<Process>(.processTable)
    private static let freeSlotCount = Atomic<Int>(0)
    private static let nextPid = Atomic<Int32>(1)
    /// Every number was given out once: from then on one may still be in use.
    private static let hasWrapped = Atomic<Bool>(false)

    /// Makes all slots. Once, during start-up.
    static func start() {
        slots.install(BootMemory.makeProcesses(Limit.processes))
        SlotStacks.start()
        for index in stride(from: Limit.processes - 1, through: 0, by: -1) { free(slots.ref(index)) }
    }

    static var freeCount: Int { freeSlotCount.load(ordering: .relaxed) }

    /// The slot at an index from 0 up to `Limit.processes`, used or not.
    static func slot(_ index: Int) -> ProcessRef { slots.ref(index) }

    /// A slot with a fresh pid, a fresh context and nothing else; nil when all are taken. Its thread's state stays
    /// `unused` until it is started.
    /// - Parameter leavesReserve: the last slots are not for it.
    /// - Throws: noMemory when there is none for its kernel stack.
    static func take(group: Int32, leavesReserve: Bool) throws(SystemError) -> ProcessSlot? {
        let process: ProcessRef? = freeSlots.withLock { free in
            guard !leavesReserve || freeCount > reserve, let process = free.removeFirst() else { return nil }
            freeSlotCount.wrappingSubtract(1, ordering: .relaxed)
            process.value.thread.value.killed.store(false, ordering: .relaxed)
            process.value.killReason.store(EndReason.exited.rawValue, ordering: .relaxed)
            process.value.setInterruptMode(.ends)
            process.value.thread.value.pid.store(freshPid(), ordering: .relaxed)
            process.value.thread.value.group.store(group, ordering: .relaxed)
            return process
        }
        guard let process else { return nil }
        guard SlotStacks.take(process) else {
            free(process)
            throw .noMemory
        }
        process.value.exitStatus = 0
        process.value.isPrivileged.store(true, ordering: .relaxed)
        process.value.messages = MessageBudget()
        process.value.isOrphan = false
        process.value.thread.value.resetContext()
        return ProcessSlot(process)
    }

    /// A pid that no process has. With the lock; there are more numbers than slots.
    private static func freshPid() -> Int32 {
        while true {
            let pid = nextPid.load(ordering: .relaxed)
            if pid == .max { hasWrapped.store(true, ordering: .relaxed) }
            nextPid.store(pid == .max ? 2 : pid + 1, ordering: .relaxed)
            if !hasWrapped.load(ordering: .relaxed) || slot(ofPid: pid) == nil { return pid }
        }
    }

    private static func slot(ofPid pid: Int32) -> ProcessRef? {
        for index in 0..<slots.count where slots.ref(index).pid == pid { return slots.ref(index) }
        return nil
    }

    /// Gives a slot back. Its memory, files and family ties are gone already.
    static func free(_ process: ProcessRef) {
        process.value.thread.value.state.store(ThreadState.unused, ordering: .releasing)
        SlotStacks.keep(process)
        freeSlots.withLock { free in
            process.value.thread.value.pid.store(0, ordering: .relaxed)
            free.prepend(process.freeNode)
            freeSlotCount.wrappingAdd(1, ordering: .relaxed)
        }
    }

    /// Marks the process with this pid as killed and returns it; nil if there is none. A zombie counts, as in xv6.
    /// Under the lock that gives pids out, so the mark cannot hit the next owner of the slot.
    static func markKilled(_ pid: Int32) -> ProcessRef? {
        guard pid > 0 else { return nil }
        return freeSlots.withLock { _ in
            guard let process = slot(ofPid: pid) else { return nil }
            guard process.value.thread.value.state.load(ordering: .acquiring) != ThreadState.unused else { return nil }
            process.markKilled(.killed)
            return process
        }
    }

    /// A ^C for every process of a group but `spared`; each is woken. Under the same lock as `take`: a process
    /// that is being made is either in its group already, or its parent is marked before it looks.
    static func interruptGroup(_ group: Int32, sparing spared: ProcessRef?) {
        freeSlots.withLock { _ in
            for index in 0..<slots.count {
                let process = slots.ref(index)
                let thread = process.value.thread
                if process.pid != 0, thread.value.group.load(ordering: .relaxed) == group, process != spared {
                    process.interrupt()
                }
            }
        }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        for index in 0..<slots.count {
            let thread = slots[index].thread
            if thread.value.killed.load(ordering: .relaxed) || thread.value.interruptPending.load(ordering: .relaxed) {
                Scheduler.wake(thread)
            }
        }
    }

    /// Marks the process that holds most pages as killed, but for `spared` and its shell. Of several that hold as many,
    /// as after a fork, it is the running one, whose need it is.
    /// - Returns: it, and whether it was not marked before; nil if there is none to end.
    static func markLargest(sparing spared: ProcessRef) -> (process: ProcessRef, isNew: Bool)? {
        freeSlots.withLock { _ in
            var largest: ProcessRef?
            for index in 0..<slots.count {
                let process = slots.ref(index)
                let thread = process.value.thread
                // init's shell may take the reserve as init does.
                guard process.pid != 0, process != spared, thread.value.pageReserve.load(ordering: .relaxed) > 0 else {
                    continue
                }
                let held = process.value.heldPages.load(ordering: .relaxed)
                let most = largest?.value.heldPages.load(ordering: .relaxed) ?? 0
                if held > most || held == most && process == current { largest = process }
            }
            guard let largest else { return nil }
            let isNew = !largest.value.thread.value.killed.load(ordering: .relaxed)
            largest.markKilled(.outOfMemory)
            return (largest, isNew)
        }
    }

    /// What is known of the process in slot `index`, from 0 up to `Limit.processes`; nil if there is none. A snapshot,
    /// outdated when it returns.
    static func record(_ index: Int) -> ProcessRecord? {
        let process = slots.ref(index)
        let thread = process.value.thread
        let pid = process.pid
        guard pid != 0 else { return nil }
        return ProcessRecord(
            pid: pid, parent: Family.parent(of: process),
            state: ProcessState(threadState: thread.value.state.load(ordering: .relaxed)),
            isKilled: thread.value.killed.load(ordering: .relaxed),
            hart: thread.value.lastHart.load(ordering: .relaxed),
            openFiles: process.value.files.count.load(ordering: .relaxed),
            memory: UInt64(process.value.memorySize.load(ordering: .relaxed)),
            stack: KernelStacks.depth(top: thread.value.stackTop),
            name: words(thread.value.name))
    }

    /// The 16 bytes of a name as two words, little-endian.
    private static func words(_ name: ThreadName) -> (UInt64, UInt64) {
        var words: (UInt64, UInt64) = (0, 0)
        for index in 0..<8 {
            words.0 |= UInt64(name[index]) << UInt64(8 * index)
            words.1 |= UInt64(name[8 + index]) << UInt64(8 * index)
        }
        return words
    }

    /// ^P: one line a process, as xv6 prints it.
    static func printList() {
        kprint("\n")
        for index in 0..<slots.count {
            guard slots.ref(index).pid != 0 else { continue }
            let thread = slots[index].thread
            let state: StaticString =
                switch ProcessState(threadState: thread.value.state.load(ordering: .relaxed)) {
                case .running: "run   "
                case .sleeping: "sleep "
                case .runnable: "runble"
                case .zombie: "zombie"
                case .new: "new   "
                }
            kprint("\(slots.ref(index).pid) \(state) \(thread.value.name)\n")
        }
    }
}

extension BootMemory {
    /// Process slots and their threads, which name each other.
    fileprivate static func makeProcesses(_ count: Int) -> Table<Process> {
        let stride = UInt(MemoryLayout<Process>.stride)
        // Fresh memory for all slots, each initialised before the table is handed out.
        let place = unsafe allocate(bytes: Int(stride) * count).bindMemory(to: Process.self, capacity: count)
        for index in 0..<count {
            let address = unsafe UInt(bitPattern: place + index)
            let thread = make(Thread(stackTop: KernelStacks.reserve(), process: address))
            unsafe (place + index).initialize(to: Process(thread: thread))
        }
        return unsafe Table(unsafe: place, count: count)
    }
}

extension ProcessState {
    fileprivate init(threadState: UInt32) {
        self =
            switch threadState {
            case ThreadState.running, ThreadState.preparing: .running
            case ThreadState.sleeping: .sleeping
            case ThreadState.runnable: .runnable
            case ThreadState.zombie: .zombie
            default: .new
            }
    }
}
