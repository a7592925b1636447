// Giving back inodes; the last one to let go of an inode without links frees it and its blocks.

import Storage
import SystemInterface

extension FileSystem {
    /// Gives a use back: what the end of an `Inode` does. If it was the last and no link is left, the file is freed, in
    /// transactions of its own. What cannot be freed for a disk error is freed at the next mount.
    func release(_ inode: Int32) {
        var next: Int32? = inode
        while let index = next {
            next = nil
            // Once freed, the number may at once be another caller's new file, and unlinked again before this lets go:
            // hence the loop.
            while !inodes.release(index, unless: { slot in slot.isLoaded && slot.record.linkCount == 0 }) {
                // No other caller has it or can find it: what follows is undisturbed.
                var parent: Int32?
                var isDone = false
                do throws(SystemError) {
                    while !isDone {
                        isDone = try change(index, room: releaseRoom) { slot, transaction throws(SystemError) in
                            parent = slot.value.heldParent ?? parent
                            slot.value.heldParent = nil
                            return try free(slot, &transaction)
                        }
                    }
                } catch {}
                if let parent {
                    if let next { release(next) }
                    next = parent
                }
                if !isDone {
                    _ = inodes.release(index) { _ in false }
                    break
                }
            }
        }
    }

    /// Frees a locked inode without links and its blocks, as far as the transaction has room.
    /// - Returns: whether it is done.
    func free(_ slot: Slot, _ transaction: inout Transaction<P>) throws(SystemError) -> Bool {
        slot.value.record.size = 0
        guard try trim(slot, &transaction) else { return false }
        try freeInode(slot.value.number, &transaction)
        slot.value.isDirty = false
        slot.value.isLoaded = false
        return true
    }
}
