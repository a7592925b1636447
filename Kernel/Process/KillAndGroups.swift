// kill, and the groups that ^C ends together.

import Machine
import Storage
import Synchronization
import SystemInterface

enum Kill {
    /// Marks a process to end at its next return to user mode, and wakes it if it sleeps. The first process cannot be
    /// killed: without it the system ends.
    /// - Throws: notPermitted; noSuchProcess.
    static func kill(_ pid: Int32) throws(SystemError) {
        guard pid != Family.tree.withLock({ $0.initProcess.pid }) else { throw .notPermitted }
        guard let process = ProcessTable.markKilled(pid) else { throw .noSuchProcess }
        // A thread that is about to sleep looks for the mark after it has said so: it sees the mark, or this sees it
        // asleep.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        Scheduler.wake(process.value.thread)
    }

    /// A ^C for every process of a group: it ends, or notes it. From the console's interrupt.
    static func interruptGroup(_ group: Int32) {
        ProcessTable.interruptGroup(group, sparing: Family.tree.withLock { $0.initProcess })
    }

    /// Puts the running process (pid 0) or one of its children into a group; group 0 names the process itself.
    /// - Throws: noSuchProcess.
    static func setGroup(of pid: Int32, to group: Int32) throws(SystemError) {
        let process = current
        let isFound = Family.tree.withLock { tree in
            guard let target = pid == 0 ? process : tree.child(pid, of: process) else { return false }
            target.value.thread.value.group.store(group == 0 ? target.pid : group, ordering: .relaxed)
            return true
        }
        guard isFound else { throw .noSuchProcess }
    }
}
