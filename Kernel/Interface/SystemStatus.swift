// The kernel's counts and its processes: the records of the calls `resources` and `processes`. Both structures are
// plain 64-bit words.

/// What there is and what of it is free. Exact when nothing else runs meanwhile: then each count comes back to what it
/// was before any load.
public struct SystemResources: Sendable, BitwiseCopyable {
    /// Pages of 4096 bytes that the kernel manages, and those that are free.
    public var pages: UInt64 = 0
    public var freePages: UInt64 = 0
    /// Blocks of 1024 bytes for files, and those that are free.
    public var blocks: UInt64 = 0
    public var freeBlocks: UInt64 = 0
    /// Inodes of the disk, and those that are free.
    public var inodes: UInt64 = 0
    public var freeInodes: UInt64 = 0
    /// Inodes in memory that are in use: as an open file or a working directory.
    public var inodesInUse: UInt64 = 0
    /// Open files that are in use.
    public var openFiles: UInt64 = 0
    /// Of the 64 process slots.
    public var freeProcesses: UInt64 = 0
    public var harts: UInt64 = 0
    /// Open files that there can be in the whole system: more with more memory. The last eighth is for processes with
    /// fewer than 16.
    public var openFileLimit: UInt64 = 0
    /// Pages of the tables that grow: of open files, pipes, sockets and connections.
    public var tablePages: UInt64 = 0

    public init() {}
}

/// The state of a process.
public enum ProcessState: UInt8, Sendable {
    /// Being made.
    case new = 0
    case running, sleeping, runnable, zombie
}

/// One process, as `processes` reports it. 40 bytes: pid | parent << 32; state | killed << 8 | hart << 16 | open files
/// << 32 | stack << 48; bytes of memory; the name, 16 bytes with at least one NUL.
public struct ProcessRecord: Sendable, BitwiseCopyable {
    public static let size = 40

    private var family: UInt64 = 0
    private var condition: UInt64 = 0
    /// Where its break is: what it was given, whether or not it has touched all of it.
    public private(set) var memory: UInt64 = 0
    private var nameLow: UInt64 = 0
    private var nameHigh: UInt64 = 0

    public init() {}

    public init(
        pid: Int32, parent: Int32, state: ProcessState, isKilled: Bool, hart: Int, openFiles: Int, memory: UInt64,
        stack: UInt,
        name: (UInt64, UInt64)
    ) {
        family = UInt64(UInt32(bitPattern: pid)) | UInt64(UInt32(bitPattern: parent)) << 32
        condition =
            UInt64(state.rawValue) | (isKilled ? 1 << 8 : 0) | UInt64(UInt8(truncatingIfNeeded: hart)) << 16
            | UInt64(UInt16(clamping: openFiles)) << 32
            | UInt64(UInt16(clamping: stack)) << 48
        self.memory = memory
        (nameLow, nameHigh) = name
    }

    public var pid: Int32 { Int32(truncatingIfNeeded: family) }
    /// 0 for the first process.
    public var parent: Int32 { Int32(truncatingIfNeeded: family >> 32) }
    public var state: ProcessState { ProcessState(rawValue: UInt8(truncatingIfNeeded: condition)) ?? .new }
    /// Marked to end at its next return to user mode.
    public var isKilled: Bool { condition >> 8 & 1 != 0 }
    /// The hart it ran on last.
    public var hart: UInt8 { UInt8(truncatingIfNeeded: condition >> 16) }
    /// Descriptors in use.
    public var openFiles: UInt16 { UInt16(truncatingIfNeeded: condition >> 32) }
    /// The most bytes that its kernel stack ever held, by it or by processes that had its place before.
    public var stack: UInt16 { UInt16(truncatingIfNeeded: condition >> 48) }
    /// Byte `index`, 0 to 15, of the name.
    public func nameByte(_ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: (index < 8 ? nameLow : nameHigh) >> UInt64(index % 8 * 8))
    }
}
