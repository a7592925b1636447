// From a path to an inode: xv6's namex.
//
// A component is looked up under its directory's lock, and the inode it names is referenced before that lock goes, so it cannot
// vanish in between. No two inodes are locked at once.

import SystemInterface

extension FileSystem {
    /// The inode that a path names.
    /// - Parameters:
    ///   - path: bytes, to the end or the first NUL. Slashes repeat freely, components are cut to 14 bytes; the empty path is
    ///     the working directory.
    ///   - directory: where a path without a leading slash starts.
    /// - Returns: a reference, which the caller gives back.
    /// - Throws: noSuchFile, notDirectory, tooManyFilesInSystem, inputOutput.
    public func lookUp(_ path: borrowing Span<UInt8>, from directory: InodeReference) throws(SystemError) -> InodeReference {
        var walk = PathWalk()
        var current = try start(path, directory)
        while let name = walk.next(path) { current = try step(current, name) }
        return current
    }

    /// The directory that holds, or would hold, the last component of a path; and that component.
    /// - Throws: noSuchFile if the path has no component, and as `lookUp`.
    func lookUpParent(
        _ path: borrowing Span<UInt8>, from directory: InodeReference
    ) throws(SystemError) -> (parent: InodeReference, name: Name) {
        var walk = PathWalk()
        guard var name = walk.next(path) else { throw .noSuchFile }
        var current = try start(path, directory)
        while !walk.isAtEnd(path), let next = walk.next(path) {
            current = try step(current, name)
            name = next
        }
        return (current, name)
    }

    private func start(_ path: borrowing Span<UInt8>, _ directory: InodeReference) throws(SystemError) -> InodeReference {
        if PathWalk.isAbsolute(path) { return try inodes.get(DiskLayout.rootInode) }
        retain(directory)
        return directory
    }

    /// From a directory to what a name in it stands for. Gives the directory back in any case.
    private func step(_ directory: InodeReference, _ name: Name) throws(SystemError) -> InodeReference {
        defer { release(directory) }
        let inode = try look(directory) { slot throws(SystemError) in
            guard slot.pointee.record.type == FileType.directory.rawValue else { throw .notDirectory }
            let found = try search(slot, for: name)
            guard found.number != 0 else { throw .noSuchFile }
            return try inodes.get(found.number)
        }
        // A removed directory holds its parent's inode so that nobody else becomes its "..". A parent that is removed too has
        // nothing to lead to: xv6's usertests wants it gone.
        guard name == .dotDot else { return inode }
        do throws(SystemError) {
            try look(inode) { slot throws(SystemError) in
                guard slot.pointee.record.linkCount > 0 else { throw .noSuchFile }
            }
        } catch {
            release(inode)
            throw error
        }
        return inode
    }
}
