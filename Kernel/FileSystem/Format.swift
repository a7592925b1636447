// Making an empty file system: superblock, empty log, inodes, bitmap, and a root directory that holds "." and "..".

import SystemInterface

extension FileSystem {
    /// Writes an empty file system to a device; whatever was there is gone.
    /// - Throws: noSpace if the device is smaller than the layout; noMemory; inputOutput.
    public static func format(_ platform: P, _ layout: DiskLayout) throws(SystemError) {
        let device = platform.device
        guard layout.size <= device.blockCount else { throw .noSpace }
        guard let block = platform.allocate(byteCount: blockSize, alignment: blockSize) else { throw .noMemory }
        func write(_ number: UInt32) throws(SystemError) {
            try device.write(1) { _ in BlockRequest(block: number, memory: block) }
        }
        // The superblock last: an image that was not finished is none.
        clearBlock(block)
        for number in 0..<layout.bitmapStart { try write(number) }
        try device.flush()

        let rootBlock = layout.dataStart
        for index in 0..<layout.bitmapLength {
            clearBlock(block)
            let first = index * DiskLayout.bitsPerBlock
            for used in first..<max(first, min(first + DiskLayout.bitsPerBlock, rootBlock + 1)) { setBit(used, in: block, true) }
            try write(layout.bitmapStart + index)
        }

        clearBlock(block)
        encodeEntry(DiskLayout.rootInode, .dot, into: block)
        encodeEntry(DiskLayout.rootInode, .dotDot, into: block + entrySize)
        try write(rootBlock)

        clearBlock(block)
        var root = InodeRecord()
        root.type = FileType.directory.rawValue
        root.linkCount = 1
        root.size = UInt32(2 * entrySize)
        root.addresses[0] = rootBlock
        root.encode(into: block + layout.offset(ofInode: DiskLayout.rootInode))
        try write(layout.block(ofInode: DiskLayout.rootInode))
        try device.flush()

        layout.encode(into: block)
        try write(1)
        try device.flush()
    }
}
