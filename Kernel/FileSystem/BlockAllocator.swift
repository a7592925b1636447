// Which blocks are in use: the bitmap, one bit a block, least significant first, 1 = used.
//
// The search goes on where the last one ended, so a nearly full disk does not cost a scan for each block. Freed and
// allocated bits change in the transaction of the operation they belong to, so a block freed by an operation that a
// crash undoes is still its old owner's. Blocks that hold no file data are neither given out nor taken back, whatever a
// damaged image says.

import Storage
import SystemInterface

/// What the allocators remember; guarded by the allocation lock, except that the two counts may be read at any time.
struct AllocationState {
    var nextBlock: UInt32
    /// No lower inode is free.
    var nextInode: UInt32 = DiskLayout.rootInode
    var freeBlocks: UInt32 = 0
    var freeInodes: UInt32
}

/// Up to three blocks, allocated together.
typealias BlockTriple = (first: UInt32, second: UInt32, third: UInt32)

extension FileSystem {
    /// Allocates `count` ≤ 3 blocks, or none. They hold what they held; use `BlockCache.zeroed`.
    /// - Throws: noSpace, after a line on the console.
    func allocateBlocks(_ count: Int, _ transaction: inout Transaction<P>) throws(SystemError) -> BlockTriple {
        let taken = try volume.value.allocationLock.withLock { () throws(SystemError) -> BlockTriple? in
            try takeBlocks(count, &transaction)
        }
        if let taken { return taken }
        platform.report("file system: out of blocks")
        throw .noSpace
    }

    private func takeBlocks(_ count: Int, _ transaction: inout Transaction<P>) throws(SystemError) -> BlockTriple? {
        guard Int(freeBlocks) >= count else { return nil }
        var taken: BlockTriple = (0, 0, 0)
        taken.first = try takeBlock(&transaction)
        if count > 1, taken.first != 0 { taken.second = try takeBlock(&transaction) }
        if count > 2, taken.second != 0 { taken.third = try takeBlock(&transaction) }
        if (count < 2 || taken.second != 0) && (count < 3 || taken.third != 0) && taken.first != 0 { return taken }
        if taken.first != 0 { _ = try giveBack(taken.first, &transaction) }
        if taken.second != 0 { _ = try giveBack(taken.second, &transaction) }
        return nil
    }

    /// Frees a block. One that is free already or holds no file data is left alone: a damaged image, not a reason to
    /// stop.
    /// - Parameter keeping: room the caller still needs in the transaction.
    /// - Returns: false if the transaction had no room left for it; nothing happened then.
    func freeBlock(_ block: UInt32, keeping: Int, _ transaction: inout Transaction<P>) throws(SystemError) -> Bool {
        guard layout.isData(block) else { return true }
        return try volume.value.allocationLock.withLock { () throws(SystemError) in
            try giveBack(block, keeping: keeping, &transaction)
        }
    }

    private func bitmapBlock(of block: UInt32) -> UInt32 { layout.bitmapStart + block / DiskLayout.bitsPerBlock }

    /// Takes one block, the next free one from where the last search ended; 0 if there is none.
    private func takeBlock(_ transaction: inout Transaction<P>) throws(SystemError) -> UInt32 {
        let layout = layout
        var candidate = volume.value.allocation.nextBlock
        // One round: every bitmap block, and the first one again for what lies before the start.
        for _ in 0...layout.bitmapLength {
            if !layout.isData(candidate) { candidate = layout.dataStart }
            let buffer = try cache.read(bitmapBlock(of: candidate))
            let end = min(layout.size, (candidate / DiskLayout.bitsPerBlock + 1) * DiskLayout.bitsPerBlock)
            guard let found = buffer.withBytes({ Bitmap.firstFree(in: $0.bytes, from: candidate, to: end) }) else {
                candidate = end
                continue
            }
            try transaction.note(buffer)
            buffer.withBytes { Bitmap.set(found, in: &$0, true) }
            volume.value.allocation.freeBlocks -= 1
            volume.value.allocation.nextBlock = found + 1
            return found
        }
        return 0
    }

    private func giveBack(_ block: UInt32, keeping: Int = 0, _ transaction: inout Transaction<P>) throws(SystemError)
        -> Bool
    {
        let buffer = try cache.read(bitmapBlock(of: block))
        guard buffer.withBytes({ Bitmap.bit(block, in: $0.bytes) }) else { return true }
        if !transaction.hasNoted(buffer), transaction.room <= keeping { return false }
        try transaction.note(buffer)
        buffer.withBytes { Bitmap.set(block, in: &$0, false) }
        volume.value.allocation.freeBlocks += 1
        return true
    }

    /// Counts the free blocks, at mount.
    func countFreeBlocks() throws(SystemError) -> UInt32 {
        let layout = layout
        var free: UInt32 = 0
        var block = layout.dataStart
        while block < layout.size {
            let end = min(layout.size, (block / DiskLayout.bitsPerBlock + 1) * DiskLayout.bitsPerBlock)
            let buffer = try cache.read(bitmapBlock(of: block))
            free += buffer.withBytes { Bitmap.countFree(in: $0.bytes, from: block, to: end) }
            block = end
        }
        return free
    }
}
