// The file system: one mounted disk, as the kernel, mkfs and the tests use it.
//
// A `FileSystem` is a handle to tables in memory; copies are the same file system, and every method may be called from
// several harts at once. Each call does its own transactions, and what it did is on the disk when it returns. Nothing
// on the disk is trusted: a damaged image gives inputOutput, not a trap and not an endless loop. Layout:
// DiskLayout.swift; locks: Platform.swift; crash safety: Log.swift. The calls:
//
//   mount, synchronize            here, Mount.swift    read, write             FileContent.swift
//   lookUp                        Path.swift           makeDirectory, makeNode Create.swift
//   open, openDirectory, status   Open.swift           link, unlink            Link.swift
//   rename                        Rename.swift
//   an inode's uses               InodeTable.swift     format                  Format.swift

import Storage
import SystemInterface

/// The memory of one mounted disk.
@usableFromInline
struct Volume<P: FileSystemPlatform>: ~Copyable {
    let layout: DiskLayout
    let cache: BlockCacheParts<P.Lock>
    let log: LogParts<P.Lock>
    let inodes: InodeParts<P.Lock>
    let directoryIndexes: DirectoryIndexParts<P.Lock>
    /// Guarded by `allocationLock`, but for its two counts, which may be read at any time.
    var allocation: AllocationState
    /// One bit for each inode of the disk, 1 = used (InodeAllocator.swift); guarded by `allocationLock`.
    let inodeMap: BlockRow
    /// Guards the bitmap, `allocation` and `inodeMap`.
    let allocationLock: SleepLock<P.Lock>
    /// Held by unlink and rename, the only operations that lock two inodes.
    let unlinkLock: SleepLock<P.Lock>
    /// A block of zeros, for what a file does not have.
    let zeros: BlockMemory

    /// - Returns: nil without memory.
    init?(_ platform: P, _ layout: DiskLayout, zeros: BlockMemory, buffers: Int, inodes: Int) {
        guard let cache = BlockCacheParts(platform, buffers: buffers),
            let log = LogParts(platform, slots: layout.logCapacity),
            let table = InodeParts(platform, count: inodes), let directoryIndexes = DirectoryIndexParts(platform),
            let inodeMap = BlockRow(platform, count: layout.inodeMapBlocks),
            let allocationLock = SleepLock<P.Lock>(platform), let unlinkLock = SleepLock<P.Lock>(platform)
        else { return nil }
        self.layout = layout
        self.cache = cache
        self.log = log
        self.inodes = table
        self.directoryIndexes = directoryIndexes
        self.inodeMap = inodeMap
        self.allocationLock = allocationLock
        self.unlinkLock = unlinkLock
        self.zeros = zeros
        allocation = AllocationState(nextBlock: layout.dataStart, freeInodes: layout.inodeCount - 1)
        inodeMap[0].withBytes { Bitmap.set(0, in: &$0, true) }
    }
}

/// One mounted disk.
@frozen
public struct FileSystem<P: FileSystemPlatform> {
    @usableFromInline let platform: P
    @usableFromInline let volume: Ref<Volume<P>>

    init(_ platform: P, _ volume: Ref<Volume<P>>) {
        self.platform = platform
        self.volume = volume
    }

    public var layout: DiskLayout { volume.value.layout }
    var cache: BlockCache<P> { BlockCache(self) }
    var log: Log<P> { Log(self) }
    var inodes: InodeTable<P> { InodeTable(self) }
    var directoryIndexes: DirectoryIndexes<P> { DirectoryIndexes(self) }

    /// The root directory.
    public func root() throws(SystemError) -> Inode<P> { try inodes.get(DiskLayout.rootInode) }

    /// Leaves the disk complete without its log: before power-off, or to give the image away. Everything is durable
    /// without it.
    public func synchronize() throws(SystemError) { try log.synchronize() }

    /// The same, and for good: nothing is written any more, and each change fails with inputOutput.
    public func close() throws(SystemError) { try log.close() }

    /// The same if nothing was changed since the last call, for a system that is idle.
    /// - Parameter generation: this call's own, 0 at first.
    public func synchronizeIfIdle(since generation: inout UInt64) { log.synchronizeIfIdle(since: &generation) }

    /// Nothing can be written any more: a write failed, or the file system was closed.
    public var isReadOnly: Bool { log.isReadOnly }

    /// Blocks and inodes of the disk that are free, and in-memory inodes in use: what must come back after any load.
    public var freeBlocks: UInt32 { volume.value.allocation.freeBlocks }
    public var freeInodes: UInt32 { volume.value.allocation.freeInodes }
    public var inodesInUse: Int { inodes.used }
}

extension FileSystem: @unchecked Sendable {}
