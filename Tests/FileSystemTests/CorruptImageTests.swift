// Damaged images: whatever is on the disk, mounting it, walking it and changing it ends, with a result or an error.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct CorruptImageTests {
    private func makeImage(doubleIndirect: Bool) throws -> [UInt8] {
        let disk = try makeDisk(makeLayout(blocks: 400, inodes: 48, doubleIndirect: doubleIndirect))
        let system = try mount(disk)
        try system.write(pattern(13_000), to: "/f")
        try system.write(pattern(doubleIndirect ? 280_000 : 100_000), to: "/g")
        try system.makeDirectory("/d")
        try system.makeDirectory("/d/e")
        try system.write(pattern(100), to: "/d/e/h")
        try system.makeNode("/console", 1, 1)
        try system.link("/f", "/d/f")
        return disk.image
    }

    /// Does everything once; errors are fine.
    private func exercise(_ disk: TestDisk) {
        guard let system = try? mount(disk, inodes: 50) else { return }
        var paths = ["/"]
        var position = 0
        while position < paths.count, paths.count < 60 {
            let path = paths[position]
            position += 1
            // holes, mostly
            if let status = try? system.status(path), status.size > 400_000, status.type == 2 { continue }
            guard let content = try? system.contents(of: path), path.utf8.count < 40 else { continue }
            for start in stride(from: 0, to: min(content.count, 6 * 16) / 16 * 16, by: 16) {
                let name = content[start + 2..<start + 16].prefix { $0 != 0 }
                if name.allSatisfy({ $0 > 32 && $0 < 127 }), name != [46] {
                    paths.append(path + "/" + String(decoding: name, as: UTF8.self))
                }
            }
        }
        for path in ["/f", "/g", "/d", "/d/e", "/d/e/h", "/d/f"] {
            if let file = try? system.open(path, [.readWrite]) {
                _ = system.write(file.inode, at: 3000, pattern(3000))
                _ = consume file
            }
            try? system.link(path, "/d/new")
            try? system.touch(path + "/x")
            try? system.makeDirectory(path + "/y")
            try? system.unlink(path + "/y")
        }
        for path in ["/d/e/h", "/d/e/x", "/d/e", "/d/f", "/d/x", "/d/new", "/d", "/g", "/f", "/console"] {
            if let file = try? system.open(path, [.truncate, .readWrite]) { _ = consume file }
            try? system.unlink(path)
        }
        #expect(system.inodesInUse == 0)
    }

    @Test(arguments: [false, true])
    func randomDamageNeverTraps(doubleIndirect: Bool) throws {
        let image = try makeImage(doubleIndirect: doubleIndirect)
        let layout = makeLayout(blocks: 400, inodes: 48, doubleIndirect: doubleIndirect)
        for seed in 0..<3000 as Range<UInt64> {
            var random = Seeded(seed)
            let disk = TestDisk(image: image)
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                // Mostly where it hurts: superblock, log header, inodes in use, bitmap, directories and indirect
                // blocks.
                let byte: Int
                switch Int.random(in: 0..<10, using: &random) {
                case 0: byte = 1024 + Int.random(in: 0..<36, using: &random)
                case 1: byte = 2048 + Int.random(in: 0..<124, using: &random)
                case 2...5: byte = 33 * 1024 + 64 + Int.random(in: 0..<7 * 64, using: &random)
                default: byte = Int(layout.dataStart) * 1024 - 1024 + Int.random(in: 0..<200 * 1024, using: &random)
                }
                switch Int.random(in: 0..<4, using: &random) {
                case 0: disk.put(UInt32.random(in: 0..<450, using: &random), at: byte & ~3)
                case 1: disk.put(UInt16.random(in: 0..<50, using: &random), at: byte & ~1)
                case 2: disk.put(UInt32.max, at: byte & ~3)
                default: disk[byte] = UInt8.random(in: .min ... .max, using: &random)
                }
            }
            _ = try findings(disk)
            exercise(disk)
            _ = try findings(disk)
        }
    }

    @Test func noiseIsNoFileSystem() throws {
        for seed in 0..<100 as Range<UInt64> {
            var random = Seeded(seed)
            let disk = TestDisk(image: (0..<50 * 1024).map { _ in UInt8.random(in: .min ... .max, using: &random) })
            // A sound superblock on top of noise.
            if let layout = DiskLayout(blocks: 50, inodes: 32, log: 14, doubleIndirect: seed % 2 == 0) {
                var block = [UInt8](repeating: 0, count: 1024)
                var span = block.mutableSpan
                var bytes = unsafe span.mutableBytes  // bytes have no padding
                layout.encode(into: &bytes)
                disk.image.replaceSubrange(1024..<2048, with: block)
                if seed % 3 != 0 { disk.put(Int32(0), at: 2048) }
            }
            _ = try findings(disk)
            exercise(disk)
        }
    }

    @Test func directoriesThatAreEachOthersParentDoNotDeadlock() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.makeDirectory("/a")
        try system.makeDirectory("/b")
        try system.touch("/a/x")
        try system.touch("/b/x")
        try system.synchronize()
        // "x" in /a (inode 2) is /b (3), in /b it is /a.
        for (inode, other) in [(2, 3), (3, 2)] as [(Int, UInt16)] {
            let block = Int(disk.number(at: 33 * 1024 + inode * 64 + 12, as: UInt32.self))
            disk.put(other, at: block * 1024 + 32)
        }
        let damaged = try mountThreaded(disk)
        onThreads(4) { thread in
            for _ in 0..<50 {
                let path = thread % 2 == 0 ? "/a" : "/b"
                #expect(failure { () throws(SystemError) in try damaged.unlink(path + "/x") } == .directoryNotEmpty)
                _ = try? damaged.status(path + "/x/x/x/x")
                try? damaged.touch(path + "/x/x/new")
            }
        }
        #expect(damaged.inodesInUse == 0)
    }
}
