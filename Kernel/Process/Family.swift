// Parents and children: fork, exit, wait, kill (xv6 book, chapters 1 and 7). A parent's zombies are in a list of their own, so
// wait looks at none that lives.

import FileSystem
import Machine
import Synchronization
import SystemInterface

/// Guards the family fields of all processes.
nonisolated(unsafe) private var family = SpinLock(())

enum Family {
    nonisolated(unsafe) private static var firstProcess: ProcessRef?

    /// Makes the first process. Its first steps are the kernel's: mount the disk, then execute /init.
    static func startInit() {
        guard let process = ProcessTable.take(group: 0) else { panic("no process slot for init") }
        process.pointee.setName("init")
        process.pointee.threadMain = {
            FileStore.mount()
            current.pointee.workingDirectory = FileStore.root()
            do throws(SystemError) {
                try Exec.startInit()
            } catch {
                kprint("cannot execute /init: \(error.message)\n")
                panic("the disk holds no /init that runs: `make fs-reset` makes a fresh one")
            }
        }
        firstProcess = process
        Scheduler.makeRunnable(process)
    }

    /// A copy of the running process; returns the child's pid.
    static func fork() throws(SystemError) -> Int32 {
        let parent = current
        guard let child = takeSlot(group: parent.pointee.group) else { throw .tryAgain }
        // A ^C that came meanwhile is meant for the child too.
        if parent.pointee.killed.load(ordering: .relaxed), parent.pointee.group == Console.foreground {
            child.pointee.killed.store(true, ordering: .relaxed)
        }
        do throws(SystemError) {
            let space = try parent.pointee.space!.fork()
            child.pointee.satp = space.table.satp
            child.pointee.space = consume space
        } catch {
            ProcessTable.release(child)
            throw error
        }
        child.pointee.frame.pointee = parent.pointee.frame.pointee
        child.pointee.frame.pointee.a0 = 0
        child.pointee.name = parent.pointee.name
        child.pointee.lastHart = Int(this_hart().pointee.index)
        child.pointee.isOrphan = false
        child.pointee.files.copy(from: parent.pointee.files)
        child.pointee.workingDirectory = parent.pointee.workingDirectory
        if let directory = child.pointee.workingDirectory { FileStore.system.retain(directory) }
        let pid = child.pointee.pid
        family.withLock { _ in adopt(child, by: parent) }
        Scheduler.makeRunnable(child)
        return pid
    }

    /// Ends the running process. Its children go to init; its parent is told.
    @inline(never)
    static func exit(status: Int32) -> Never {
        let process = current
        if process == firstProcess { panic("init ended") }
        process.pointee.files.closeAll()
        if let directory = process.pointee.workingDirectory.take() { FileStore.system.release(directory) }
        // Leave the user memory before it is given back.
        process.pointee.satp = kernelSatp
        write_satp(kernelSatp)
        process.pointee.space = nil
        _ = interrupts_disable()
        let initProcess = firstProcess.unsafelyUnwrapped
        let (parent, orphanedZombies): (ProcessRef, Bool) = family.withLock { _ in
            while let child = process.pointee.firstChild {
                disown(child)
                child.pointee.isOrphan = true
                adopt(child, by: initProcess)
            }
            var moved = false
            while let zombie = process.pointee.firstZombie {
                process.pointee.firstZombie = zombie.pointee.nextSibling
                zombie.pointee.isOrphan = true
                addZombie(zombie, to: initProcess)
                moved = true
            }
            let parent = process.pointee.parent.unsafelyUnwrapped
            disown(process)
            process.pointee.exitStatus = status
            process.pointee.state.store(ThreadState.zombie, ordering: .relaxed)
            addZombie(process, to: parent)
            return (parent, moved)
        }
        if orphanedZombies { initProcess.pointee.childExit.wakeAll() }
        // Should the parent be gone by now, whoever has its slot wakes once for nothing.
        parent.pointee.childExit.wakeAll()
        Scheduler.leave()
    }

    /// Waits for a child to end; stores its status at `address` unless that is 0; returns its pid.
    static func wait(statusAt address: UserAddress) throws(SystemError) -> Int32 {
        let process = current
        return try process.pointee.childExit.wait { () throws(SystemError) -> Int32? in
            let (taken, childless): (ProcessRef?, Bool) = family.withLock { _ in
                let zombie = process.pointee.firstZombie
                if let zombie { unlinkZombie(zombie, of: process) }
                return (zombie, process.pointee.firstChild == nil)
            }
            guard let zombie = taken else {
                if childless { throw .noChild }
                return nil
            }
            // Out of the list it is ours alone while its status is copied; it goes back if that fails.
            do throws(SystemError) {
                if address.rawValue != 0 { try address.store(zombie.pointee.exitStatus) }
            } catch {
                family.withLock { _ in addZombie(zombie, to: process) }
                throw error
            }
            return reap(zombie)
        }
    }

    /// Frees the slot of a zombie that is in no list any more; returns its pid.
    private static func reap(_ zombie: ProcessRef) -> Int32 {
        let pid = zombie.pointee.pid
        // It is still on its stack for the last instructions of its switch.
        while zombie.pointee.onHart.load(ordering: .acquiring) != 0 { spin_pause() }
        ProcessTable.release(zombie)
        return pid
    }

    /// A slot for a child. If all are taken, orphans that ended give theirs: init would free them when it gets a hart, which a
    /// busy host may put off for the time of a hundred forks.
    private static func takeSlot(group: Int32) -> ProcessRef? {
        while true {
            if let slot = ProcessTable.take(group: group) { return slot }
            guard reapOrphan() else { return nil }
        }
    }

    private static func reapOrphan() -> Bool {
        let initProcess = firstProcess.unsafelyUnwrapped
        let orphan: ProcessRef? = family.withLock { _ in
            var zombie = initProcess.pointee.firstZombie
            while let one = zombie, !one.pointee.isOrphan { zombie = one.pointee.nextSibling }
            if let zombie { unlinkZombie(zombie, of: initProcess) }
            return zombie
        }
        guard let orphan else { return false }
        _ = reap(orphan)
        initProcess.pointee.childExit.wakeAll()  // it may have had no other child
        return true
    }

    /// Marks a process to end at its next return to user mode, and wakes it if it sleeps. The first process cannot be killed:
    /// without it the system ends.
    static func kill(_ pid: Int32) throws(SystemError) {
        guard pid != firstProcess?.pointee.pid else { throw .notPermitted }
        guard let process = ProcessTable.markKilled(pid) else { throw .noSuchProcess }
        // Whoever is about to sleep looks for the mark after it has said so: it sees the mark, or this sees it asleep.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        Scheduler.wake(process)
    }

    // MARK: Groups

    /// Puts the running process (pid 0) or one of its children into a group; group 0 names the process itself.
    static func setGroup(of pid: Int32, to group: Int32) throws(SystemError) {
        let process = current
        let found = family.withLock { _ in
            var target: ProcessRef? = pid == 0 ? process : process.pointee.firstChild
            while let one = target, pid != 0, one.pointee.pid != pid { target = one.pointee.nextSibling }
            guard let target else { return false }
            target.pointee.group = group == 0 ? target.pointee.pid : group
            return true
        }
        guard found else { throw .noSuchProcess }
    }

    /// Ends every process of a group, as kill does. From the console's interrupt.
    static func interrupt(group: Int32) { ProcessTable.killGroup(group, sparing: firstProcess) }

    /// The parent's pid; 0 for the first process.
    static func parent(of process: ProcessRef) -> Int32 {
        family.withLock { _ in process.pointee.parent?.pointee.pid ?? 0 }
    }

    // MARK: Lists (under the family lock)

    private static func adopt(_ child: ProcessRef, by parent: ProcessRef) {
        child.pointee.parent = parent
        child.pointee.previousSibling = nil
        child.pointee.nextSibling = parent.pointee.firstChild
        parent.pointee.firstChild?.pointee.previousSibling = child
        parent.pointee.firstChild = child
    }

    /// Takes a child that lives out of its parent's list.
    private static func disown(_ child: ProcessRef) {
        let next = child.pointee.nextSibling
        let previous = child.pointee.previousSibling
        if let previous {
            previous.pointee.nextSibling = next
        } else {
            child.pointee.parent?.pointee.firstChild = next
        }
        next?.pointee.previousSibling = previous
        child.pointee.parent = nil
        child.pointee.nextSibling = nil
        child.pointee.previousSibling = nil
    }

    private static func addZombie(_ zombie: ProcessRef, to parent: ProcessRef) {
        zombie.pointee.nextSibling = parent.pointee.firstZombie
        parent.pointee.firstZombie = zombie
        zombie.pointee.parent = parent
    }

    private static func unlinkZombie(_ zombie: ProcessRef, of parent: ProcessRef) {
        if parent.pointee.firstZombie == zombie {
            parent.pointee.firstZombie = zombie.pointee.nextSibling
        } else {
            var before = parent.pointee.firstZombie
            while let one = before {
                if one.pointee.nextSibling == zombie {
                    one.pointee.nextSibling = zombie.pointee.nextSibling
                    break
                }
                before = one.pointee.nextSibling
            }
        }
        zombie.pointee.parent = nil
        zombie.pointee.nextSibling = nil
    }
}
