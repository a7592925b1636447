// fsck finds what is wrong, by name.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct CheckTests {
    // Inodes 2 /f (13 blocks and an indirect one), 3 /d, 4 /d/g. Inode blocks from 33, bitmap 38, root directory in
    // block 39.
    private func makeImage() throws -> TestDisk {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.write(pattern(13_000), to: "/f")
        try system.makeDirectory("/d")
        try system.write(pattern(100), to: "/d/g")
        try system.synchronize()
        #expect(try findings(disk) == [])
        return disk
    }

    private func inode(_ number: Int) -> Int { 33 * 1024 + number * 64 }

    private func kinds(_ change: (TestDisk) -> Void) throws -> Set<UInt8> {
        let disk = try makeImage()
        change(disk)
        return Set(try findings(disk).map(\.kind.rawValue))
    }

    private func set(_ kinds: DiskProblem.Kind...) -> Set<UInt8> { Set(kinds.map(\.rawValue)) }

    @Test func summaryCounts() throws {
        let summary = try DiskCheck.run(HostPlatform(makeImage())) { _ in }
        #expect(summary.files == 2 && summary.directories == 2 && summary.devices == 0)
        #expect(summary.blocksInUse == 40 + 14 + 1 + 1)
        #expect(summary.problems == 0 && summary.notes == 0)
    }

    @Test func inodesAreChecked() throws {
        #expect(try kinds { $0.put(Int16(7), at: inode(2)) } == set(.inodeFields, .entryInode, .blockLost))
        #expect(try kinds { $0.put(UInt32.max, at: inode(2) + 8) } == set(.inodeFields, .entryInode, .blockLost))
        #expect(try kinds { $0.put(Int16(-1), at: inode(2) + 6) } == set(.inodeFields, .entryInode, .blockLost))
        #expect(try kinds { $0.put(Int16(5), at: inode(2) + 6) } == set(.linkCount))
        #expect(try kinds { $0.put(Int16(0), at: inode(4) + 6) } == set(.orphan, .linkCount))
        #expect(try kinds { $0.put(Int16(0), at: inode(4)) } == set(.entryInode, .blockLost))
        #expect(
            try kinds {
                $0.put(Int16(2), at: inode(20)); $0.put(Int16(1), at: inode(20) + 6)
            } == set(.unreachable))
    }

    @Test func blocksAreChecked() throws {
        #expect(try kinds { $0.put(UInt32(1000), at: inode(4) + 12) } == set(.addressOutOfRange, .blockLost))
        #expect(try kinds { $0.put(UInt32(38), at: inode(4) + 12) } == set(.addressOutOfRange, .blockLost))
        #expect(
            try kinds { $0.put($0.number(at: inode(2) + 12, as: UInt32.self), at: inode(4) + 12) }
                == set(.blockUsedTwice, .blockLost))
        #expect(try kinds { $0[38 * 1024] = 0xFE } == set(.blockMarkedFree))
        #expect(try kinds { $0[38 * 1024 + 60] = 0x10 } == set(.blockLost))
        #expect(
            try kinds { disk in
                let indirect = Int(disk.number(at: inode(2) + 12 + 48, as: UInt32.self))
                disk.put(UInt32(7), at: indirect * 1024 + 1020)
            } == set(.addressOutOfRange))
    }

    @Test func directoriesAreChecked() throws {
        func directory(_ disk: TestDisk) -> Int { Int(disk.number(at: inode(3) + 12, as: UInt32.self)) * 1024 }
        #expect(try kinds { $0.put(UInt32(47), at: inode(3) + 8) } == set(.directorySize, .unreachable))
        #expect(try kinds { $0[directory($0)] = 9 } == set(.dotEntry))
        #expect(try kinds { $0[directory($0) + 16] = 3 } == set(.dotDotEntry))
        #expect(try kinds { $0[directory($0) + 34] = 0x2F } == set(.entryName))
        #expect(try kinds { $0[directory($0) + 34] = 0 } == set(.entryName))
        #expect(try kinds { $0.put(UInt16(60), at: directory($0) + 32) } == set(.entryInode, .unreachable))
        #expect(try kinds { $0.put(UInt16(65000), at: directory($0) + 32) } == set(.entryInode, .unreachable))
        #expect(try kinds { $0[39 * 1024 + 2 * 16 + 2] = 0x64 } == set(.entryTwice))  // "f" becomes a second "d"
        #expect(try kinds { $0.put(UInt16(3), at: directory($0) + 32) } == set(.directoryTwice, .unreachable))
        #expect(
            try kinds { disk in  // /d holds itself, and the root does not
                disk.put(UInt16(3), at: directory(disk) + 32)
                disk.put(UInt16(0), at: 39 * 1024 + 3 * 16)
            }.isSuperset(of: set(.directoryLoop, .unreachable)))
        #expect(try kinds { $0.put(Int16(2), at: inode(1)) }.contains(DiskProblem.Kind.noRoot.rawValue))
    }
}
