// When no page is free for a fault that cannot be refused: the process that holds most pages ends, and the fault is
// served again.
//
// Calls that can be refused (sbrk, fork, exec, pipe) fail with noMemory instead. init and its shell are never chosen.

import Machine
import Storage
import Synchronization
import SystemInterface

enum OutOfMemory {
    /// Looks that a fault takes for free pages before it gives up: ten seconds.
    private static let looks = 1000

    /// Makes pages free for the running process, which is in no lock. It may sleep.
    /// - Returns: whether the fault should be served again; false when the running process is the one that ends, or
    ///   none can.
    @inline(never)
    static func makeRoom() -> Bool {
        let process = current
        for _ in 0..<looks {
            if process.value.thread.value.killed.load(ordering: .relaxed) { return false }
            if Pages.makeOneAvailable() { return true }
            guard let (victim, isNew) = ProcessTable.markLargest(sparing: Family.tree.withLock { $0.initProcess })
            else { return false }
            if isNew {
                let name = victim.value.thread.value.name
                kprint(
                    "out of memory: pid \(victim.pid) (\(name)) ends, which holds \(victim.value.heldPages.load(ordering: .relaxed)) pages\n"
                )
                Scheduler.wake(victim.value.thread)
            }
            if victim == process { return false }
            ExitAndWait.pause(nanoseconds: 10_000_000)
        }
        return false
    }
}
