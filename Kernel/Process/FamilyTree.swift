// Parents and children (xv6 book, chapter 1): one tree under one lock, with init at its root. A parent's zombies are in
// a list of their own, so wait looks at none that lives.

import Machine
import Storage
import Synchronization
import SystemInterface

/// The right to change family fields: there is one value of it, and it is the family lock's.
struct FamilyTree: ~Copyable {
    /// pid 1: the parent of orphans.
    let initProcess: ProcessRef

    /// Makes a new process the youngest child of another.
    mutating func adopt(_ child: ProcessRef, by parent: ProcessRef) {
        child.value.parent = parent
        parent.value.children.prepend(child.siblingNode)
    }

    /// Makes an ending process a zombie, and its children init's.
    /// - Returns: its parent, and whether init got zombies.
    mutating func end(_ process: ProcessRef, status: Int32, _ reason: EndReason) -> (
        parent: ProcessRef, orphanedZombies: Bool
    ) {
        while let child = process.value.children.removeFirst() {
            child.value.isOrphan = true
            child.value.thread.value.pageReserve.store(Pages.reserve, ordering: .relaxed)
            adopt(child, by: initProcess)
        }
        var orphanedZombies = false
        while let zombie = process.value.zombies.removeFirst() {
            zombie.value.isOrphan = true
            addZombie(zombie, to: initProcess)
            orphanedZombies = true
        }
        guard let parent = process.value.parent else { panic("a process without a parent ends") }
        parent.value.children.remove(process.siblingNode)
        process.value.exitStatus = status
        process.value.endReason = reason
        process.value.thread.value.state.store(ThreadState.zombie, ordering: .relaxed)
        addZombie(process, to: parent)
        return (parent, orphanedZombies)
    }

    /// Puts a zombie into its parent's list.
    mutating func addZombie(_ zombie: ProcessRef, to parent: ProcessRef) {
        zombie.value.parent = parent
        parent.value.zombies.prepend(zombie.siblingNode)
    }

    /// Takes a zombie out of its parent's list: the one with this pid, or with 0 any; nil if there is none.
    mutating func takeZombie(_ pid: Int32, of parent: ProcessRef) -> ProcessRef? {
        var next = parent.value.zombies.first
        while let zombie = next, pid != 0, zombie.pid != pid { next = parent.value.zombies.after(zombie.siblingNode) }
        guard let zombie = next else { return nil }
        parent.value.zombies.remove(zombie.siblingNode)
        zombie.value.parent = nil
        return zombie
    }

    /// Takes an orphan that has ended out of init's list; nil if there is none.
    mutating func takeOrphan() -> ProcessRef? {
        var next = initProcess.value.zombies.first
        while let zombie = next, !zombie.value.isOrphan { next = initProcess.value.zombies.after(zombie.siblingNode) }
        guard let orphan = next else { return nil }
        initProcess.value.zombies.remove(orphan.siblingNode)
        orphan.value.parent = nil
        return orphan
    }

    /// The child of a process with this pid; nil if there is none that lives.
    func child(_ pid: Int32, of parent: ProcessRef) -> ProcessRef? {
        var next = parent.value.children.first
        while let child = next, child.pid != pid { next = parent.value.children.after(child.siblingNode) }
        return next
    }
}

enum Family {
    /// Guards the family fields of all processes.
    static let tree = SpinLock<FamilyTree>(.family)

    /// The parent's pid; 0 for the first process.
    static func parent(of process: ProcessRef) -> Int32 { tree.withLock { _ in process.value.parent?.pid ?? 0 } }
}
