// What the file calls and the disk image agree on with xv6: flags, types, limits and the bytes of `stat` and `dirent`.

/// Flags of open, as xv6 numbers them.
public struct OpenFlags: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let writeOnly = OpenFlags(rawValue: 0x001)
    public static let readWrite = OpenFlags(rawValue: 0x002)
    public static let create = OpenFlags(rawValue: 0x200)
    public static let truncate = OpenFlags(rawValue: 0x400)
    /// Each write goes to the end of the file. xv6 has no such flag.
    public static let append = OpenFlags(rawValue: 0x800)

    /// Everything but O_WRONLY may read.
    public var readable: Bool { !contains(.writeOnly) }
    public var writable: Bool { contains(.writeOnly) || contains(.readWrite) }
}

/// The type of an inode, on disk and in `stat`.
public enum FileType: Int16, Sendable {
    case free = 0, directory = 1, file = 2, device = 3
}

/// What fstat stores: 24 bytes, little-endian:
/// dev i32 @0, ino u32 @4, type i16 @8, nlink i16 @10, size u64 @16; for a program with this system's note also the time
/// of the last change, u32 @12, where xv6's struct has nothing.
public struct FileStatus: Sendable, Equatable {
    public var device: Int32
    public var inode: UInt32
    public var type: Int16
    public var linkCount: Int16
    /// In bytes.
    public var size: UInt64
    /// When what it holds was changed last, in seconds since 1970-01-01 00:00 UTC; 0: not known.
    public var modified: UInt32

    public init(device: Int32, inode: UInt32, type: Int16, linkCount: Int16, size: UInt64, modified: UInt32 = 0) {
        self.device = device
        self.inode = inode
        self.type = type
        self.linkCount = linkCount
        self.size = size
        self.modified = modified
    }
}

/// Limits that programs and images may rely on (Documentation/ABI.md).
public enum Limit {
    public static let processes = 64
    /// Descriptors of a program of xv6's, and of one that carries this system's note.
    public static let openFilesPerProcess = 16
    public static let openFilesPerMarkedProcess = 1100
    /// Bytes of a path with its NUL.
    public static let path = 128
    /// Of a program of xv6's: 31 arguments and a NULL.
    public static let argumentSlots = 32
    /// Bytes of the stack of a program that carries this system's note, and of its arguments.
    public static let markedStack: UInt = 1 << 20
    public static let markedArguments: UInt = 128 << 10
    /// Bytes of a directory entry's name; it has no NUL when it is this long.
    public static let name = 14
    public static let pageSize = 4096
}
