// Locking an inode, which also brings it in from the disk, and writing it back.
//
// An inode that is locked is in use on the disk and its fixed fields make sense; one that is not, as only a damaged image can
// name it, gives inputOutput instead of a lock.

import SystemInterface

extension FileSystem {
    typealias Slot = UnsafeMutablePointer<InodeSlot>

    /// Locks an inode to change it.
    @inline(never)
    func lock(_ inode: InodeReference) throws(SystemError) -> Slot {
        inodes.lock(inode).acquire()
        let slot = inodes.slot(inode)
        do throws(SystemError) {
            try load(slot)
        } catch {
            inodes.lock(inode).release()
            throw error
        }
        return slot
    }

    func unlock(_ inode: InodeReference) { inodes.lock(inode).release() }

    /// Locks an inode to read it.
    @inline(never)
    func lockShared(_ inode: InodeReference) throws(SystemError) -> Slot {
        let slot = inodes.slot(inode)
        while true {
            inodes.lock(inode).acquireShared()
            if slot.pointee.isLoaded { return slot }
            inodes.lock(inode).releaseShared()
            _ = try lock(inode)  // loads it
            unlock(inode)
        }
    }

    func unlockShared(_ inode: InodeReference) { inodes.lock(inode).releaseShared() }

    private func load(_ slot: Slot) throws(SystemError) {
        if slot.pointee.isLoaded { return }
        let number = slot.pointee.number
        let buffer = try cache.read(layout.block(ofInode: number))
        let record = InodeRecord(buffer.data + layout.offset(ofInode: number))
        cache.release(buffer)
        guard record.isSound(layout) else { throw .inputOutput }
        slot.pointee.record = record
        slot.pointee.isLoaded = true
        slot.pointee.isDirty = false
    }

    /// Writes a locked inode to the disk.
    func store(_ slot: Slot, _ transaction: inout Transaction) throws(SystemError) {
        let number = slot.pointee.number
        let buffer = try cache.read(layout.block(ofInode: number))
        defer { cache.release(buffer) }
        try log.note(buffer, &transaction)
        slot.pointee.record.encode(into: buffer.data + layout.offset(ofInode: number))
        slot.pointee.isDirty = false
    }

    /// Writes a locked inode if it changed.
    func storeIfDirty(_ slot: Slot, _ transaction: inout Transaction) throws(SystemError) {
        if slot.pointee.isDirty { try store(slot, &transaction) }
    }
}
