// The 64 process slots (and the slots of kernel threads): who is free, who has which pid.

import FileSystem
import Machine
import Synchronization
import SystemInterface

private struct FreeSlots {
    var first: ProcessRef?
    var nextPid: Int32 = 1
    var count = 0
}

enum ProcessTable {
    nonisolated(unsafe) private static var slots = UnsafeMutablePointer<Process>(bitPattern: 8).unsafelyUnwrapped
    /// The kernel's own threads, a list through `nextSibling`; it only grows, during start-up.
    nonisolated(unsafe) private static var kernelThreads: ProcessRef?
    nonisolated(unsafe) private static var free = SpinLock(FreeSlots())

    /// Makes all slots, with their kernel stacks.
    static func start() {
        slots = bootTable(Process.self, Limit.processes)
        for index in stride(from: Limit.processes - 1, through: 0, by: -1) {
            (slots + index).initialize(to: Process(stackTop: KernelStacks.make()))
            free.withLock { free in
                slots[index].next = free.first
                free.first = slots + index
                free.count += 1
            }
        }
    }

    static var freeCount: Int { free.withLock { $0.count } }

    /// A slot with a fresh pid, a fresh context and nothing else; nil when all are taken. Its state stays `unused` until the
    /// caller makes it runnable.
    static func take(group: Int32) -> ProcessRef? {
        let process: ProcessRef? = free.withLock { free in
            guard let process = free.first else { return nil }
            free.first = process.pointee.next
            free.count -= 1
            process.pointee.killed.store(false, ordering: .relaxed)
            process.pointee.pid = free.nextPid
            process.pointee.group = group
            free.nextPid = free.nextPid == .max ? 2 : free.nextPid + 1
            return process
        }
        guard let process else { return nil }
        process.pointee.exitStatus = 0
        process.pointee.resetContext()
        return process
    }

    /// Gives a slot back. Its memory, files and family ties are gone already.
    static func release(_ process: ProcessRef) {
        process.pointee.state.store(ThreadState.unused, ordering: .releasing)
        free.withLock { free in
            process.pointee.pid = 0
            free.count += 1
            process.pointee.next = free.first
            free.first = process
        }
    }

    /// Marks the process with this pid as killed and returns it; nil if there is none. A zombie counts, as in xv6. Under the lock that gives pids out,
    /// so the mark cannot hit whoever gets the slot next.
    static func markKilled(_ pid: Int32) -> ProcessRef? {
        guard pid > 0 else { return nil }
        return free.withLock { _ in
            for index in 0..<Limit.processes where slots[index].pid == pid {
                guard slots[index].state.load(ordering: .acquiring) != ThreadState.unused else { return nil }
                slots[index].killed.store(true, ordering: .sequentiallyConsistent)
                return slots + index
            }
            return nil
        }
    }

    /// What is known of the process in slot `index`, 0 to 63; nil if there is none. A snapshot, outdated when it returns.
    static func record(_ index: Int) -> ProcessRecord? {
        let process = slots + index
        let pid = process.pointee.pid
        guard pid != 0 else { return nil }
        return ProcessRecord(
            pid: pid, parent: Family.parent(of: process),
            state: ProcessState(threadState: process.pointee.state.load(ordering: .relaxed)),
            isKilled: process.pointee.killed.load(ordering: .relaxed), hart: process.pointee.lastHart,
            openFiles: process.pointee.files.count, memory: UInt64(process.pointee.space?.size ?? 0),
            stack: KernelStacks.depth(top: process.pointee.stackTop),
            name: process.pointee.nameWords)
    }

    /// Marks every process of a group but `spared` as killed, and wakes it. Under the same lock as `take`: a process that is being
    /// born is either in its group already, or its parent is marked before it looks.
    static func killGroup(_ group: Int32, sparing spared: ProcessRef?) {
        free.withLock { _ in
            for index in 0..<Limit.processes where slots[index].pid != 0 && slots[index].group == group && slots + index != spared {
                slots[index].killed.store(true, ordering: .sequentiallyConsistent)
            }
        }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        for index in 0..<Limit.processes where slots[index].killed.load(ordering: .relaxed) { Scheduler.wake(slots + index) }
    }

    /// Starts a thread of the kernel's own.
    static func startKernelThread(_ name: StaticString, _ main: @escaping @convention(c) () -> Void) {
        let thread = bootTable(Process.self, 1)
        thread.initialize(to: Process(stackTop: KernelStacks.make(), isKernelThread: true, threadMain: main))
        thread.pointee.setName(name)
        thread.pointee.resetContext()
        thread.pointee.nextSibling = kernelThreads
        kernelThreads = thread
        Scheduler.makeRunnable(thread)
    }

    /// The most that was ever on the kernel stack of a process slot.
    static var deepestStack: UInt {
        var deepest: UInt = 0
        for index in 0..<Limit.processes { deepest = max(deepest, KernelStacks.depth(top: slots[index].stackTop)) }
        return deepest
    }

    static var deepestKernelThreadStack: UInt {
        var deepest: UInt = 0
        var thread = kernelThreads
        while let one = thread {
            deepest = max(deepest, KernelStacks.depth(top: one.pointee.stackTop))
            thread = one.pointee.nextSibling
        }
        return deepest
    }

    /// ^P: one line a process, as xv6 prints it.
    static func printList() {
        kprint("\n")
        for index in 0..<Limit.processes where slots[index].pid != 0 {
            let state: StaticString =
                switch ProcessState(threadState: slots[index].state.load(ordering: .relaxed)) {
                case .running: "run   "
                case .sleeping: "sleep "
                case .runnable: "runble"
                case .zombie: "zombie"
                case .new: "new   "
                }
            kprint("\(slots[index].pid) \(state) \(slots[index].name)\n")
        }
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

/// The first Swift code of a thread. Interrupts are off.
@c(thread_main) func threadMain() {
    Scheduler.finishSwitch()
    let thread = current
    if let main = thread.pointee.threadMain {
        interrupts_enable()
        main()
        if thread.pointee.isKernelThread { panic("a kernel thread came to its end") }
        thread.pointee.threadMain = nil
        _ = interrupts_disable()
    }
    returnToUserChecks()
    return_to_user(thread.pointee.frame)
}
