// Keeping and giving back inodes; the last one to let go of an inode without links frees it and its blocks.

import SystemInterface

extension FileSystem {
    /// One more reference, for one more place that keeps it.
    public func retain(_ inode: InodeReference) { inodes.retain(inode) }

    /// Gives a reference back. If it was the last and no link is left, the file is freed, in transactions of its own, so not
    /// to be called by anyone who is inside one. What cannot be freed for a disk error is freed at the next mount.
    public func release(_ inode: InodeReference) {
        var next: InodeReference? = inode
        while let current = next {
            next = nil
            // Once freed, the number may at once be someone's new file, and unlinked again before we let go: hence the loop.
            while !inodes.release(current, unless: { slot in slot.isLoaded && slot.record.linkCount == 0 }) {
                // Nobody else has it or can find it: what follows is undisturbed.
                var parent: InodeReference?
                var done = false
                do throws(SystemError) {
                    while !done {
                        done = try change(current, room: releaseRoom) { slot, transaction throws(SystemError) in
                            parent = slot.pointee.heldParent ?? parent
                            slot.pointee.heldParent = nil
                            return try free(slot, &transaction)
                        }
                    }
                } catch {}
                if let parent {
                    if let next { release(next) }
                    next = parent
                }
                if !done {
                    _ = inodes.release(current) { _ in false }
                    break
                }
            }
        }
    }

    /// Frees a locked inode without links and its blocks, as far as the transaction has room.
    /// - Returns: whether it is done.
    func free(_ slot: Slot, _ transaction: inout Transaction) throws(SystemError) -> Bool {
        slot.pointee.record.size = 0
        guard try trim(slot, &transaction) else { return false }
        try freeInode(slot.pointee.number, &transaction)
        slot.pointee.isDirty = false
        slot.pointee.isLoaded = false
        return true
    }
}
