// An inode as it is on the disk, 64 bytes: type i16 @0 (0 = free), major i16 @2, minor i16 @4, nlink i16 @6, size u32 @8,
// addrs u32[13] @12. Sixteen to a block; inode 0 is not used.

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

    init(_ memory: UnsafeRawPointer) {
        type = memory.load(as: Int16.self)
        major = memory.load(fromByteOffset: 2, as: Int16.self)
        minor = memory.load(fromByteOffset: 4, as: Int16.self)
        linkCount = memory.load(fromByteOffset: 6, as: Int16.self)
        size = memory.load(fromByteOffset: 8, as: UInt32.self)
        for index in 0..<13 { addresses[index] = memory.load(fromByteOffset: 12 + index * 4, as: UInt32.self) }
    }

    func encode(into memory: UnsafeMutableRawPointer) {
        memory.storeBytes(of: type, as: Int16.self)
        memory.storeBytes(of: major, toByteOffset: 2, as: Int16.self)
        memory.storeBytes(of: minor, toByteOffset: 4, as: Int16.self)
        memory.storeBytes(of: linkCount, toByteOffset: 6, as: Int16.self)
        memory.storeBytes(of: size, toByteOffset: 8, as: UInt32.self)
        for index in 0..<13 { memory.storeBytes(of: addresses[index], toByteOffset: 12 + index * 4, as: UInt32.self) }
    }

    /// Whether the fixed fields make sense for an inode in use. Addresses are another matter.
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
