// Locking an inode, which also brings it in from the disk, and writing it back.
//
// An inode that is locked is in use on the disk and its fixed fields make sense; one that is not, as only a damaged image can
// name it, gives inputOutput instead of a lock.

import SystemInterface

extension FileSystem {
    typealias Slot = UnsafeMutablePointer<InodeSlot>

    /// Locks an inode to change it.
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

    /// Takes a free inode of the disk and makes it one of this type with one link.
    /// - Throws: noSpace, after a line on the console.
    func allocateInode(_ type: FileType, major: Int16, minor: Int16, _ transaction: inout Transaction) throws(SystemError) -> UInt32 {
        allocationLock.acquire()
        defer { allocationLock.release() }
        var number = allocation.pointee.nextInode
        var left = allocation.pointee.freeInodes == 0 ? 0 : layout.inodeCount
        while left > 0 {
            if number >= layout.inodeCount || number == 0 { number = 1 }
            let buffer = try cache.read(layout.block(ofInode: number))
            defer { cache.release(buffer) }
            // The rest of this block.
            repeat {
                let place = buffer.data + layout.offset(ofInode: number)
                if place.load(as: Int16.self) == 0 {
                    try log.note(buffer, &transaction)
                    var record = InodeRecord()
                    record.type = type.rawValue
                    record.major = major
                    record.minor = minor
                    record.linkCount = 1
                    record.encode(into: place)
                    allocation.pointee.freeInodes -= 1
                    allocation.pointee.nextInode = number + 1
                    return number
                }
                number += 1
                left -= 1
            } while left > 0 && number < layout.inodeCount && number % DiskLayout.inodesPerBlock != 0
        }
        platform.report("file system: out of inodes")
        throw .noSpace
    }

    /// Makes an inode free on the disk; its content is gone already. The caller has it locked, or is the only one who knows it.
    func freeInode(_ number: UInt32, _ transaction: inout Transaction) throws(SystemError) {
        allocationLock.acquire()
        defer { allocationLock.release() }
        let buffer = try cache.read(layout.block(ofInode: number))
        defer { cache.release(buffer) }
        try log.note(buffer, &transaction)
        InodeRecord().encode(into: buffer.data + layout.offset(ofInode: number))
        allocation.pointee.freeInodes += 1
        // Low numbers first, as everyone expects of a Unix.
        if number < allocation.pointee.nextInode { allocation.pointee.nextInode = number }
    }
}
