// When directories have an index, when they lose it, and what it spares.

import DiskImage
@testable import FileSystem
import SystemInterface
import Testing

@Suite struct DirectoryIndexMemoryTests {
    @Test func aNumberThatAnotherDirectoryHadIsIndexedAnew() throws {
        let system = try IndexPlatform(makeDisk(roomyLayout)).mount()
        try system.makeDirectory("/d")
        let number = try system.status("/d").inode
        // 65 entries are the least that have an index; the new directory has as many when it is first looked at.
        for index in 0..<63 { try system.touch("/d/old\(index)") }
        for index in 0..<63 { try system.unlink("/d/old\(index)") }
        try system.unlink("/d")
        try system.makeDirectory("/e")
        #expect(try system.status("/e").inode == number)
        for index in 0..<63 { try system.touch("/e/new\(index)") }
        for index in 0..<63 {
            try expectSame(system, "/e", "new\(index)", 0)
            try expectSame(system, "/e", "old\(index)", 0)
        }
    }

    /// Once there is an index, a search looks at few blocks of a directory, of which memory holds a few.
    @Test func aSearchInALargeDirectoryReadsFewBlocks() throws {
        let disk = try makeDisk(makeLayout(blocks: 3000, inodes: 64, doubleIndirect: true))
        let system = try TestFileSystem.mount(IndexPlatform(disk), buffers: 64, inodes: 50)
        try system.touch("/f")
        // 19,000 names are 297 blocks: 11, 256, and the rest in double-indirect ones.
        for index in 0..<19_000 { try system.link("/f", "/l\(index)") }
        #expect(system.directoryIndexes.pages >= 38)
        var reads = disk.reads
        for index in 19_000..<19_100 {
            #expect(failure { () throws(SystemError) in _ = try system.status("/l\(index)") } == .noSuchFile)
        }
        // At 15 bits about one name in two has the hash of another one.
        #expect(disk.reads - reads <= 200)
        reads = disk.reads
        // And one that is there no more than its block and the two that lead to it.
        for index in 0..<100 { _ = try system.status("/l\(index * 187)") }
        #expect(disk.reads - reads <= 500)
        for index in stride(from: 0, to: 19_000, by: 500) { try expectSame(system, "/", "l\(index)", 0) }
        // An entry that is free is found at once, the first one first.
        try system.unlink("/l18000")
        try system.unlink("/l17")
        reads = disk.reads
        try system.link("/f", "/again")
        #expect(disk.reads - reads <= 4)
        #expect(try system.answers("/", "again").index == "2 at \(20 * 16)")
    }

    /// Names of one hash: their directory is searched, its index does not come back, and all answers are the same.
    @Test func aDirectoryOfNamesWithOneHashIsSearched() throws {
        var names: [String] = []
        var wanted: UInt32?
        var number = 0
        while names.count < 60 {
            let text = "h\(number)"
            var walk = PathWalk()
            let bytes = Array(text.utf8)
            let component = walk.next(bytes.span)
            let name = try #require(component)
            let hash = Name.hash(name.low, name.high)
            if hash == wanted ?? hash {
                wanted = hash
                names.append(text)
            }
            number += 1
        }
        let system = try IndexPlatform(makeDisk(roomyLayout)).mount(inodes: 200)
        try system.makeDirectory("/d")
        for index in 0..<80 { try system.touch("/d/n\(index)") }
        #expect(system.directoryIndexes.pages == 1)
        for name in names { try system.touch("/d/" + name) }
        for name in names { try expectSame(system, "/d", name, 0) }
        #expect(system.directoryIndexes.pages == 0)
        for name in names { try system.unlink("/d/" + name) }
        for name in names { try expectSame(system, "/d", name, 0) }
        #expect(system.directoryIndexes.pages == 0)
        #expect(try system.names("/d").count == 82)
    }

    @Test func theIndexUnusedLongestMakesRoom() throws {
        let platform = IndexPlatform(try makeDisk(makeLayout(blocks: 3000, inodes: 100, doubleIndirect: true)))
        let system = try platform.mount()
        try system.touch("/f")
        for directory in 0..<40 {
            try system.makeDirectory("/d\(directory)")
            for index in 0..<70 { try system.link("/f", "/d\(directory)/l\(index)") }
        }
        #expect(system.directoryIndexes.pages == 32)
        for directory in 0..<40 { try expectSame(system, "/d\(directory)", "l69", 0) }
        // Without memory: those that are there are used, the others searched.
        platform.mostPages = 0
        for directory in 0..<40 { try expectSame(system, "/d\(directory)", "l5", 0) }
        #expect(system.directoryIndexes.pages == 32)
        var given = 0
        while system.giveBackPage() { given += 1 }
        #expect(given == 32 && system.sparePages == 0)
        try system.unlink("/d3/l7")
        for directory in 0..<40 { try expectSame(system, "/d\(directory)", "l7", 0) }
        #expect(system.directoryIndexes.pages == 0)
    }

    @Test func anIndexThatIsMadeIsNotEvicted() throws {
        let system = try IndexPlatform(makeDisk(roomyLayout)).mount()
        let indexes = system.directoryIndexes
        var slow = try #require(indexes.begin(500, count: 100))
        for number in 600..<640 as Range<UInt32> {
            let other = try #require(indexes.begin(number, count: 100))
            indexes.end(other, of: number, isComplete: true)
        }
        #expect(indexes.begin(500, count: 100) == nil)
        slow.insert(7, hash: 123)
        indexes.end(slow, of: 500, isComplete: true)
        var found = EntryCandidates()
        #expect(indexes.find(123, in: 500, &found) == .candidates && found.count == 1 && found[0] == 7)
        while indexes.giveBack() {}
        #expect(indexes.pages == 0)
    }

    @Test func anIndexWithoutEnoughPagesGivesThemBack() throws {
        let platform = IndexPlatform(try makeDisk(makeLayout(blocks: 3000, inodes: 100, doubleIndirect: true)))
        let system = try platform.mount()
        platform.mostPages = 1
        try system.touch("/f")
        for index in 0..<600 { try system.link("/f", "/l\(index)") }
        #expect(system.directoryIndexes.pages == 0)
        try system.makeDirectory("/d")
        for index in 0..<300 { try system.link("/f", "/d/l\(index)") }
        #expect(system.directoryIndexes.pages == 1)
        for index in stride(from: 0, to: 300, by: 9) { try expectSame(system, "/d", "l\(index)", 0) }
    }

    @Test func indexesThatEndWhileManyThreadsUseThem() throws {
        let disk = try makeDisk(roomyLayout)
        let system = try mountThreaded(disk)
        for index in 0..<200 { try system.touch("/n\(index)") }
        onThreads(6) { thread in
            var random = Seeded(UInt64(thread))
            for step in 0..<400 {
                let number = Int.random(in: 0..<200, using: &random)
                switch thread {
                case 0: if step % 3 == 0 { _ = system.giveBackPage() }
                case 1:
                    do throws(SystemError) {
                        try system.touch("/m\(number)")
                        try system.unlink("/m\(number)")
                    } catch {
                        Issue.record("\(error)")
                    }
                default:
                    #expect(failure { () throws(SystemError) in _ = try system.status("/n\(number)") } == nil)
                }
            }
        }
        try system.synchronize()
        #expect(try errors(disk) == [])
    }
}
