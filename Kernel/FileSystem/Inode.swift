// Bringing an inode in from the disk, and writing it back.
//
// An inode that is loaded is in use on the disk and its fixed fields are possible; one that is not, as only a damaged
// image can name it, gives inputOutput instead.

import Storage
import SystemInterface

extension FileSystem {
    /// Reads a locked inode from the disk, unless that was done.
    func load(_ slot: Slot) throws(SystemError) {
        if slot.value.isLoaded { return }
        let number = slot.value.number
        let offset = layout.offset(ofInode: number)
        let record = try cache.read(layout.block(ofInode: number)).withBytes { InodeRecord($0.bytes, at: offset) }
        guard record.isSound(layout) else { throw .inputOutput }
        directoryIndexes.forget(number)
        slot.value.record = record
        slot.value.isLoaded = true
        slot.value.isDirty = false
    }

    /// Notes that what a locked inode holds changes now: once a second, and not at all while the time is not known.
    func noteChange(of slot: Slot) {
        let now = platform.time
        guard now != 0, slot.value.record.modified != now, slot.value.record.type != FileType.device.rawValue else {
            return
        }
        slot.value.record.modified = now
        slot.value.isDirty = true
    }

    /// Writes a locked inode if it changed.
    func storeIfDirty(_ slot: Slot, _ transaction: inout Transaction<P>) throws(SystemError) {
        if slot.value.isDirty { try store(slot, &transaction) }
    }

    @inline(never)
    private func store(_ slot: Slot, _ transaction: inout Transaction<P>) throws(SystemError) {
        let number = slot.value.number
        let offset = layout.offset(ofInode: number)
        let buffer = try cache.read(layout.block(ofInode: number))
        try transaction.note(buffer)
        buffer.withBytes { slot.value.record.encode(into: &$0, at: offset) }
        slot.value.isDirty = false
    }
}
