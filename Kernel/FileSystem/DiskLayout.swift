// The layout of the disk, as the superblock tells it:
//
//   [ boot | superblock | log | inodes | bitmap | data ]
//
// Superblock, little-endian u32 from the first byte of block 1: magic, size, nblocks, ninodes, nlog, logstart,
// inodestart, bmapstart – xv6's eight – and then `features`, which is 0 in every xv6 image (its mkfs clears the block).
//
// Feature bit 0, double indirect: of the 13 block addresses of an inode, 11 are direct, [11] is the indirect block and
// [12] a double-indirect one (xv6: 12 direct, [12] indirect). A file may then have 11 + 256 + 65536 blocks instead of
// 268. The bit counts for all inodes of the image. An unknown bit makes the image unreadable: what it stands for could
// be damaged.
//
// A `DiskLayout` that exists is sound: every region lies inside the device, in order, without overlap.

import Storage
import SystemInterface

/// Where everything is on one disk.
public struct DiskLayout: Equatable, Sendable {
    public static let magic: UInt32 = 0x1020_3040
    public static let doubleIndirectFeature: UInt32 = 1
    /// Inode 1 is the root directory.
    public static let rootInode: UInt32 = 1
    /// No transaction of ours has more blocks, and the header of xv6's log has no room for more.
    public static let mostLogBlocks: UInt32 = 30
    /// What the largest single step of an operation may change (Log.swift); a smaller log is refused.
    public static let fewestLogBlocks: UInt32 = 12

    /// A directory has 65536 entries at most, where the blocks of a file do not set a lower limit; so a search is never
    /// long.
    static let mostDirectoryBytes: UInt32 = 1 << 20
    static let inodesPerBlock: UInt32 = 16
    static let inodeSize = 64
    static let bitsPerBlock: UInt32 = 8192
    static let addressesPerBlock: UInt32 = 256

    /// Blocks in all.
    public let size: UInt32
    public let inodeCount: UInt32
    public let logLength: UInt32
    public let logStart: UInt32
    public let inodeStart: UInt32
    public let bitmapStart: UInt32
    public let features: UInt32

    public var bitmapLength: UInt32 { (size - 1) / Self.bitsPerBlock + 1 }
    /// The first block that belongs to files; also what `nblocks` in the superblock is counted from.
    public var dataStart: UInt32 { bitmapStart + bitmapLength }
    /// Blocks one transaction may change.
    public var logCapacity: Int { Int(min(Self.mostLogBlocks, logLength - 1)) }
    public var hasDoubleIndirect: Bool { features & Self.doubleIndirectFeature != 0 }
    var directCount: UInt32 { hasDoubleIndirect ? 11 : 12 }

    /// Blocks a file may have.
    public var mostFileBlocks: UInt32 {
        directCount + Self.addressesPerBlock + (hasDoubleIndirect ? Self.addressesPerBlock * Self.addressesPerBlock : 0)
    }
    /// Bytes a file may have.
    public var mostFileBytes: UInt64 { UInt64(mostFileBlocks) * UInt64(blockSize) }

    /// Blocks of memory for one bit an inode.
    var inodeMapBlocks: Int { Int((inodeCount - 1) / Self.bitsPerBlock) + 1 }

    func isData(_ block: UInt32) -> Bool { block >= dataStart && block < size }

    /// Reads and checks a superblock.
    /// - Returns: nil if it is not one, or describes no possible layout of a device of `deviceBlocks` blocks.
    public init?(superblock: RawSpan, deviceBlocks: UInt32) {
        guard superblock.littleEndian(0 * 4, as: UInt32.self) == Self.magic,
            superblock.littleEndian(8 * 4, as: UInt32.self) & ~Self.doubleIndirectFeature == 0
        else { return nil }
        size = superblock.littleEndian(1 * 4, as: UInt32.self)
        inodeCount = superblock.littleEndian(3 * 4, as: UInt32.self)
        logLength = superblock.littleEndian(4 * 4, as: UInt32.self)
        logStart = superblock.littleEndian(5 * 4, as: UInt32.self)
        inodeStart = superblock.littleEndian(6 * 4, as: UInt32.self)
        bitmapStart = superblock.littleEndian(7 * 4, as: UInt32.self)
        features = superblock.littleEndian(8 * 4, as: UInt32.self)
        guard isSound, size <= deviceBlocks else { return nil }
    }

    /// The layout of a new disk, as xv6's mkfs lays one out; nil if nothing would be left for files.
    public init?(blocks: UInt32, inodes: UInt32, log: UInt32, doubleIndirect: Bool) {
        guard blocks < 1 << 30, inodes <= 1 << 16, log < 1 << 16 else { return nil }
        size = blocks
        inodeCount = inodes
        logLength = log
        logStart = 2
        inodeStart = 2 + log
        bitmapStart = 2 + log + inodes / Self.inodesPerBlock + 1
        features = doubleIndirect ? Self.doubleIndirectFeature : 0
        guard isSound, dataStart < size else { return nil }
    }

    private var isSound: Bool {
        guard size >= 1, inodeCount >= 2, logLength > Self.fewestLogBlocks, logStart >= 2 else { return false }
        // In 64 bits, so that no wild number wraps.
        let inodeBlocks = (UInt64(inodeCount) + UInt64(Self.inodesPerBlock) - 1) / UInt64(Self.inodesPerBlock)
        return UInt64(logStart) + UInt64(logLength) <= UInt64(inodeStart)
            && UInt64(inodeStart) + inodeBlocks <= UInt64(bitmapStart)
            && UInt64(bitmapStart) + UInt64(bitmapLength) <= UInt64(size)
            && inodeCount <= 1 << 16  // a directory entry has 16 bits for it
    }

    /// Writes the superblock's 1024 bytes.
    public func encode(into superblock: inout MutableRawSpan) {
        superblock.clear()
        let fields: [9 of UInt32] = [
            Self.magic, size, size - dataStart, inodeCount, logLength, logStart, inodeStart, bitmapStart, features,
        ]
        for index in 0..<9 { superblock.storeBytes(of: fields[index], toByteOffset: index * 4, as: UInt32.self) }
    }
}
