// Threads of the kernel's own, which have no process: each is started once, at boot, and never ends.

import Machine
import Storage
import Synchronization

enum KernelThreads {
    private static let limit = 8
    private static let threads: [8 of AtomicRef<Thread>] = [
        AtomicRef(), AtomicRef(), AtomicRef(), AtomicRef(), AtomicRef(), AtomicRef(), AtomicRef(), AtomicRef(),
    ]
    private static let count = Atomic<Int>(0)

    /// Starts a thread that runs `main`. Only during start-up.
    static func start(_ name: StaticString, _ main: @escaping @convention(c) () -> Void) {
        let index = count.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < limit else { panic("more kernel threads than places for them") }
        let thread = BootMemory.make(Thread(stackTop: KernelStacks.make(), isKernelThread: true, main: main))
        thread.value.setName(name)
        thread.value.resetContext()
        threads[index].store(thread)
        Scheduler.makeRunnable(thread)
    }

    /// The most that was ever on the stack of one of them.
    static var deepestStack: UInt {
        var deepest: UInt = 0
        for index in 0..<count.load(ordering: .relaxed) {
            if let thread = threads[index].load() {
                deepest = max(deepest, KernelStacks.depth(top: thread.value.stackTop))
            }
        }
        return deepest
    }
}
