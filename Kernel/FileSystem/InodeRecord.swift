// An inode as it is on the disk, 64 bytes: type i16 @0 (0 = free), major i16 @2, minor i16 @4, nlink i16 @6, size u32
// @8, addrs u32[13] @12. Sixteen to a block; inode 0 is not used. Major and minor are a device's; of a file or directory
// they hold when it was changed last, where xv6 writes zeros and reads nothing.

import Storage
import SystemInterface

/// The value of an inode. `addresses` are as the disk has them: each is checked where it is used.
struct InodeRecord {
    var type: Int16 = 0
    var major: Int16 = 0
    var minor: Int16 = 0
    var linkCount: Int16 = 0
    var size: UInt32 = 0
    var addresses = [13 of UInt32](repeating: 0)

    init() {}

    /// When a file or directory was changed last, in seconds since 1970-01-01 00:00 UTC, up to 2106; 0: not known, and of
    /// a device.
    var modified: UInt32 {
        get {
            type == FileType.device.rawValue
                ? 0 : UInt32(UInt16(bitPattern: major)) | UInt32(UInt16(bitPattern: minor)) << 16
        }
        set {
            guard type != FileType.device.rawValue else { return }
            major = Int16(truncatingIfNeeded: newValue)
            minor = Int16(truncatingIfNeeded: newValue >> 16)
        }
    }

    static let linkCountOffset = 6

    /// - Parameter offset: where the record's 64 bytes begin.
    init(_ block: RawSpan, at offset: Int) {
        type = block.littleEndian(offset, as: Int16.self)
        major = block.littleEndian(offset + 2, as: Int16.self)
        minor = block.littleEndian(offset + 4, as: Int16.self)
        linkCount = block.littleEndian(offset + Self.linkCountOffset, as: Int16.self)
        size = block.littleEndian(offset + 8, as: UInt32.self)
        for index in 0..<13 { addresses[index] = block.littleEndian(offset + 12 + index * 4, as: UInt32.self) }
    }

    func encode(into block: inout MutableRawSpan, at offset: Int) {
        block.storeBytes(of: type, toByteOffset: offset, as: Int16.self)
        block.storeBytes(of: major, toByteOffset: offset + 2, as: Int16.self)
        block.storeBytes(of: minor, toByteOffset: offset + 4, as: Int16.self)
        block.storeBytes(of: linkCount, toByteOffset: offset + Self.linkCountOffset, as: Int16.self)
        block.storeBytes(of: size, toByteOffset: offset + 8, as: UInt32.self)
        for index in 0..<13 {
            block.storeBytes(of: addresses[index], toByteOffset: offset + 12 + index * 4, as: UInt32.self)
        }
    }

    /// Whether the fixed fields are possible for an inode in use. Addresses are another matter.
    func isSound(_ layout: DiskLayout) -> Bool {
        type >= FileType.directory.rawValue && type <= FileType.device.rawValue && linkCount >= 0
            && UInt64(size) <= layout.mostFileBytes
            && (type != FileType.directory.rawValue || size <= DiskLayout.mostDirectoryBytes)
    }
}

extension DiskLayout {
    /// Where on the disk an inode is.
    func block(ofInode number: UInt32) -> UInt32 { inodeStart + number / Self.inodesPerBlock }
    func offset(ofInode number: UInt32) -> Int { Int(number % Self.inodesPerBlock) * Self.inodeSize }
}
