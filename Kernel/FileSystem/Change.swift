// The brackets that every operation is written between: a transaction, and a locked inode.
//
// `change` stores the inode if the body changed it, whatever else went wrong, so memory and disk cannot part.

import SystemInterface

extension DiskLayout {
    /// One bitmap block and no double-indirect blocks, as xv6's own images: few blocks are enough for any change.
    var isSimple: Bool { bitmapLength == 1 && !hasDoubleIndirect }
}

extension FileSystem {
    /// Runs `body` in a transaction with room for so many blocks, and returns when what it changed is on the disk.
    @inline(__always)
    func transaction<R>(
        room: Int, _ body: (inout Transaction) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        var transaction = try log.begin(room)
        let result: R
        do throws(SystemError) {
            result = try body(&transaction)
        } catch {
            try log.end(transaction)
            throw error
        }
        try log.end(transaction)
        return result
    }

    /// Runs `body` with the inode locked.
    @inline(__always)
    func withLocked<R>(
        _ inode: InodeReference, _ transaction: inout Transaction,
        _ body: (Slot, inout Transaction) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        let slot = try lock(inode)
        defer { unlock(inode) }
        let result: R
        do throws(SystemError) {
            result = try body(slot, &transaction)
        } catch {
            try storeIfDirty(slot, &transaction)
            throw error
        }
        try storeIfDirty(slot, &transaction)
        return result
    }

    /// A transaction around one locked inode.
    @inline(__always)
    func change<R>(
        _ inode: InodeReference, room: Int, _ body: (Slot, inout Transaction) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        try transaction(room: room) { transaction throws(SystemError) in
            try withLocked(inode, &transaction, body)
        }
    }

    /// Runs `body` with the inode locked for reading.
    @inline(__always)
    func look<R>(_ inode: InodeReference, _ body: (Slot) throws(SystemError) -> R) throws(SystemError) -> R {
        let slot = try lockShared(inode)
        defer { unlockShared(inode) }
        return try body(slot)
    }
}
