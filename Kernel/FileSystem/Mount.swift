// Mounting: the superblock, recovery, and counting what is free.

import Storage
import SystemInterface

extension FileSystem {
    /// Mounts the platform's disk: brings home what the log holds, and frees inodes that a crash left without links.
    /// - Parameters:
    ///   - buffers: blocks kept in memory, at least 64; 222 and more never wait for each other (BlockCache.swift).
    ///   - inodes: inodes in use at once, at least 50.
    /// - Throws: noMemory; invalidArgument if it is no such file system; inputOutput if it is damaged or cannot be
    ///   read. A line on the console says which.
    public static func mount(_ platform: P, buffers: Int, inodes: Int) throws(SystemError) -> FileSystem {
        guard let row = BlockRow(platform, count: 1) else { throw .noMemory }
        let block = row[0]
        guard platform.device.blockCount > 1 else {
            platform.report("file system: the disk is too small")
            throw .invalidArgument
        }
        try platform.device.read(1) { _ in BlockRequest(block: 1, memory: block) }
        let size = platform.device.blockCount
        guard let layout = block.withBytes({ DiskLayout(superblock: $0.bytes, deviceBlocks: size) }) else {
            platform.report("file system: no xv6 file system, or its superblock is damaged")
            throw .invalidArgument
        }
        block.withBytes { $0.clear() }
        guard let volume = Volume(platform, layout, zeros: block, buffers: buffers, inodes: inodes),
            let place = platform.make(volume)
        else { throw .noMemory }
        let system = FileSystem(platform, place)
        try system.recover()
        try system.takeStock()
        return system
    }

    /// Counts what is free, checks the root, and frees orphans.
    private func takeStock() throws(SystemError) {
        volume.value.allocation.freeBlocks = try countFreeBlocks()
        var number: UInt32 = 1
        while number < layout.inodeCount {
            let offset = layout.offset(ofInode: number)
            let buffer = try cache.read(layout.block(ofInode: number))
            let (type, linkCount) = buffer.withBytes {
                (
                    $0.littleEndian(offset, as: Int16.self),
                    $0.littleEndian(offset + InodeRecord.linkCountOffset, as: Int16.self)
                )
            }
            _ = consume buffer
            if type != 0 { setInodeUsed(number, true) }
            if type != 0, linkCount == 0, number != DiskLayout.rootInode { reclaim(number) }
            number += 1
        }
        let root = try root()
        var isDirectory = false
        do throws(SystemError) { isDirectory = try status(root).type == FileType.directory.rawValue } catch {}
        guard isDirectory else {
            platform.report("file system: there is no root directory")
            throw .inputOutput
        }
    }

    /// Frees an inode without links. One whose fields are impossible stays as it is, for fsck.
    private func reclaim(_ number: UInt32) {
        do throws(SystemError) {
            let inode = try inodes.get(number)
            _ = try status(inode)  // loads it, so that its end sees that no link is left
        } catch {}
    }
}
