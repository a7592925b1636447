// Which blocks are in use: the bitmap, one bit a block, least significant first, 1 = used.
//
// The search goes on where the last one ended, so a nearly full disk does not cost a scan for each block. Freed and allocated
// bits change in the transaction of the operation they belong to, so a block freed by an operation that a crash undoes is still
// its old owner's. Blocks that hold no file data are neither given out nor taken back, whatever a damaged image says.

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
    func allocateBlocks(_ count: Int, _ transaction: inout Transaction) throws(SystemError) -> BlockTriple {
        allocationLock.acquire()
        defer { allocationLock.release() }
        var taken: BlockTriple = (0, 0, 0)
        if Int(allocation.pointee.freeBlocks) >= count {
            taken.first = try takeBlock(&transaction)
            if count > 1, taken.first != 0 { taken.second = try takeBlock(&transaction) }
            if count > 2, taken.second != 0 { taken.third = try takeBlock(&transaction) }
            if (count < 2 || taken.second != 0) && (count < 3 || taken.third != 0) && taken.first != 0 { return taken }
            if taken.first != 0 { _ = try giveBack(taken.first, &transaction) }
            if taken.second != 0 { _ = try giveBack(taken.second, &transaction) }
        }
        platform.report("file system: out of blocks")
        throw .noSpace
    }

    /// Frees a block. One that is free already or holds no file data is left alone: a damaged image, not a reason to stop.
    /// - Parameter keeping: room the caller still needs in the transaction.
    /// - Returns: false if the transaction had no room left for it; nothing happened then.
    func freeBlock(_ block: UInt32, keeping: Int, _ transaction: inout Transaction) throws(SystemError) -> Bool {
        guard layout.isData(block) else { return true }
        allocationLock.acquire()
        defer { allocationLock.release() }
        return try giveBack(block, keeping: keeping, &transaction)
    }

    private func bitmapBlock(of block: UInt32) -> UInt32 { layout.bitmapStart + block / DiskLayout.bitsPerBlock }

    /// Takes one block, the next free one from where the last search ended; 0 if there is none.
    private func takeBlock(_ transaction: inout Transaction) throws(SystemError) -> UInt32 {
        var candidate = allocation.pointee.nextBlock
        // One round: every bitmap block, and the first one again for what lies before the start.
        for _ in 0...layout.bitmapLength {
            if !layout.isData(candidate) { candidate = layout.dataStart }
            let buffer = try cache.read(bitmapBlock(of: candidate))
            defer { cache.release(buffer) }
            let end = min(layout.size, (candidate / DiskLayout.bitsPerBlock + 1) * DiskLayout.bitsPerBlock)
            guard let found = Self.firstFree(in: buffer.data, from: candidate, to: end) else {
                candidate = end
                continue
            }
            try log.note(buffer, &transaction)
            Self.setBit(found, in: buffer.data, true)
            allocation.pointee.freeBlocks -= 1
            allocation.pointee.nextBlock = found + 1
            return found
        }
        return 0
    }

    private func giveBack(_ block: UInt32, keeping: Int = 0, _ transaction: inout Transaction) throws(SystemError) -> Bool {
        let buffer = try cache.read(bitmapBlock(of: block))
        defer { cache.release(buffer) }
        guard Self.bit(block, in: buffer.data) else { return true }
        if !log.isNoted(buffer), transaction.room <= keeping { return false }
        try log.note(buffer, &transaction)
        Self.setBit(block, in: buffer.data, false)
        allocation.pointee.freeBlocks += 1
        return true
    }

    /// The first block in `from ..< to` whose bit is 0, in the bitmap block that holds them all.
    static func firstFree(in bitmap: UnsafeRawPointer, from: UInt32, to: UInt32) -> UInt32? {
        var block = from
        while block < to {
            let offset = Int(block % DiskLayout.bitsPerBlock)
            let word = bitmap.load(fromByteOffset: offset / 64 * 8, as: UInt64.self)
            let free = ~word >> UInt64(offset % 64)
            if free != 0 {
                let found = block + UInt32(free.trailingZeroBitCount)
                return found < to ? found : nil
            }
            block += UInt32(64 - offset % 64)
        }
        return nil
    }

    static func bit(_ block: UInt32, in bitmap: UnsafeRawPointer) -> Bool {
        let offset = Int(block % DiskLayout.bitsPerBlock)
        return bitmap.load(fromByteOffset: offset / 8, as: UInt8.self) >> UInt8(offset % 8) & 1 == 1
    }

    static func setBit(_ block: UInt32, in bitmap: UnsafeMutableRawPointer, _ value: Bool) {
        let offset = Int(block % DiskLayout.bitsPerBlock)
        let old = bitmap.load(fromByteOffset: offset / 8, as: UInt8.self)
        let mask = UInt8(1) << UInt8(offset % 8)
        bitmap.storeBytes(of: value ? old | mask : old & ~mask, toByteOffset: offset / 8, as: UInt8.self)
    }

    /// Counts the free blocks, at mount.
    func countFreeBlocks() throws(SystemError) -> UInt32 {
        var free: UInt32 = 0
        var block = layout.dataStart
        while block < layout.size {
            let buffer = try cache.read(bitmapBlock(of: block))
            defer { cache.release(buffer) }
            let end = min(layout.size, (block / DiskLayout.bitsPerBlock + 1) * DiskLayout.bitsPerBlock)
            while block < end {
                if block % 64 == 0, end - block >= 64 {
                    let offset = Int(block % DiskLayout.bitsPerBlock) / 8
                    free += UInt32((~buffer.data.load(fromByteOffset: offset, as: UInt64.self)).nonzeroBitCount)
                    block += 64
                } else {
                    if !Self.bit(block, in: buffer.data) { free += 1 }
                    block += 1
                }
            }
        }
        return free
    }
}
