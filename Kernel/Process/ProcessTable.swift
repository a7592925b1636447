// The 64 process slots (and the slots of kernel threads): who is free, who has which pid.

import FileSystem
import Machine
import Synchronization
import SystemInterface

private struct FreeSlots {
    var first: ProcessRef?
    var nextPid: Int32 = 1
}

enum ProcessTable {
    nonisolated(unsafe) private static var slots = UnsafeMutablePointer<Process>(bitPattern: 8).unsafelyUnwrapped
    nonisolated(unsafe) private static var free = SpinLock(FreeSlots())

    /// Makes all slots, with their kernel stacks.
    static func start() {
        slots = bootTable(Process.self, Limit.processes)
        for index in stride(from: Limit.processes - 1, through: 0, by: -1) {
            (slots + index).initialize(to: Process(stackTop: KernelStacks.make()))
            free.withLock { free in
                slots[index].next = free.first
                free.first = slots + index
            }
        }
    }

    /// A slot with a fresh pid, a fresh context and nothing else; nil when all are taken. Its state stays `unused` until the
    /// caller makes it runnable.
    static func take() -> ProcessRef? {
        let process: ProcessRef? = free.withLock { free in
            guard let process = free.first else { return nil }
            free.first = process.pointee.next
            process.pointee.pid = free.nextPid
            free.nextPid = free.nextPid == .max ? 2 : free.nextPid + 1
            return process
        }
        guard let process else { return nil }
        process.pointee.killed.store(false, ordering: .relaxed)
        process.pointee.exitStatus = 0
        process.pointee.resetContext()
        return process
    }

    /// Gives a slot back. Its memory, files and family ties are gone already.
    static func release(_ process: ProcessRef) {
        process.pointee.pid = 0
        process.pointee.state.store(ThreadState.unused, ordering: .releasing)
        free.withLock { free in
            process.pointee.next = free.first
            free.first = process
        }
    }

    /// The live process with this pid.
    static func find(_ pid: Int32) -> ProcessRef? {
        guard pid > 0 else { return nil }
        for index in 0..<Limit.processes where slots[index].pid == pid {
            let state = slots[index].state.load(ordering: .acquiring)
            if state != ThreadState.unused && state != ThreadState.zombie { return slots + index }
        }
        return nil
    }

    /// Calls `body` with every live process. They may come and go meanwhile.
    static func forEach(_ body: (ProcessRef) -> Void) {
        for index in 0..<Limit.processes where slots[index].pid != 0 {
            let state = slots[index].state.load(ordering: .acquiring)
            if state != ThreadState.unused && state != ThreadState.zombie { body(slots + index) }
        }
    }

    /// Starts a thread of the kernel's own.
    static func startKernelThread(_ name: StaticString, _ main: @escaping @convention(c) () -> Void) {
        let thread = bootTable(Process.self, 1)
        thread.initialize(to: Process(stackTop: KernelStacks.make(), isKernelThread: true, threadMain: main))
        thread.pointee.setName(name)
        thread.pointee.resetContext()
        Scheduler.makeRunnable(thread)
    }

    /// ^P: one line a process, as xv6 prints it.
    static func printList() {
        kprint("\n")
        for index in 0..<Limit.processes where slots[index].pid != 0 {
            let state: StaticString =
                switch slots[index].state.load(ordering: .relaxed) {
                case ThreadState.running, ThreadState.preparing: "run   "
                case ThreadState.sleeping: "sleep "
                case ThreadState.runnable: "runble"
                case ThreadState.zombie: "zombie"
                default: "new   "
                }
            kprint("\(slots[index].pid) \(state) \(slots[index].name)\n")
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
