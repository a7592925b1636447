// Which inodes of the disk are free. On the disk an inode is free when its type is 0; in memory a map made at mount says so too,
// so that a search reads no blocks and looks at no inode that someone else is writing.

import SystemInterface

extension FileSystem {
    /// Takes a free inode of the disk and makes it one of this type with one link.
    /// - Throws: noSpace, after a line on the console.
    func allocateInode(_ type: FileType, major: Int16, minor: Int16, _ transaction: inout Transaction) throws(SystemError) -> UInt32 {
        allocationLock.acquire()
        defer { allocationLock.release() }
        guard allocation.pointee.freeInodes > 0, let number = firstFreeInode() else {
            platform.report("file system: out of inodes")
            throw .noSpace
        }
        let buffer = try cache.read(layout.block(ofInode: number))
        defer { cache.release(buffer) }
        try log.note(buffer, &transaction)
        var record = InodeRecord()
        record.type = type.rawValue
        record.major = major
        record.minor = minor
        record.linkCount = 1
        record.encode(into: buffer.data + layout.offset(ofInode: number))
        setInodeUsed(number, true)
        allocation.pointee.nextInode = number + 1
        return number
    }

    /// Makes an inode free on the disk; its content is gone already. The caller has it locked, or is the only one who knows it.
    func freeInode(_ number: UInt32, _ transaction: inout Transaction) throws(SystemError) {
        allocationLock.acquire()
        defer { allocationLock.release() }
        let buffer = try cache.read(layout.block(ofInode: number))
        defer { cache.release(buffer) }
        try log.note(buffer, &transaction)
        InodeRecord().encode(into: buffer.data + layout.offset(ofInode: number))
        setInodeUsed(number, false)
        // Low numbers first, as everyone expects of a Unix.
        if number < allocation.pointee.nextInode { allocation.pointee.nextInode = number }
    }

    /// Notes an inode as used or free. With the allocation lock, or at mount.
    func setInodeUsed(_ number: UInt32, _ isUsed: Bool) {
        Self.setBit(number, in: inodeMapPage(number), isUsed)
        if isUsed { allocation.pointee.freeInodes -= 1 } else { allocation.pointee.freeInodes += 1 }
    }

    private func inodeMapPage(_ number: UInt32) -> UnsafeMutableRawPointer {
        inodeMap + Int(number / DiskLayout.bitsPerBlock) * blockSize
    }

    /// No inode below `nextInode` is free.
    private func firstFreeInode() -> UInt32? {
        var number = allocation.pointee.nextInode
        while number < layout.inodeCount {
            let end = min(layout.inodeCount, (number / DiskLayout.bitsPerBlock + 1) * DiskLayout.bitsPerBlock)
            if let found = Self.firstFree(in: inodeMapPage(number), from: number, to: end) { return found }
            number = end
        }
        return nil
    }
}
