// What a check can find wrong with a disk, and how it says so.

/// One finding of `DiskCheck`.
public struct DiskProblem: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        case superblock, logHeader, logPending
        case inodeFields, orphan, addressOutOfRange, blockUsedTwice, blockMarkedFree, blockLost
        case directorySize, dotEntry, dotDotEntry, entryInode, entryName, entryTwice
        case unreachable, linkCount, directoryTwice, directoryLoop, noRoot
    }

    public let kind: Kind
    /// The inode it concerns, 0 if none.
    public let inode: UInt32
    /// The block it concerns, 0 if none.
    public let block: UInt32
    /// Of an entry: the directory that has it, and its number there.
    var directory: UInt32 = 0
    var entry: UInt32 = 0

    /// A state that mounting puts right by itself, as every crash may leave it.
    public var isNote: Bool { kind == .logPending || kind == .orphan }

    /// What is wrong, as a user reads it after the inode and block numbers.
    public var message: StaticString {
        switch kind {
        case .superblock: "the superblock is damaged, or this is no xv6 file system"
        case .logHeader: "the header of the log is damaged"
        case .logPending: "the log holds a committed transaction, which the next mount brings home"
        case .inodeFields: "type, link count or size is impossible"
        case .orphan: "the inode has no links; the next mount frees it"
        case .addressOutOfRange: "a block address is outside the data area"
        case .blockUsedTwice: "the block belongs to two places"
        case .blockMarkedFree: "the block is in use, but the bitmap says free"
        case .blockLost: "the bitmap says in use, but nothing uses the block"
        case .directorySize: "the size of a directory is no multiple of 16"
        case .dotEntry: "the first entry is not \".\" of the directory itself"
        case .dotDotEntry: "the second entry is not \"..\" of the parent directory"
        case .entryInode: "an entry names an inode that is not in use"
        case .entryName: "the name of an entry is empty or has a slash in it"
        case .entryTwice: "two entries have the same name"
        case .unreachable: "the inode is in use, but no directory has it"
        case .linkCount: "the link count is not the number of links"
        case .directoryTwice: "the directory is in two places"
        case .directoryLoop: "the directory cannot be reached from the root"
        case .noRoot: "there is no root directory"
        }
    }
}

/// What a check came to.
public struct DiskSummary: Equatable, Sendable {
    public var files: UInt32 = 0
    public var directories: UInt32 = 0
    public var devices: UInt32 = 0
    public var blocksInUse: UInt32 = 0
    /// Findings that are errors, and those that mounting puts right.
    public var problems: UInt32 = 0
    public var notes: UInt32 = 0
}
