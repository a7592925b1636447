// rename: a file or directory gets another name, and what had that name goes, in one transaction.
//
// The unlink lock keeps every other caller from taking names away or moving directories meanwhile, so the old entry
// stays where it was found, and the way from a directory up to the root stays as it is. Others may still make names.

import Storage
import SystemInterface

/// What is moved.
private struct RenameSource {
    var number: UInt32
    /// Of its entry in the old directory.
    var offset: UInt32
    var isDirectory = false
}

extension FileSystem {
    /// Gives a file or directory another name; a file, or an empty directory, that has the name already goes. Two names
    /// of one file: nothing changes.
    /// - Throws: invalidArgument for "." and "..", and for a directory that would come to lie in itself; isDirectory or
    ///   notDirectory if one of the two is a directory and the other is not; directoryNotEmpty, noSuchFile,
    ///   tooManyLinks, noSpace, tooManyFilesInSystem, inputOutput.
    public func rename(
        _ old: borrowing Span<UInt8>, to new: borrowing Span<UInt8>, from directory: borrowing Inode<P>
    ) throws(SystemError) {
        var oldName = Name()
        var newName = Name()
        let oldParent = try lookUpParent(old, from: directory, name: &oldName)
        let newParent = try lookUpParent(new, from: directory, name: &newName)
        if oldName == .dot || oldName == .dotDot || newName == .dot || newName == .dotDot { throw .invalidArgument }
        // They end outside the transaction: each may be the last use of an inode that then is freed.
        var moved: Inode<P>?
        var victim: Inode<P>?
        // Entries in both directories, their inodes, the moved and the replaced one, "..", and what a new block of
        // entries takes.
        try transaction(room: layout.isSimple ? 9 : 12) { transaction throws(SystemError) in
            try volume.value.unlinkLock.withLock { () throws(SystemError) in
                try rename(
                    oldName, in: oldParent.slot, to: newName, in: newParent.slot, &moved, &victim, &transaction)
            }
        }
        _ = moved.take()
        _ = victim.take()
    }

    @inline(never)
    private func rename(
        _ oldName: Name, in oldParent: Int32, to newName: Name, in newParent: Int32, _ moved: inout Inode<P>?,
        _ victim: inout Inode<P>?, _ transaction: inout Transaction<P>
    ) throws(SystemError) {
        var source = try look(oldParent) { slot throws(SystemError) in
            try checkDirectory(slot)
            let found = try search(slot, for: oldName)
            guard found.number != 0 else { throw .noSuchFile }
            return RenameSource(number: found.number, offset: found.offset)
        }
        let inode = try inodes.get(source.number)
        let slot = inode.slot
        moved = consume inode
        source.isDirectory = try look(slot) { $0.value.record.type == FileType.directory.rawValue }
        let changesParent = oldParent != newParent
        if source.isDirectory, changesParent {
            try look(newParent) { slot throws(SystemError) in try checkDirectory(slot) }
            try checkIsOutside(newParent, source.number)
        }
        let isDone = try withLocked(newParent, &transaction) { slot, transaction throws(SystemError) in
            try place(source, as: newName, in: newParent, slot, changesParent, &victim, &transaction)
        }
        guard !isDone else { return }
        if source.isDirectory, changesParent {
            let number = inodes.slot(newParent).value.number
            try withLocked(slot, &transaction) { slot, transaction throws(SystemError) in
                let parent = try search(slot, for: .dotDot)
                guard parent.number != 0 else { throw .inputOutput }
                try enter(number, as: .dotDot, at: parent.offset, of: slot, &transaction)
            }
        }
        try withLocked(oldParent, &transaction) { slot, transaction throws(SystemError) in
            try enter(0, as: Name(), at: source.offset, of: slot, &transaction)
            if source.isDirectory, changesParent, slot.value.record.linkCount > 1 {
                slot.value.record.linkCount -= 1  // the ".." that goes
                slot.value.isDirty = true
            }
        }
    }

    /// Enters the new name into its locked directory, in the place of what has it.
    /// - Returns: true if it is the same file: then there is nothing to do.
    private func place(
        _ source: RenameSource, as name: Name, in parent: Int32, _ directory: Slot, _ changesParent: Bool,
        _ victim: inout Inode<P>?, _ transaction: inout Transaction<P>
    ) throws(SystemError) -> Bool {
        try checkDirectory(directory)
        guard directory.value.record.linkCount > 0 else { throw .noSuchFile }
        let found = try search(directory, for: name)
        if found.number == source.number { return true }
        guard found.number != directory.value.number else { throw .inputOutput }
        let gainsLink = source.isDirectory && changesParent
        if gainsLink, directory.value.record.linkCount == Int16.max { throw .tooManyLinks }
        if found.number != 0 {
            let inode = try inodes.get(found.number)
            let index = inode.slot
            victim = consume inode
            try withLocked(index, &transaction) { slot, transaction throws(SystemError) in
                try checkMayGo(slot, for: source)
                try enter(source.number, as: name, at: found.offset, of: directory, &transaction)
                takeName(of: slot, index, parent, directory)
            }
        } else {
            try enter(source.number, as: name, at: found.offset, of: directory, &transaction)
        }
        if gainsLink {
            directory.value.record.linkCount += 1
            directory.value.isDirty = true
        }
        return false
    }

    /// Whether the locked inode that has the new name may be replaced.
    private func checkMayGo(_ slot: Slot, for source: RenameSource) throws(SystemError) {
        guard slot.value.record.linkCount > 0 else { throw .inputOutput }
        let isDirectory = slot.value.record.type == FileType.directory.rawValue
        if isDirectory, !source.isDirectory { throw .isDirectory }
        if !isDirectory, source.isDirectory { throw .notDirectory }
        if isDirectory, try !isEmpty(slot) { throw .directoryNotEmpty }
    }

    /// Takes one name of a locked inode away; the end of its last use frees it.
    private func takeName(of slot: Slot, _ index: Int32, _ parent: Int32, _ directory: Slot) {
        let isDirectory = slot.value.record.type == FileType.directory.rawValue
        slot.value.record.linkCount = isDirectory ? 0 : slot.value.record.linkCount - 1
        slot.value.isDirty = true
        guard isDirectory else { return }
        if directory.value.record.linkCount > 1 {
            directory.value.record.linkCount -= 1  // the ".." that goes
            directory.value.isDirty = true
        }
        if !inodes.isLastReference(index) {
            inodes.retain(parent)
            slot.value.heldParent = parent
        }
    }

    /// - Throws: invalidArgument if a directory is this inode, or lies below it.
    private func checkIsOutside(_ directory: Int32, _ number: UInt32) throws(SystemError) {
        var place = inodes.slot(directory).value.number
        // As many steps as there are inodes: on a damaged image ".." may lead in a circle.
        for _ in 0..<layout.inodeCount {
            if place == number { throw .invalidArgument }
            if place == DiskLayout.rootInode { return }
            let inode = try inodes.get(place)
            place = try look(inode.slot) { slot throws(SystemError) in try search(slot, for: .dotDot).number }
            guard place != 0 else { throw .inputOutput }
        }
        throw .inputOutput
    }
}
