// fork: a copy of the running process. And the first process, which is a copy of none.

import FileSystem
import Machine
import Storage
import Synchronization
import SystemInterface

enum Fork {
    /// Makes the first process. Its first steps are the kernel's: mount the disk, then execute /init.
    static func startInit() {
        let slot: ProcessSlot
        do throws(SystemError) {
            guard let first = try ProcessTable.take(group: 0, leavesReserve: false) else { throw .tryAgain }
            slot = first
        } catch {
            panic("no process slot, or no kernel stack, for init")
        }
        slot.process.value.thread.value.setName("init")
        slot.process.value.thread.value.main = {
            FileStore.mount()
            IdleCheckpoint.start()
            current.value.workingDirectory = FileStore.root()
            do throws(SystemError) {
                try Exec.startInit()
            } catch {
                kprint("cannot execute /init: \(error.message)\n")
                panic("the disk holds no /init that runs: mkfs --list on the host shows what its image holds")
            }
        }
        Family.tree.start(FamilyTree(initProcess: slot.process))
        _ = slot.start()
    }

    /// Makes a copy of the running process; returns the child's pid.
    /// - Throws: tryAgain without a free slot; noMemory.
    static func fork() throws(SystemError) -> Int32 {
        let parent = current
        guard let slot = try takeSlot(for: parent) else { throw .tryAgain }
        let child = slot.process
        // A ^C that came meanwhile is meant for the child too.
        if parent.value.thread.value.killed.load(ordering: .relaxed),
            Console.isForeground(parent.value.thread.value.group.load(ordering: .relaxed))
        {
            child.markKilled(.interrupted)
        }
        try child.value.files.copy(from: parent.value.files)
        do throws(SystemError) {
            try copyMemory(of: parent, to: child)
        } catch {
            child.value.files.closeAll()
            throw error
        }
        child.frame.value = parent.frame.value
        child.frame.value.a0 = 0
        child.value.thread.value.name = parent.value.thread.value.name
        child.value.thread.value.lastHart.store(Int(thisHart.value.index), ordering: .relaxed)
        child.value.isPrivileged.store(parent.value.isPrivileged.load(ordering: .relaxed), ordering: .relaxed)
        child.value.workingDirectory = parent.value.workingDirectory?.duplicate()
        let initProcess = Family.tree.withLock { tree in
            tree.adopt(child, by: parent)
            return tree.initProcess
        }
        child.value.thread.value.pageReserve.store(parent == initProcess ? 0 : Pages.reserve, ordering: .relaxed)
        return slot.start()
    }

    private static func copyMemory(of parent: ProcessRef, to child: ProcessRef) throws(SystemError) {
        let space = try parent.value.space!.fork()
        child.value.thread.value.table = space.table
        child.value.space = consume space
        child.noteMemory()
    }

    /// A slot for a child. If all are taken, orphans that ended give theirs: init would free them when it gets a hart,
    /// which a busy host may put off for the time of a hundred forks.
    /// - Throws: noMemory.
    private static func takeSlot(for parent: ProcessRef) throws(SystemError) -> ProcessSlot? {
        let thread = parent.value.thread
        let leavesReserve = thread.value.pageReserve.load(ordering: .relaxed) > 0
        while true {
            if let slot = try ProcessTable.take(
                group: thread.value.group.load(ordering: .relaxed), leavesReserve: leavesReserve)
            {
                return slot
            }
            guard ExitAndWait.reapOrphan() else { return nil }
        }
    }
}
