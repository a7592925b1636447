// Names: giving a file another one, and taking one away.

import SystemInterface

extension FileSystem {
    /// Gives a file a second name.
    /// - Throws: isDirectory for a directory as `old`; fileExists, noSuchFile, notDirectory, tooManyLinks, noSpace,
    ///   tooManyFilesInSystem, inputOutput.
    public func link(
        _ old: borrowing Span<UInt8>, as new: borrowing Span<UInt8>, from directory: InodeReference
    ) throws(SystemError) {
        let file = try lookUp(old, from: directory)
        defer { release(file) }
        let (parent, name) = try lookUpParent(new, from: directory)
        defer { release(parent) }
        try transaction(room: layout.isSimple ? 5 : 10) { transaction throws(SystemError) in
            // One inode at a time: count the link first, take it back if the name cannot be written.
            let number = try withLocked(file, &transaction) { slot, _ throws(SystemError) in
                guard slot.pointee.record.type != FileType.directory.rawValue else { throw .isDirectory }
                guard slot.pointee.record.linkCount > 0 else { throw .noSuchFile }
                guard slot.pointee.record.linkCount < Int16.max else { throw .tooManyLinks }
                slot.pointee.record.linkCount += 1
                slot.pointee.isDirty = true
                return slot.pointee.number
            }
            do throws(SystemError) {
                try withLocked(parent, &transaction) { slot, transaction throws(SystemError) in
                    guard slot.pointee.record.type == FileType.directory.rawValue else { throw .notDirectory }
                    guard slot.pointee.record.linkCount > 0 else { throw .noSuchFile }
                    let place = try search(slot, for: name)
                    guard place.number == 0 else { throw .fileExists }
                    try enter(number, as: name, at: place.offset, of: slot, &transaction)
                }
            } catch {
                try withLocked(file, &transaction) { slot, _ throws(SystemError) in
                    slot.pointee.record.linkCount -= 1
                    slot.pointee.isDirty = true
                }
                throw error
            }
        }
    }

    /// Takes a name away. The file goes with its last name and its last user; a directory must be empty.
    /// - Throws: invalidArgument for "." and ".."; directoryNotEmpty, noSuchFile, notDirectory, tooManyFilesInSystem, inputOutput.
    public func unlink(_ path: borrowing Span<UInt8>, from directory: InodeReference) throws(SystemError) {
        let (parent, name) = try lookUpParent(path, from: directory)
        defer { release(parent) }
        guard name != .dot, name != .dotDot else { throw .invalidArgument }
        // First without a transaction: the name may not be there.
        try look(parent) { slot throws(SystemError) in _ = try entry(name, in: slot) }
        var victim: InodeReference?
        defer { if let victim { release(victim) } }
        try transaction(room: 3 + releaseRoom) { transaction throws(SystemError) in
            // The only operation that locks two inodes anyone can find; on a damaged image they may be each other's parent.
            unlinkLock.acquire()
            defer { unlinkLock.release() }
            try withLocked(parent, &transaction) { slot, transaction throws(SystemError) in
                try remove(name, parent, slot, &victim, &transaction)
            }
        }
    }

    private func entry(_ name: Name, in directory: Slot) throws(SystemError) -> DirectorySearch {
        guard directory.pointee.record.type == FileType.directory.rawValue else { throw .notDirectory }
        let found = try search(directory, for: name)
        guard found.number != 0 else { throw .noSuchFile }
        return found
    }

    /// Removes a name from a locked directory, and the inode with it if nobody uses it.
    /// - Parameter victim: becomes a reference to the inode, also when this throws. To be given back outside the transaction,
    ///   since by then it may be the last one to a file that someone else has unlinked.
    @inline(never)
    private func remove(
        _ name: Name, _ parent: InodeReference, _ directory: Slot, _ victim: inout InodeReference?,
        _ transaction: inout Transaction
    ) throws(SystemError) {
        let found = try entry(name, in: directory)
        guard found.number != directory.pointee.number else { throw .inputOutput }
        let inode = try inodes.get(found.number)
        victim = inode
        try withLocked(inode, &transaction) { slot, transaction throws(SystemError) in
            guard slot.pointee.record.linkCount > 0 else { throw .inputOutput }
            let isDirectory = slot.pointee.record.type == FileType.directory.rawValue
            if isDirectory, try !isEmpty(slot) { throw .directoryNotEmpty }
            try enter(0, as: Name(), at: found.offset, of: directory, &transaction)
            if isDirectory, directory.pointee.record.linkCount > 1 {
                directory.pointee.record.linkCount -= 1  // the ".." that goes
                directory.pointee.isDirty = true
            }
            slot.pointee.record.linkCount = isDirectory ? 0 : slot.pointee.record.linkCount - 1
            slot.pointee.isDirty = true
            guard slot.pointee.record.linkCount == 0 else { return }
            if inodes.isLastReference(inode) {
                _ = try free(slot, &transaction)  // the rest, if the transaction is too small, comes with `release`
            } else if isDirectory {
                retain(parent)
                slot.pointee.heldParent = parent
            }
        }
    }
}
