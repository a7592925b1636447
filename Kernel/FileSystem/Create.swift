// Making files, directories and devices.
//
// Everything that can fail comes before the new name is written; what was taken until then is given back in the same
// transaction. So a full disk leaves no half-made entry and loses nothing.

import Storage
import SystemInterface

extension FileSystem {
    /// Makes a directory. - Throws: fileExists, noSuchFile, notDirectory, noSpace, tooManyLinks, tooManyFilesInSystem,
    /// inputOutput.
    public func makeDirectory(_ path: borrowing Span<UInt8>, from directory: borrowing Inode<P>) throws(SystemError) {
        _ = try create(path, from: directory, .directory, opensExisting: false)
    }

    /// Makes a device inode. - Throws: as `makeDirectory`.
    public func makeNode(
        _ path: borrowing Span<UInt8>, major: Int16, minor: Int16, from directory: borrowing Inode<P>
    ) throws(SystemError) {
        _ = try create(path, from: directory, .device, major: major, minor: minor, opensExisting: false)
    }

    /// Makes an inode under a new name, or with `opensExisting` takes the one that has the name already.
    @inline(never)
    func create(
        _ path: borrowing Span<UInt8>, from directory: borrowing Inode<P>, _ type: FileType, major: Int16 = 0,
        minor: Int16 = 0,
        opensExisting: Bool
    ) throws(SystemError) -> Inode<P> {
        var name = Name()
        let parent = try lookUpParent(path, from: directory, name: &name)
        // First without a transaction: the name may be taken.
        var offset: UInt32 = 0
        let existing = try look(parent.slot) { slot throws(SystemError) in
            try openExisting(name, in: slot, opensExisting: opensExisting, orPlace: &offset)
        }
        if let existing { return existing }
        // Outside the transaction, since by its end this may be the last use of an inode that another caller has
        // unlinked.
        var made: Inode<P>?
        try change(parent.slot, room: layout.isSimple ? 6 : 12) { slot, transaction throws(SystemError) in
            made = try openExisting(name, in: slot, opensExisting: opensExisting, orPlace: &offset)
            if made == nil { try make(type, major, minor, name, at: offset, in: slot, &made, &transaction) }
        }
        guard let made else { throw .inputOutput }
        return made
    }

    /// The inode that a locked directory has under this name already; nil if it has none: then `offset` is where an
    /// entry could be.
    private func openExisting(
        _ name: Name, in directory: Slot, opensExisting: Bool, orPlace offset: inout UInt32
    ) throws(SystemError) -> Inode<P>? {
        try checkDirectory(directory)
        let found = try search(directory, for: name)
        offset = found.offset
        if found.number == 0 { return nil }
        if !opensExisting { throw .fileExists }
        return try inodes.get(found.number)
    }

    /// - Parameter made: becomes a use of the new inode, also when this throws.
    private func make(
        _ type: FileType, _ major: Int16, _ minor: Int16, _ name: Name, at offset: UInt32, in directory: Slot,
        _ made: inout Inode<P>?, _ transaction: inout Transaction<P>
    ) throws(SystemError) {
        guard directory.value.record.linkCount > 0 else { throw .noSuchFile }  // removed, and only kept by its users
        let isDirectory = type == .directory
        if isDirectory, directory.value.record.linkCount == Int16.max { throw .tooManyLinks }
        let number = try allocateInode(type, major: major, minor: minor, &transaction)
        var child: Int32?
        do throws(SystemError) {
            let inode = try inodes.get(number)
            let slot = inode.slot
            child = slot
            made = consume inode
            try withLocked(slot, &transaction) { slot, transaction throws(SystemError) in
                if isDirectory {
                    try enter(number, as: .dot, at: 0, of: slot, &transaction)
                    try enter(directory.value.number, as: .dotDot, at: UInt32(entrySize), of: slot, &transaction)
                }
            }
            try enter(number, as: name, at: offset, of: directory, &transaction)
            if isDirectory {
                directory.value.record.linkCount += 1  // for the ".." in the child
                directory.value.isDirty = true
            }
        } catch {
            try unmake(number, child, &transaction)
            throw error
        }
    }

    /// Takes back an inode that got no name, within the transaction that made it.
    private func unmake(_ number: UInt32, _ child: Int32?, _ transaction: inout Transaction<P>) throws(SystemError) {
        guard let child else { return try freeInode(number, &transaction) }
        try withLocked(child, &transaction) { slot, transaction throws(SystemError) in
            slot.value.record.linkCount = 0
            _ = try free(slot, &transaction)
        }
    }
}
