// Names: giving a file another one, and taking one away.

import Storage
import SystemInterface

extension FileSystem {
    /// Gives a file a second name.
    /// - Throws: isDirectory for a directory as `old`; fileExists, noSuchFile, notDirectory, tooManyLinks, noSpace,
    ///   tooManyFilesInSystem, inputOutput.
    public func link(
        _ old: borrowing Span<UInt8>, as new: borrowing Span<UInt8>, from directory: borrowing Inode<P>
    ) throws(SystemError) {
        let file = try lookUp(old, from: directory)
        var name = Name()
        let parent = try lookUpParent(new, from: directory, name: &name)
        try transaction(room: layout.isSimple ? 5 : 10) { transaction throws(SystemError) in
            // One inode at a time: count the link first, take it back if the name cannot be written.
            let number = try withLocked(file.slot, &transaction) { slot, _ throws(SystemError) in
                guard slot.value.record.type != FileType.directory.rawValue else { throw .isDirectory }
                guard slot.value.record.linkCount > 0 else { throw .noSuchFile }
                guard slot.value.record.linkCount < Int16.max else { throw .tooManyLinks }
                slot.value.record.linkCount += 1
                slot.value.isDirty = true
                return slot.value.number
            }
            do throws(SystemError) {
                try withLocked(parent.slot, &transaction) { slot, transaction throws(SystemError) in
                    try checkDirectory(slot)
                    guard slot.value.record.linkCount > 0 else { throw .noSuchFile }
                    let place = try search(slot, for: name)
                    guard place.number == 0 else { throw .fileExists }
                    try enter(number, as: name, at: place.offset, of: slot, &transaction)
                }
            } catch {
                try withLocked(file.slot, &transaction) { slot, _ throws(SystemError) in
                    slot.value.record.linkCount -= 1
                    slot.value.isDirty = true
                }
                throw error
            }
        }
    }

    /// Takes a name away. The file goes with its last name and its last user; a directory must be empty.
    /// - Throws: invalidArgument for "." and ".."; directoryNotEmpty, noSuchFile, notDirectory, tooManyFilesInSystem,
    ///   inputOutput.
    public func unlink(_ path: borrowing Span<UInt8>, from directory: borrowing Inode<P>) throws(SystemError) {
        var name = Name()
        let parent = try lookUpParent(path, from: directory, name: &name)
        guard name != .dot, name != .dotDot else { throw .invalidArgument }
        // First without a transaction: the name may not be there.
        try look(parent.slot) { slot throws(SystemError) in _ = try entry(name, in: slot) }
        // Ends outside the transaction: by then it may be the last use of an inode that another caller has unlinked.
        var victim: Inode<P>?
        try transaction(room: 3 + releaseRoom) { transaction throws(SystemError) in
            // It locks two inodes which any caller can find; on a damaged image they may be each other's parent.
            try volume.value.unlinkLock.withLock { () throws(SystemError) in
                try withLocked(parent.slot, &transaction) { slot, transaction throws(SystemError) in
                    try remove(name, parent.slot, slot, &victim, &transaction)
                }
            }
        }
        _ = victim.take()
    }

    private func entry(_ name: Name, in directory: Slot) throws(SystemError) -> DirectorySearch {
        try checkDirectory(directory)
        let found = try search(directory, for: name)
        guard found.number != 0 else { throw .noSuchFile }
        return found
    }

    /// Removes a name from a locked directory, and the inode with it if it has no other use.
    /// - Parameter victim: becomes a use of the inode, also when this throws.
    @inline(never)
    private func remove(
        _ name: Name, _ parent: Int32, _ directory: Slot, _ victim: inout Inode<P>?, _ transaction: inout Transaction<P>
    ) throws(SystemError) {
        let found = try entry(name, in: directory)
        guard found.number != directory.value.number else { throw .inputOutput }
        let inode = try inodes.get(found.number)
        let index = inode.slot
        victim = consume inode
        try withLocked(index, &transaction) { slot, transaction throws(SystemError) in
            guard slot.value.record.linkCount > 0 else { throw .inputOutput }
            let isDirectory = slot.value.record.type == FileType.directory.rawValue
            if isDirectory, try !isEmpty(slot) { throw .directoryNotEmpty }
            try enter(0, as: Name(), at: found.offset, of: directory, &transaction)
            if isDirectory, directory.value.record.linkCount > 1 {
                directory.value.record.linkCount -= 1  // the ".." that goes
                directory.value.isDirty = true
            }
            slot.value.record.linkCount = isDirectory ? 0 : slot.value.record.linkCount - 1
            slot.value.isDirty = true
            guard slot.value.record.linkCount == 0 else { return }
            if inodes.isLastReference(index) {
                // the rest, if the transaction is too small, comes with the end of its last use
                _ = try free(slot, &transaction)
            } else if isDirectory {
                inodes.retain(parent)
                slot.value.heldParent = parent
            }
        }
    }
}
