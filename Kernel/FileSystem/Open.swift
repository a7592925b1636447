// Opening files, and what stat tells.

import SystemInterface

/// What `open` found: a reference, which the caller gives back when the last descriptor closes, and what it is.
@frozen
public struct OpenedFile: Sendable {
    public let inode: InodeReference
    public let type: FileType
    /// Of a device.
    public let major: Int16
    public let minor: Int16
}

extension FileSystem {
    /// Opens a file as the flags say: with `create`, made if it is not there; with `truncate`, a plain file is emptied, whether
    /// or not it is opened for writing. A directory opens only with no flag at all.
    /// - Throws: isDirectory, and as `lookUp` and `makeDirectory`.
    public func open(_ path: borrowing Span<UInt8>, _ flags: OpenFlags, from directory: InodeReference) throws(SystemError) -> OpenedFile {
        let inode = flags.contains(.create)
            ? try create(path, from: directory, .file, orOpen: true)
            : try lookUp(path, from: directory)
        do throws(SystemError) {
            let file = try look(inode) { slot throws(SystemError) in
                guard let type = FileType(rawValue: slot.pointee.record.type) else { throw .inputOutput }
                if type == .directory, flags.rawValue != 0 { throw .isDirectory }
                return OpenedFile(inode: inode, type: type, major: slot.pointee.record.major, minor: slot.pointee.record.minor)
            }
            if flags.contains(.truncate), file.type == .file { try truncate(inode) }
            return file
        } catch {
            release(inode)
            throw error
        }
    }

    /// The directory that a path names, for chdir. - Throws: notDirectory, and as `lookUp`.
    public func openDirectory(_ path: borrowing Span<UInt8>, from directory: InodeReference) throws(SystemError) -> InodeReference {
        let inode = try lookUp(path, from: directory)
        do throws(SystemError) {
            let isDirectory = try look(inode) { slot in slot.pointee.record.type == FileType.directory.rawValue }
            guard isDirectory else { throw .notDirectory }
            return inode
        } catch {
            release(inode)
            throw error
        }
    }

    /// What is known of an inode.
    public func status(_ inode: InodeReference) throws(SystemError) -> FileStatus {
        try look(inode) { slot in
            FileStatus(
                device: 1, inode: slot.pointee.number, type: slot.pointee.record.type, linkCount: slot.pointee.record.linkCount,
                size: UInt64(slot.pointee.record.size))
        }
    }
}
