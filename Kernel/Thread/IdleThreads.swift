// The threads that run when no other is runnable, one a hart.

import Machine
import Storage

/// The idle threads, one a hart.
enum IdleThreads {
    private static let threads = BootTable<Thread>()

    /// Makes them. Once, during start-up.
    static func start(_ harts: Table<hart>) {
        threads.start(harts.count) { index in Thread(stackTop: UInt(harts[index].idle_stack), isKernelThread: true) }
        for index in 0..<harts.count { threads[index].setName("idle") }
    }

    /// This hart's.
    static var own: ThreadRef { threads.ref(Int(thisHart.value.index)) }

    /// The most that was ever on an idle thread's stack: its own few words, and the interrupts that it takes.
    static var deepestStack: UInt {
        var deepest: UInt = 0
        for index in 0..<threads.count { deepest = max(deepest, KernelStacks.depth(top: threads[index].stackTop)) }
        return deepest
    }
}
