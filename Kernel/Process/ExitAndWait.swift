// exit and wait: how a process ends, and how its parent learns of it (xv6 book, chapter 7).

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

enum ExitAndWait {
    /// Ends the running process as its program asks.
    static func exit(status: Int32) -> Never { leave(status, .exited) }

    /// Ends the running process, which was marked as killed.
    static func exitKilled() -> Never {
        leave(-1, EndReason(rawValue: current.value.killReason.load(ordering: .relaxed)) ?? .killed)
    }

    /// Ends the running process. Its children become init's; its parent is woken.
    @inline(never)
    private static func leave(_ status: Int32, _ reason: EndReason) -> Never {
        let process = current
        let initProcess = Family.tree.withLock { $0.initProcess }
        if process == initProcess { restartInit(status) }
        process.value.files.closeAll()
        process.value.workingDirectory = nil
        // Leave the user memory before it is given back.
        process.value.thread.value.table = KernelSpace.table
        LoadedTable.load(KernelSpace.table)
        process.value.space = nil
        process.noteMemory()
        _ = interrupts_disable()
        let (parent, orphanedZombies) = Family.tree.withLock { $0.end(process, status: status, reason) }
        if orphanedZombies { initProcess.value.childExit.wakeAll() }
        // Should the parent be gone by now, the next owner of its slot wakes once for nothing.
        parent.value.childExit.wakeAll()
        Scheduler.leave()
    }

    /// Executes /init anew in the first process, which keeps its children: they would have no parent without it.
    private static func restartInit(_ status: Int32) -> Never {
        let process = current
        kprint("init ended with status \(status): /init is executed anew\n")
        process.value.thread.value.killed.store(false, ordering: .relaxed)
        process.value.setInterruptMode(.ends)
        Console.setForeground(0)
        process.value.files.closeAll()
        process.value.workingDirectory = FileStore.root()
        pause(nanoseconds: 1_000_000_000)  // an /init that ends at once does not take the machine
        do throws(SystemError) {
            try Exec.startInit()
        } catch {
            kprint("cannot execute /init: \(error.message)\n")
            panic("init ended, and /init cannot be executed anew")
        }
        _ = interrupts_disable()
        unsafe return_to_user(&process.frame.value)  // the frame stays at the top of this stack
    }

    /// Sleeps, whether or not a ^C is pending; a kill ends it.
    static func pause(nanoseconds: UInt64) {
        let end = Clock.ticks(nanosecondsFromNow: nanoseconds)
        let thread = currentThread
        WaitQueue().waitUninterrupted(period: end &- Clock.ticks) {
            Clock.ticks >= end || thread.value.killed.load(ordering: .relaxed)
        }
    }

    /// Waits for a child to end; stores its status at `address` unless that is 0; returns its pid.
    /// - Throws: noChild; interrupted; badAddress: then the child is not reaped.
    static func wait(statusAt address: UserAddress) throws(SystemError) -> Int32 {
        try wait(for: 0, sleeps: true) { (zombie) throws(SystemError) in
            if address.rawValue != 0 { try address.store(zombie.value.exitStatus) }
        }
    }

    /// wait_child: SystemCallNumber has the contract.
    static func wait(for pid: Int32, recordAt address: UserAddress, sleeps: Bool) throws(SystemError) -> Int32 {
        try wait(for: pid, sleeps: sleeps) { (zombie) throws(SystemError) in
            try address.store(
                ChildRecord(pid: zombie.pid, status: zombie.value.exitStatus, reason: zombie.value.endReason))
        }
    }

    /// Waits for the child with this pid to end, with 0 for any; hands it to `deliver` and frees its slot.
    @inline(never)
    private static func wait(
        for pid: Int32, sleeps: Bool, _ deliver: (ProcessRef) throws(SystemError) -> Void
    ) throws(SystemError) -> Int32 {
        let process = current
        return try process.value.childExit.wait { () throws(SystemError) -> Int32? in
            let (taken, isThere): (ProcessRef?, Bool) = Family.tree.withLock { tree in
                (
                    tree.takeZombie(pid, of: process),
                    pid == 0 ? !process.value.children.isEmpty : tree.child(pid, of: process) != nil
                )
            }
            guard let zombie = taken else {
                if !isThere { throw .noChild }
                if !sleeps { throw .tryAgain }
                return nil
            }
            // Out of the list it is this call's alone while its status is copied; it goes back if that fails.
            do throws(SystemError) {
                try deliver(zombie)
            } catch {
                Family.tree.withLock { $0.addZombie(zombie, to: process) }
                throw error
            }
            return reap(zombie)
        }
    }

    /// Frees the slot of a zombie that is in no list any more; returns its pid.
    private static func reap(_ zombie: ProcessRef) -> Int32 {
        let pid = zombie.pid
        // It is still on its stack for the last instructions of its switch.
        while zombie.value.thread.value.onHart.load(ordering: .acquiring) != 0 { spin_pause() }
        ProcessTable.free(zombie)
        return pid
    }

    /// Frees the slot of an orphan that has ended; false if there is none.
    static func reapOrphan() -> Bool {
        let (orphan, initProcess) = Family.tree.withLock { ($0.takeOrphan(), $0.initProcess) }
        guard let orphan else { return false }
        _ = reap(orphan)
        initProcess.value.childExit.wakeAll()  // it may have had no other child
        return true
    }
}
