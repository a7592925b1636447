// The block cache's memory: it grows while the platform has pages to spare, and gives them back.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct CacheGrowthTests {
    private func system(_ disk: TestDisk, pages: Int = .max) throws -> (
        TestFileSystem, HostPlatform<TestDisk, NoMonitor>
    ) {
        let platform = HostPlatform(disk)
        platform.mostPages = pages
        return (try TestFileSystem.mount(platform, buffers: 1024, inodes: 64), platform)
    }

    @Test func readBlocksStayWhileThereIsMemoryAndLeaveWhenItIsWanted() throws {
        let disk = try makeDisk(makeLayout(blocks: 2000, doubleIndirect: true))
        let bytes = pattern(600 << 10)
        do {
            let system = try mount(disk)
            #expect(system.write(try system.open("/f", [.create, .readWrite]).inode, at: 0, bytes).error == nil)
            try system.synchronize()
        }
        let (system, _) = try system(disk)
        let file = try system.open("/f", []).inode
        #expect(system.sparePages < 40)
        #expect(try system.read(file, at: 0, bytes.count) == bytes)
        #expect(system.sparePages >= 110)
        // In memory: the disk is not asked again.
        let reads = disk.reads
        #expect(try system.read(file, at: 0, bytes.count) == bytes)
        #expect(disk.reads == reads)
        var given = 0
        while system.giveBackPage() { given += 1 }
        #expect(given >= 110 && system.sparePages == 0)
        #expect(try system.read(file, at: 0, bytes.count) == bytes)
        #expect(disk.reads > reads)
        #expect(system.sparePages >= 110)
    }

    /// Blocks of the transaction that the log holds stay; all else may leave between any two operations.
    @Test(arguments: [0, 3, Int.max]) func changesSurviveThatPagesLeave(pages: Int) throws {
        let disk = try makeDisk(makeLayout(blocks: 2000, doubleIndirect: true))
        let (system, _) = try system(disk, pages: pages)
        let file = try system.open("/f", [.create, .readWrite]).inode
        var whole: [UInt8] = []
        for index in 0..<60 {
            let part = pattern(7000, seed: index)
            #expect(system.write(file, at: whole.count, part).error == nil)
            whole += part
            if index % 3 == 0 { while system.giveBackPage() {} }
        }
        for index in 0..<20 { try system.touch("/g\(index)") }
        while system.giveBackPage() {}
        #expect(try system.read(file, at: 0, whole.count) == whole)
        #expect(try system.names("/").count == 23)
        _ = consume file
        try system.synchronize()
        #expect(try errors(disk) == [])
    }
}
