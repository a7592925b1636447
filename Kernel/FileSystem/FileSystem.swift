// The file system: one mounted disk, as the kernel, mkfs and the tests use it.
//
// A `FileSystem` is a handle to tables in memory; copies are the same file system, and every method may be called from several
// harts at once. Each call does its own transactions, and what it did is on the disk when it returns. Nothing on the disk is
// trusted: a damaged image gives inputOutput, not a trap and not an endless loop. Layout: DiskLayout.swift; locks:
// Platform.swift; crash safety: Log.swift. The calls:
//
//   mount, synchronize            here            read, write             FileContent.swift
//   lookUp                        Path.swift      makeDirectory, makeNode Create.swift
//   open, openDirectory, status   Open.swift      link, unlink            Link.swift
//   retain, release               Release.swift   format                  Format.swift

import SystemInterface

/// One mounted disk.
public struct FileSystem<P: FileSystemPlatform> {
    let platform: P
    public let layout: DiskLayout
    let cache: BlockCache<P>
    let log: Log<P>
    let inodes: InodeTable<P>
    let allocation: UnsafeMutablePointer<AllocationState>
    /// One bit for each inode of the disk, 1 = used (InodeAllocator.swift).
    let inodeMap: UnsafeMutableRawPointer
    /// Guards the bitmap, `allocation` and `inodeMap`.
    let allocationLock: SleepLock<P.Lock>
    /// Held by unlink, the only operation that locks two inodes.
    let unlinkLock: SleepLock<P.Lock>
    /// A block of zeros, for what a file does not have.
    let zeros: UnsafeRawPointer

    /// Mounts the platform's disk: brings home what the log holds, and frees inodes that a crash left without links.
    /// - Parameters:
    ///   - buffers: blocks kept in memory, at least 64; 222 and more never wait for each other (BlockCache.swift).
    ///   - inodes: inodes in use at once, at least 50.
    /// - Throws: noMemory; invalidArgument if it is no such file system; inputOutput if it is damaged or cannot be read. A line
    ///   on the console says which.
    public static func mount(_ platform: P, buffers: Int, inodes: Int) throws(SystemError) -> FileSystem {
        guard let block = platform.allocate(byteCount: blockSize, alignment: blockSize) else { throw .noMemory }
        guard platform.device.blockCount > 1 else {
            platform.report("file system: the disk is too small")
            throw .invalidArgument
        }
        try platform.device.read(1) { _ in BlockRequest(block: 1, memory: block) }
        guard let layout = DiskLayout(superblock: block, deviceBlocks: platform.device.blockCount) else {
            platform.report("file system: no xv6 file system, or its superblock is damaged")
            throw .invalidArgument
        }
        clearBlock(block)
        guard let system = FileSystem(platform, layout, zeros: block, buffers: buffers, inodes: inodes) else { throw .noMemory }
        try recover(platform, layout, cache: system.cache)
        try system.takeStock()
        return system
    }

    private init?(_ platform: P, _ layout: DiskLayout, zeros: UnsafeRawPointer, buffers: Int, inodes: Int) {
        guard let cache = BlockCache(platform: platform, buffers: buffers, size: layout.size),
            let log = Log(platform: platform, cache: cache, layout: layout),
            let table = InodeTable(platform: platform, count: inodes),
            let allocation = platform.table(of: AllocationState.self, count: 1),
            let inodeMap = platform.allocate(byteCount: layout.inodeMapBlocks * blockSize, alignment: 8),
            let locks = platform.table(of: SleepLockState<P.Lock>.self, count: 2),
            let first = platform.makeMonitor(), let second = platform.makeMonitor()
        else { return nil }
        allocation.initialize(to: AllocationState(nextBlock: layout.dataStart, freeInodes: layout.inodeCount - 1))
        for index in 0..<layout.inodeMapBlocks { clearBlock(inodeMap + index * blockSize) }
        Self.setBit(0, in: inodeMap, true)
        locks.initialize(to: SleepLockState(monitor: first))
        (locks + 1).initialize(to: SleepLockState(monitor: second))
        self.platform = platform
        self.layout = layout
        self.cache = cache
        self.log = log
        self.inodes = table
        self.allocation = allocation
        self.inodeMap = inodeMap
        self.zeros = zeros
        allocationLock = SleepLock(state: locks)
        unlinkLock = SleepLock(state: locks + 1)
    }

    /// Counts what is free, checks the root, and frees orphans.
    private func takeStock() throws(SystemError) {
        allocation.pointee.freeBlocks = try countFreeBlocks()
        var number: UInt32 = 1
        while number < layout.inodeCount {
            let buffer = try cache.read(layout.block(ofInode: number))
            let record = buffer.data + layout.offset(ofInode: number)
            let isFree = record.load(as: Int16.self) == 0
            let isOrphan = !isFree && record.load(fromByteOffset: 6, as: Int16.self) == 0
            cache.release(buffer)
            if !isFree { setInodeUsed(number, true) }
            if isOrphan, number != DiskLayout.rootInode { reclaim(number) }
            number += 1
        }
        let root = try root()
        defer { release(root) }
        var isDirectory = false
        do throws(SystemError) { isDirectory = try status(root).type == FileType.directory.rawValue } catch {}
        guard isDirectory else {
            platform.report("file system: there is no root directory")
            throw .inputOutput
        }
    }

    /// Frees an inode without links. One that makes no sense stays as it is, for fsck.
    private func reclaim(_ number: UInt32) {
        do throws(SystemError) {
            let inode = try inodes.get(number)
            do throws(SystemError) { _ = try status(inode) } catch {}
            release(inode)
        } catch {}
    }

    /// A reference to the root directory.
    public func root() throws(SystemError) -> InodeReference { try inodes.get(DiskLayout.rootInode) }

    /// Leaves the disk complete without its log: before power-off, or to give the image away. Everything is durable without it.
    public func synchronize() throws(SystemError) { try log.synchronize() }

    /// Blocks and inodes of the disk that are free, and in-memory inodes in use: what must come back after any load.
    public var freeBlocks: UInt32 { allocation.pointee.freeBlocks }
    public var freeInodes: UInt32 { allocation.pointee.freeInodes }
    public var inodesInUse: Int { inodes.used }
}

extension FileSystem: @unchecked Sendable {}
