// Freeing the blocks of a file that lie beyond its end: all of them once its size is 0.
//
// One call frees as many as the transaction has room for, from the far end, and says whether it came to the end; the
// blocks that are left stay the file's own, so a crash in between loses nothing and leaks nothing. On an image with one
// bitmap block one call is always enough.

import Storage
import SystemInterface

extension FileSystem {
    /// Room in the transaction that freeing leaves: for the inode, and where one transaction may not be enough, for an
    /// indirect and a double-indirect block that stay, and for the directory's inode in `unlink`.
    private var roomToKeep: Int { layout.isSimple ? 1 : 4 }

    /// Frees blocks of a locked inode beyond its size. The caller stores the inode, which is dirty afterwards.
    /// - Returns: whether all are freed.
    func trim(_ slot: Slot, _ transaction: inout Transaction<P>) throws(SystemError) -> Bool {
        let perBlock = DiskLayout.addressesPerBlock
        let direct = layout.directCount
        let keep = (slot.value.record.size + UInt32(blockSize) - 1) / UInt32(blockSize)
        slot.value.isDirty = true
        if layout.hasDoubleIndirect {
            let first = direct + perBlock
            guard try trimTable(at: 12, of: slot, depth: 2, keep: keep > first ? keep - first : 0, &transaction) else {
                return false
            }
        }
        guard try trimTable(at: Int(direct), of: slot, depth: 1, keep: keep > direct ? keep - direct : 0, &transaction)
        else { return false }
        var index = direct
        while index > keep {
            index -= 1
            let block = slot.value.record.addresses[Int(index)]
            if block == 0 { continue }
            guard try freeBlock(block, keeping: roomToKeep, &transaction) else { return false }
            slot.value.record.addresses[Int(index)] = 0
        }
        return true
    }

    private func trimTable(
        at address: Int, of slot: Slot, depth: Int, keep: UInt32, _ transaction: inout Transaction<P>
    ) throws(SystemError) -> Bool {
        let table = slot.value.record.addresses[address]
        if table == 0 { return true }
        guard try freeEntries(of: table, depth: depth, keep: keep, &transaction) else { return false }
        if keep == 0 { slot.value.record.addresses[address] = 0 }
        return true
    }

    /// Frees what a table of addresses names beyond its first `keep` blocks of the file, and the table itself if that
    /// is all.
    /// - Returns: whether all that was to go is gone.
    private func freeEntries(of table: UInt32, depth: Int, keep: UInt32, _ transaction: inout Transaction<P>)
        throws(SystemError) -> Bool
    {
        guard layout.isData(table) else { return true }  // a damaged image: nothing of ours is there
        let span = depth == 2 ? DiskLayout.addressesPerBlock : 1
        let buffer = try cache.read(table)
        var changed = false
        var complete = true
        var entry = DiskLayout.addressesPerBlock
        while complete, entry > 0, entry * span > keep {
            entry -= 1
            let block = buffer.withBytes { $0.littleEndian(Int(entry) * 4, as: UInt32.self) }
            if block == 0 { continue }
            let kept = keep > entry * span ? keep - entry * span : 0
            complete =
                depth == 2
                ? try freeEntries(of: block, depth: 1, keep: kept, &transaction)
                : try freeBlock(block, keeping: roomToKeep, &transaction)
            if complete, kept == 0 {
                buffer.withBytes { $0.storeBytes(of: 0, toByteOffset: Int(entry) * 4, as: UInt32.self) }
                changed = true
            }
        }
        if complete, keep == 0 { complete = try freeBlock(table, keeping: roomToKeep, &transaction) }
        // A table that goes needs no writing; one that stays must not name what is free.
        if changed, !(complete && keep == 0) { try transaction.note(buffer) }
        return complete
    }
}
