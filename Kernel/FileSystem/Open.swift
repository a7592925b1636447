// Opening files, and what stat tells.

import Storage
import SystemInterface

/// What `open` found: a use of the inode, and what it is.
@frozen
public struct OpenedFile<P: FileSystemPlatform>: ~Copyable {
    public let inode: Inode<P>
    public let type: FileType
    /// Of a device.
    public let major: Int16
    public let minor: Int16
}

extension FileSystem {
    /// Opens a file as the flags say: with `create`, made if it is not there; with `truncate`, a plain file is emptied,
    /// whether or not it is opened for writing. A directory opens only with no flag at all.
    /// - Throws: isDirectory, and as `lookUp` and `makeDirectory`.
    public func open(_ path: borrowing Span<UInt8>, _ flags: OpenFlags, from directory: borrowing Inode<P>)
        throws(SystemError) -> OpenedFile<P>
    {
        let inode =
            flags.contains(.create)
            ? try create(path, from: directory, .file, opensExisting: true)
            : try lookUp(path, from: directory)
        let (type, major, minor) = try look(inode.slot) { slot throws(SystemError) -> (FileType, Int16, Int16) in
            guard let type = FileType(rawValue: slot.value.record.type) else { throw .inputOutput }
            if type == .directory, flags.rawValue != 0 { throw .isDirectory }
            return (type, slot.value.record.major, slot.value.record.minor)
        }
        if flags.contains(.truncate), type == .file { try truncate(inode) }
        return OpenedFile(inode: inode, type: type, major: major, minor: minor)
    }

    /// The directory that a path names, for chdir. - Throws: notDirectory, and as `lookUp`.
    public func openDirectory(_ path: borrowing Span<UInt8>, from directory: borrowing Inode<P>) throws(SystemError)
        -> Inode<P>
    {
        let inode = try lookUp(path, from: directory)
        try look(inode.slot) { slot throws(SystemError) in try checkDirectory(slot) }
        return inode
    }

    /// What is known of an inode.
    public func status(_ inode: borrowing Inode<P>) throws(SystemError) -> FileStatus {
        try look(inode.slot) { slot in
            FileStatus(
                device: 1, inode: slot.value.number, type: slot.value.record.type,
                linkCount: slot.value.record.linkCount,
                size: UInt64(slot.value.record.size), modified: slot.value.record.modified)
        }
    }
}
