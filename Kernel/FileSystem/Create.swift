// Making files, directories and devices.
//
// Everything that can fail comes before the new name is written; what was taken until then is given back in the same
// transaction. So a full disk leaves no half-made entry and loses nothing.

import SystemInterface

extension FileSystem {
    /// Makes a directory. - Throws: fileExists, noSuchFile, notDirectory, noSpace, tooManyLinks, tooManyFilesInSystem, inputOutput.
    public func makeDirectory(_ path: borrowing Span<UInt8>, from directory: InodeReference) throws(SystemError) {
        release(try create(path, from: directory, .directory, orOpen: false))
    }

    /// Makes a device inode. - Throws: as `makeDirectory`.
    public func makeNode(
        _ path: borrowing Span<UInt8>, major: Int16, minor: Int16, from directory: InodeReference
    ) throws(SystemError) {
        release(try create(path, from: directory, .device, major: major, minor: minor, orOpen: false))
    }

    /// Makes an inode under a new name, or with `orOpen` takes the one that has the name already.
    @inline(never)
    func create(
        _ path: borrowing Span<UInt8>, from directory: InodeReference, _ type: FileType, major: Int16 = 0, minor: Int16 = 0,
        orOpen: Bool
    ) throws(SystemError) -> InodeReference {
        let (parent, name) = try lookUpParent(path, from: directory)
        defer { release(parent) }
        // First without a transaction: the name may be taken.
        let existing = try look(parent) { slot throws(SystemError) in try place(for: name, in: slot, orOpen: orOpen).existing }
        if let existing { return existing }
        var made: InodeReference?
        do throws(SystemError) {
            return try change(parent, room: layout.isSimple ? 6 : 12) { slot, transaction throws(SystemError) in
                let (existing, offset) = try place(for: name, in: slot, orOpen: orOpen)
                made = existing
                if let existing { return existing }
                return try make(type, major, minor, name, at: offset, in: slot, &made, &transaction)
            }
        } catch {
            if let made { release(made) }  // outside the transaction, since by now it may be the last one to something else
            throw error
        }
    }

    /// The inode that a locked directory has under this name already, or where an entry for it could be.
    private func place(
        for name: Name, in directory: Slot, orOpen: Bool
    ) throws(SystemError) -> (existing: InodeReference?, offset: UInt32) {
        guard directory.pointee.record.type == FileType.directory.rawValue else { throw .notDirectory }
        let found = try search(directory, for: name)
        if found.number == 0 { return (nil, found.offset) }
        if !orOpen { throw .fileExists }
        return (try inodes.get(found.number), found.offset)
    }

    /// - Parameter made: becomes a reference to the new inode, also when this throws.
    private func make(
        _ type: FileType, _ major: Int16, _ minor: Int16, _ name: Name, at offset: UInt32, in directory: Slot,
        _ made: inout InodeReference?, _ transaction: inout Transaction
    ) throws(SystemError) -> InodeReference {
        guard directory.pointee.record.linkCount > 0 else { throw .noSuchFile }  // removed, and only kept by its users
        let isDirectory = type == .directory
        if isDirectory, directory.pointee.record.linkCount == Int16.max { throw .tooManyLinks }
        let number = try allocateInode(type, major: major, minor: minor, &transaction)
        do throws(SystemError) {
            let reference = try inodes.get(number)
            made = reference
            try withLocked(reference, &transaction) { slot, transaction throws(SystemError) in
                if isDirectory {
                    try enter(number, as: .dot, at: 0, of: slot, &transaction)
                    try enter(directory.pointee.number, as: .dotDot, at: UInt32(entrySize), of: slot, &transaction)
                }
            }
            try enter(number, as: name, at: offset, of: directory, &transaction)
            if isDirectory {
                directory.pointee.record.linkCount += 1  // for the ".." in the child
                directory.pointee.isDirty = true
            }
            return reference
        } catch {
            try unmake(number, made, &transaction)
            throw error
        }
    }

    /// Takes back an inode that got no name, within the transaction that made it.
    private func unmake(_ number: UInt32, _ child: InodeReference?, _ transaction: inout Transaction) throws(SystemError) {
        guard let child else { return try freeInode(number, &transaction) }
        try withLocked(child, &transaction) { slot, transaction throws(SystemError) in
            slot.pointee.record.linkCount = 0
            _ = try free(slot, &transaction)
        }
    }
}
