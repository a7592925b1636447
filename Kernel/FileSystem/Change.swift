// The brackets that every operation is written between: a transaction, and a locked inode.
//
// `change` stores the inode if the body changed it, whatever else went wrong, so memory and disk cannot part.

import Storage
import SystemInterface

extension DiskLayout {
    /// One bitmap block and no double-indirect blocks, as xv6's own images: few blocks are enough for any change.
    var isSimple: Bool { bitmapLength == 1 && !hasDoubleIndirect }
}

extension FileSystem {
    typealias Slot = Ref<InodeSlot>

    /// Runs `body` in a transaction with room for so many blocks, and returns when what it changed is on the disk.
    @inline(__always)
    func transaction<R: ~Copyable>(
        room: Int, _ body: (inout Transaction<P>) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        var transaction = try log.begin(room)
        let result: R
        do throws(SystemError) {
            result = try body(&transaction)
        } catch {
            try transaction.end()
            throw error
        }
        try transaction.end()
        return result
    }

    /// Runs `body` with the inode in a slot locked to change it. The caller has a use of the inode.
    @inline(__always)
    func withLocked<R: ~Copyable>(
        _ inode: Int32, _ transaction: inout Transaction<P>,
        _ body: (Slot, inout Transaction<P>) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        try inodes.lock(inode).withLock { () throws(SystemError) -> R in
            let slot = inodes.slot(inode)
            try load(slot)
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
    }

    /// A transaction around one locked inode.
    @inline(__always)
    func change<R: ~Copyable>(
        _ inode: Int32, room: Int, _ body: (Slot, inout Transaction<P>) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        try transaction(room: room) { transaction throws(SystemError) in
            try withLocked(inode, &transaction, body)
        }
    }

    /// Runs `body` with the inode in a slot locked for reading. The caller has a use of the inode.
    @inline(__always)
    func look<R: ~Copyable>(_ inode: Int32, _ body: (Slot) throws(SystemError) -> R) throws(SystemError) -> R {
        let slot = inodes.slot(inode)
        while true {
            let result: R? = try inodes.lock(inode).withSharedLock { () throws(SystemError) -> R? in
                slot.value.isLoaded ? try body(slot) : nil
            }
            if let result { return result }
            try inodes.lock(inode).withLock { () throws(SystemError) in try load(slot) }
        }
    }
}
