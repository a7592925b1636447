// The bytes on the disk, against the numbers that xv6 has.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct ImageTests {
    // 1000 blocks, 64 inodes, log of 31: log 2…32, inodes 33…37 (64/16 + 1), bitmap 38, data from 39.
    @Test func superblockHasXv6sEightFields() throws {
        let disk = try makeDisk()
        let fields = (0..<9).map { disk.number(at: 1024 + $0 * 4, as: UInt32.self) }
        #expect(fields == [0x1020_3040, 1000, 1000 - 39, 64, 31, 2, 33, 38, 0])
        #expect(disk.image[1024 + 36..<2048].allSatisfy { $0 == 0 })
        #expect(disk.image[0..<1024].allSatisfy { $0 == 0 })
    }

    @Test func rootIsInodeOneWithDotAndDotDot() throws {
        let disk = try makeDisk()
        let inode = 33 * 1024 + 64
        #expect(disk.number(at: inode, as: Int16.self) == 1)
        #expect(disk.number(at: inode + 6, as: Int16.self) == 1)
        #expect(disk.number(at: inode + 8, as: UInt32.self) == 32)
        #expect(disk.number(at: inode + 12, as: UInt32.self) == 39)
        #expect(
            Array(disk.image[39 * 1024..<39 * 1024 + 32])
                == [1, 0, 46] + [UInt8](repeating: 0, count: 13) + [1, 0, 46, 46] + [UInt8](repeating: 0, count: 12))
    }

    @Test func bitmapCountsMetadataAsUsed() throws {
        let disk = try makeDisk()
        // Blocks 0…39 in use: five bytes, least significant bit first.
        #expect(Array(disk.image[38 * 1024..<38 * 1024 + 6]) == [255, 255, 255, 255, 255, 0])
    }

    @Test func fileInodeAndEntryAreWhereXv6HasThem() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.write(pattern(13 * 1024), to: "/fourteen-chars")  // cut to 14
        try system.makeNode("/console", 1, 2)
        try system.synchronize()
        let file = 33 * 1024 + 2 * 64
        #expect(disk.number(at: file, as: Int16.self) == 2)
        #expect(disk.number(at: file + 6, as: Int16.self) == 1)
        #expect(disk.number(at: file + 8, as: UInt32.self) == 13 * 1024)
        let first = Int(disk.number(at: file + 12, as: UInt32.self))
        #expect(Array(disk.image[first * 1024..<first * 1024 + 1024]) == Array(pattern(13 * 1024)[0..<1024]))
        let indirect = Int(disk.number(at: file + 12 + 48, as: UInt32.self))  // addrs[12]
        let thirteenth = Int(disk.number(at: indirect * 1024, as: UInt32.self))
        #expect(
            Array(disk.image[thirteenth * 1024..<thirteenth * 1024 + 1024])
                == Array(pattern(13 * 1024)[12 * 1024..<13 * 1024]))
        let device = 33 * 1024 + 3 * 64
        #expect(disk.number(at: device, as: Int16.self) == 3)
        #expect(disk.number(at: device + 2, as: Int16.self) == 1)
        #expect(disk.number(at: device + 4, as: Int16.self) == 2)
        #expect(Array(disk.image[39 * 1024 + 32..<39 * 1024 + 48]) == [2, 0] + Array("fourteen-chars".utf8))
        #expect(
            Array(disk.image[39 * 1024 + 48..<39 * 1024 + 64]) == [3, 0] + Array("console".utf8)
                + [UInt8](repeating: 0, count: 7))
    }

    @Test func theLogHeaderCountsSlotsAndNamesHomes() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.touch("/a")
        // Committed, and still covered by the log: root's directory block and the inode block, in some order.
        #expect(disk.number(at: 2048, as: Int32.self) == 2)
        #expect(Set([disk.number(at: 2052, as: Int32.self), disk.number(at: 2056, as: Int32.self)]) == [39, 33])
        try system.synchronize()
        #expect(disk.number(at: 2048, as: Int32.self) == 0)
    }

    @Test func imagesAsXv6sMkfsMakesThemMount() throws {
        // 2022: 1000 blocks, 200 inodes, log of 30; 2025: 2000 blocks, log of 31. Its mkfs rounds the root's size up to
        // a block.
        for (blocks, log) in [(1000, 30), (2000, 31)] as [(UInt32, UInt32)] {
            let disk = try makeDisk(makeLayout(blocks: blocks, inodes: 200, log: log))
            let inode = Int(2 + log) * 1024 + 64
            disk.put(UInt32(1024), at: inode + 8)
            let system = try mount(disk)
            #expect(system.layout.logCapacity == (log == 30 ? 29 : 30))
            try system.write(pattern(268 * 1024), to: "/big")
            #expect(try system.contents(of: "/big") == pattern(268 * 1024))
            #expect(try system.status("/").size == 1024)
            try system.synchronize()
            #expect(try findings(disk) == [])
        }
    }

    @Test func impossibleSuperblocksAreRefused() throws {
        // Field by field; size larger than the device, regions that overlap or wrap, no log, too many inodes, unknown
        // feature.
        let bad: [(Int, UInt32)] = [
            (0, 0x1020_3041), (1, 1001), (1, 0), (1, 38), (3, 0), (3, 1), (3, 0xFFFF_FFFF), (3, 100), (4, 0), (4, 12),
            (4, 32),
            (4, 0xFFFF_FFFF), (5, 1), (5, 0), (5, 0xFFFF_FFF0), (6, 32), (6, 0xFFFF_FFFF), (7, 36), (7, 0xFFFF_FFFF),
            (8, 2),
        ]
        for (field, value) in bad {
            let disk = try makeDisk()
            disk.put(value, at: 1024 + field * 4)
            let console = Console()
            #expect(
                failure { () throws(SystemError) in _ = try mount(disk, console: console) } == .invalidArgument,
                "\(field) = \(value)")
            #expect(console.lines.count == 1)
            #expect(try findings(disk).map(\.kind) == [.superblock])
        }
        #expect(failure { () throws(SystemError) in _ = try mount(TestDisk(blocks: 1)) } == .invalidArgument)
    }
}
