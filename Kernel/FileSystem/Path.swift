// From a path to an inode: xv6's namex.
//
// A component is looked up under its directory's lock, and the inode it names is referenced before that lock goes, so
// it cannot vanish in between. No two inodes are locked at once.

import Storage
import SystemInterface

extension FileSystem {
    /// The inode that a path names.
    /// - Parameters:
    ///   - path: bytes, to the end or the first NUL. Slashes repeat freely, components are cut to 14 bytes; the empty
    ///     path is
    ///     the working directory.
    ///   - directory: where a path without a leading slash starts.
    /// - Throws: noSuchFile, notDirectory, tooManyFilesInSystem, inputOutput.
    public func lookUp(_ path: borrowing Span<UInt8>, from directory: borrowing Inode<P>) throws(SystemError) -> Inode<
        P
    > {
        var walk = PathWalk()
        var place = try start(path, directory)
        while let name = walk.next(path) { place = try step(place.slot, name) }
        return place
    }

    /// The directory that holds, or would hold, the last component of a path; and that component, which is put into
    /// `name`.
    /// - Throws: noSuchFile if the path has no component, and as `lookUp`.
    func lookUpParent(
        _ path: borrowing Span<UInt8>, from directory: borrowing Inode<P>, name last: inout Name
    ) throws(SystemError) -> Inode<P> {
        var walk = PathWalk()
        guard var name = walk.next(path) else { throw .noSuchFile }
        var place = try start(path, directory)
        while !walk.isAtEnd(path), let next = walk.next(path) {
            place = try step(place.slot, name)
            name = next
        }
        last = name
        return place
    }

    private func start(_ path: borrowing Span<UInt8>, _ directory: borrowing Inode<P>) throws(SystemError) -> Inode<P> {
        PathWalk.isAbsolute(path) ? try root() : directory.duplicate()
    }

    /// From a directory to what a name in it stands for.
    private func step(_ directory: Int32, _ name: Name) throws(SystemError) -> Inode<P> {
        let inode = try look(directory) { slot throws(SystemError) -> Inode<P> in
            try checkDirectory(slot)
            let found = try search(slot, for: name)
            guard found.number != 0 else { throw .noSuchFile }
            return try inodes.get(found.number)
        }
        // A removed directory holds its parent's inode so that no other inode becomes its "..". A parent that is
        // removed too has nothing to lead to: xv6's usertests wants it gone.
        if name == .dotDot {
            let hasLinks = try look(inode.slot) { $0.value.record.linkCount > 0 }
            guard hasLinks else { throw .noSuchFile }
        }
        return inode
    }

    /// - Throws: notDirectory.
    func checkDirectory(_ slot: Slot) throws(SystemError) {
        guard slot.value.record.type == FileType.directory.rawValue else { throw .notDirectory }
    }
}
