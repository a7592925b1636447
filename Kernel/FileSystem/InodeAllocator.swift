// Which inodes of the disk are free. On the disk an inode is free when its type is 0; in memory a map made at mount
// says so too, so that a search reads no blocks and looks at no inode that another caller is writing.

import Storage
import SystemInterface

extension FileSystem {
    /// Takes a free inode of the disk and makes it one of this type with one link.
    /// - Throws: noSpace, after a line on the console.
    func allocateInode(_ type: FileType, major: Int16, minor: Int16, _ transaction: inout Transaction<P>)
        throws(SystemError) -> UInt32
    {
        let number = try volume.value.allocationLock.withLock { () throws(SystemError) -> UInt32? in
            guard freeInodes > 0, let number = firstFreeInode() else { return nil }
            let buffer = try cache.read(layout.block(ofInode: number))
            try transaction.note(buffer)
            var record = InodeRecord()
            record.type = type.rawValue
            record.major = major
            record.minor = minor
            if type != .device { record.modified = platform.time }
            record.linkCount = 1
            let offset = layout.offset(ofInode: number)
            buffer.withBytes { record.encode(into: &$0, at: offset) }
            setInodeUsed(number, true)
            volume.value.allocation.nextInode = number + 1
            return number
        }
        if let number { return number }
        platform.report("file system: out of inodes")
        throw .noSpace
    }

    /// Makes an inode free on the disk; its content is gone already. The caller has it locked, or is the only one that
    /// knows it.
    func freeInode(_ number: UInt32, _ transaction: inout Transaction<P>) throws(SystemError) {
        try volume.value.allocationLock.withLock { () throws(SystemError) in
            let buffer = try cache.read(layout.block(ofInode: number))
            try transaction.note(buffer)
            let offset = layout.offset(ofInode: number)
            buffer.withBytes { InodeRecord().encode(into: &$0, at: offset) }
            setInodeUsed(number, false)
            // Low numbers first, as Unix systems do.
            if number < volume.value.allocation.nextInode { volume.value.allocation.nextInode = number }
        }
    }

    /// Notes an inode as used or free. With the allocation lock, or at mount.
    func setInodeUsed(_ number: UInt32, _ isUsed: Bool) {
        inodeMapBlock(number).withBytes { Bitmap.set(number, in: &$0, isUsed) }
        if isUsed { volume.value.allocation.freeInodes -= 1 } else { volume.value.allocation.freeInodes += 1 }
    }

    private func inodeMapBlock(_ number: UInt32) -> BlockMemory {
        volume.value.inodeMap[Int(number / DiskLayout.bitsPerBlock)]
    }

    /// No inode below `nextInode` is free.
    private func firstFreeInode() -> UInt32? {
        var number = volume.value.allocation.nextInode
        while number < layout.inodeCount {
            let end = min(layout.inodeCount, (number / DiskLayout.bitsPerBlock + 1) * DiskLayout.bitsPerBlock)
            if let found = inodeMapBlock(number).withBytes({ Bitmap.firstFree(in: $0.bytes, from: number, to: end) }) {
                return found
            }
            number = end
        }
        return nil
    }
}
