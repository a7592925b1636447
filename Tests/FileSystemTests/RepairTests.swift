// fsck -y: whatever is wrong, one run puts it right, and what can be saved is.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct RepairTests {
    // Inodes 2 /f (13 blocks and an indirect one), 3 /d, 4 /d/g, 5 /e, 6 /e/h. Inode blocks from 33, bitmap 38, root
    // directory in block 39.
    private func makeImage() throws -> TestDisk {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.write(pattern(13_000), to: "/f")
        try system.makeDirectory("/d")
        try system.write(pattern(100), to: "/d/g")
        try system.makeDirectory("/e")
        try system.makeDirectory("/e/h")
        try system.synchronize()
        return disk
    }

    private func inode(_ number: Int) -> Int { 33 * 1024 + number * 64 }

    /// Repairs a disk that was changed; it must be sound then, and mountable.
    private func repaired(_ what: String, _ change: (TestDisk) -> Void) throws -> TestDisk {
        let disk = try makeImage()
        change(disk)
        let summary = try DiskRepair.run(HostPlatform(disk)) { _ in }
        #expect(summary.problems == 0 && summary.notes == 0, "\(what)")
        #expect(try findings(disk) == [], "\(what)")
        _ = try mount(disk).names("/")
        return disk
    }

    @Test func countsBitsAndOrphans() throws {
        for (what, change) in [
            ("link count", { $0.put(Int16(5), at: inode(2) + 6) }), ("bitmap", { $0[38 * 1024 + 5] = 0x00 }),
            ("lost block", { $0[38 * 1024 + 60] = 0x10 }),
            ("directory's count", { $0.put(Int16(9), at: inode(1) + 6) }),
        ] as [(String, (TestDisk) -> Void)] {
            let system = try mount(repaired(what, change))
            #expect(try system.contents(of: "/f") == pattern(13_000), "\(what)")
            #expect(try system.contents(of: "/d/g") == pattern(100), "\(what)")
            #expect(try !system.names("/").contains("lost+found"), "\(what)")
        }
        let disk = try repaired("orphan") { $0.put(Int16(0), at: inode(4) + 6) }
        #expect(try mount(disk).names("/d") == [".", ".."])
    }

    @Test func whatNoDirectoryHasGoesToLostAndFound() throws {
        func root(_ entry: Int) -> Int { 39 * 1024 + entry * 16 }
        // /f loses its name; /e loses its with what is in it.
        let disk = try repaired("no names") {
            $0.put(UInt16(0), at: root(2)); $0.put(UInt16(0), at: root(4))
        }
        let system = try mount(disk)
        #expect(try system.contents(of: "/lost+found/#2") == pattern(13_000))
        #expect(try system.names("/lost+found/#5") == [".", "..", "h"])
        #expect(try system.status("/lost+found/#5/..").inode == system.status("/lost+found").inode)
        #expect(try system.contents(of: "/d/g") == pattern(100))
    }

    @Test func everyDamageOfTheChecksIsRepaired() throws {
        func directory(_ disk: TestDisk) -> Int { Int(disk.number(at: inode(3) + 12, as: UInt32.self)) * 1024 }
        let changes: [(TestDisk) -> Void] = [
            { $0.put(Int16(7), at: inode(2)) }, { $0.put(UInt32.max, at: inode(2) + 8) },
            { $0.put(Int16(0), at: inode(4)) }, { $0.put(UInt32(1000), at: inode(4) + 12) },
            { $0.put($0.number(at: inode(2) + 12, as: UInt32.self), at: inode(4) + 12) },
            { $0.put($0.number(at: inode(2) + 12, as: UInt32.self), at: inode(2) + 16) },
            { $0.put(UInt32(7), at: Int($0.number(at: inode(2) + 12 + 48, as: UInt32.self)) * 1024 + 1020) },
            { $0.put(UInt32(47), at: inode(3) + 8) }, { $0.put(UInt32(0), at: inode(3) + 8) },
            { $0[directory($0)] = 9 }, { $0[directory($0) + 16] = 3 }, { $0[directory($0) + 34] = 0x2F },
            { $0[directory($0) + 34] = 0 }, { $0.put(UInt16(60), at: directory($0) + 32) },
            { $0[39 * 1024 + 2 * 16 + 2] = 0x64 }, { $0.put(UInt16(3), at: directory($0) + 32) },
            {
                $0.put(UInt16(3), at: directory($0) + 32); $0.put(UInt16(0), at: 39 * 1024 + 3 * 16)
            },
            { $0.put(UInt32(0), at: inode(3) + 12) }, { $0.put(UInt32(99), at: 2 * 1024) },
        ]
        for (index, change) in changes.enumerated() { _ = try repaired("change \(index)", change) }
    }

    /// Random damage to all that is not content: the repair ends, and the next check finds nothing.
    @Test func randomDamageIsRepaired() throws {
        for seed in 1...300 {
            var random = Seeded(UInt64(seed))
            let disk = try makeImage()
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                // Inodes, bitmap, and the directories' blocks.
                disk[Int.random(in: 33 * 1024..<41 * 1024, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let summary = try DiskRepair.run(HostPlatform(disk)) { _ in }
            let left = try findings(disk).map(\.kind)
            if left.contains(.noRoot) { continue }
            #expect(summary.problems == 0 && left == [], "seed \(seed): \(left)")
        }
    }

    @Test func aDiskWithoutASuperblockStaysAsItIs() throws {
        let disk = try makeImage()
        disk[1024] = 0
        #expect(try DiskRepair.run(HostPlatform(disk)) { _ in }.problems == 1)
    }
}
