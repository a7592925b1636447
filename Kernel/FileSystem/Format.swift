// Making an empty file system: superblock, empty log, inodes, bitmap, and a root directory that holds "." and "..".

import Storage
import SystemInterface

extension FileSystem {
    /// Writes an empty file system to a device; whatever was there is gone.
    /// - Throws: noSpace if the device is smaller than the layout; noMemory; inputOutput.
    public static func format(_ platform: P, _ layout: DiskLayout) throws(SystemError) {
        let device = platform.device
        guard layout.size <= device.blockCount else { throw .noSpace }
        guard let row = BlockRow(platform, count: 1) else { throw .noMemory }
        let block = row[0]
        func write(_ number: UInt32) throws(SystemError) {
            try device.write(1) { _ in BlockRequest(block: number, memory: block) }
        }
        // The superblock last: an image that was not finished is none.
        for number in 0..<layout.bitmapStart { try write(number) }
        try device.flush()

        let rootBlock = layout.dataStart
        for index in 0..<layout.bitmapLength {
            let first = index * DiskLayout.bitsPerBlock
            block.withBytes { bytes in
                bytes.clear()
                for used in first..<max(first, min(first + DiskLayout.bitsPerBlock, rootBlock + 1)) {
                    Bitmap.set(used, in: &bytes, true)
                }
            }
            try write(layout.bitmapStart + index)
        }

        block.withBytes { bytes in
            bytes.clear()
            encodeEntry(DiskLayout.rootInode, .dot, into: &bytes, at: 0)
            encodeEntry(DiskLayout.rootInode, .dotDot, into: &bytes, at: entrySize)
        }
        try write(rootBlock)

        var root = InodeRecord()
        root.type = FileType.directory.rawValue
        root.linkCount = 1
        root.size = UInt32(2 * entrySize)
        root.addresses[0] = rootBlock
        block.withBytes { bytes in
            bytes.clear()
            root.encode(into: &bytes, at: layout.offset(ofInode: DiskLayout.rootInode))
        }
        try write(layout.block(ofInode: DiskLayout.rootInode))
        try device.flush()

        block.withBytes { layout.encode(into: &$0) }
        try write(1)
        try device.flush()
    }
}
