// Indexes of directories, with the search from the start as the oracle: on the same system, and on a second one that has
// no memory for an index and must come to the same disk.

import DiskImage
@testable import FileSystem
import SystemInterface
import Testing

extension FileSystem {
    /// What a path's directory says of a name: the inode's number and the entry's place, or the error.
    func answers(_ directory: String, _ name: String) throws -> (index: String, scan: String) {
        var walk = PathWalk()
        let bytes = Array(name.utf8)
        let component = walk.next(bytes.span)
        let name = try #require(component)
        return try look(lookUp(directory).slot) { slot in
            func text(_ search: () throws(SystemError) -> DirectorySearch) -> String {
                do throws(SystemError) {
                    let found = try search()
                    return "\(found.number) at \(found.offset)"
                } catch {
                    return "\(error)"
                }
            }
            return (
                text { () throws(SystemError) in try search(slot, for: name) },
                text { () throws(SystemError) in try scan(slot, for: name) }
            )
        }
    }
}

typealias IndexPlatform = HostPlatform<TestDisk, NoMonitor>

/// A disk with double-indirect blocks and many inodes.
let roomyLayout = makeLayout(blocks: 3000, inodes: 900, doubleIndirect: true)

extension IndexPlatform {
    /// Mounts its disk with so few blocks in memory that only indexes take pages.
    func mount(inodes: Int = 50) throws -> TestFileSystem {
        try TestFileSystem.mount(self, buffers: 128, inodes: inodes)
    }
}

func expectSame(_ system: TestFileSystem, _ directory: String, _ name: String, _ seed: UInt64 = 0) throws {
    let answers = try system.answers(directory, name)
    try #require(answers.index == answers.scan, "\(name) in \(directory), seed \(seed)")
}

@Suite struct DirectoryIndexTests {
    /// One random operation: what to do with a system, as text what came of it.
    private func operation(_ random: inout Seeded, _ directories: [String]) -> (TestFileSystem) -> String {
        func path() -> String {
            let name = "n\(Int.random(in: 0..<260, using: &random))"
            return directories.randomElement(using: &random)! + "/"
                + (Bool.random(using: &random) ? name : name + "-is-longer")
        }
        let kind = Int.random(in: 0..<100, using: &random)
        let a = path()
        let b = path()
        let directory = directories.randomElement(using: &random)!
        return { system in
            let error = failure { () throws(SystemError) in
                switch kind {
                case 0..<45: try system.touch(a)
                case 45..<55: try system.link(a, b)
                case 55..<70: try system.unlink(a)
                case 70..<82: try system.rename(a, b)
                case 82..<88: try system.makeDirectory(a)
                case 88..<90: try system.rename(directory, a)
                case 90..<91:
                    for name in try system.names(directory) where name != "." && name != ".." {
                        do throws(SystemError) { try system.unlink(directory + "/" + name) } catch {}
                    }
                    try system.unlink(directory)
                case 91..<95: try system.makeDirectory(directory)
                case 95..<97: _ = try system.status(directory + "/./../" + directory + "/..")
                default: _ = try system.status(a)
                }
            }
            return error.map { "\($0)" } ?? "done"
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>) func randomOperationsComeToTheSameAsWithoutIndexes(seed: UInt64) throws {
        var random = Seeded(seed)
        let directories = ["", "/d", "/e", "/d/f"]
        let disks = [try makeDisk(roomyLayout), try makeDisk(roomyLayout)]
        var platforms = disks.map { IndexPlatform($0) }
        platforms[1].mostPages = 0
        var systems = try platforms.map { try $0.mount() }
        for name in directories.dropFirst() { for system in systems { try system.makeDirectory(name) } }
        var mostPages = 0
        for step in 0..<2500 {
            let operation = operation(&random, directories)
            let results = systems.map { operation($0) }
            try #require(results[0] == results[1], "step \(step), seed \(seed)")
            for directory in directories.map({ $0 == "" ? "/" : $0 }) {
                guard let status = try? systems[0].status(directory), status.type == 1 else { continue }
                try expectSame(systems[0], directory, "n\(Int.random(in: 0..<260, using: &random))", seed)
            }
            mostPages = max(mostPages, systems[0].directoryIndexes.pages)
            switch Int.random(in: 0..<60, using: &random) {
            case 0: _ = systems[0].giveBackPage()
            case 1: platforms[0].mostPages = Int.random(in: 0..<4, using: &random)
            case 2: platforms[0].mostPages = .max
            case 3 where step % 5 == 0:
                for index in 0..<2 {
                    try systems[index].synchronize()
                    platforms[index] = IndexPlatform(disks[index])
                    platforms[index].mostPages = index == 0 ? .max : 0
                    systems[index] = try platforms[index].mount()
                }
            default: break
            }
        }
        #expect(mostPages >= 1, "hardly an index was made")
        for system in systems { try system.synchronize() }
        #expect(disks[0].image == disks[1].image)
        #expect(try errors(disks[0]) == [])
    }

    @Test(arguments: 0..<12 as Range<UInt64>) func writesThatFailAndDisksThatComeBack(seed: UInt64) throws {
        var random = Seeded(seed)
        let directories = ["", "/d", "/e"]
        let disk = try makeDisk(roomyLayout)
        let system = try IndexPlatform(disk).mount()
        for name in directories.dropFirst() { try system.makeDirectory(name) }
        for index in 0..<400 { try system.touch(directories[index % 3] + "/n\(index % 260)") }
        for _ in 0..<600 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0: disk.breakWrites(after: Int.random(in: 0..<6, using: &random))
            case 1, 2, 3: disk.breakWrites(false)
            default: break
            }
            _ = operation(&random, directories)(system)
            for directory in directories.map({ $0 == "" ? "/" : $0 }) {
                guard let status = try? system.status(directory), status.type == 1 else { continue }
                try expectSame(system, directory, "n\(Int.random(in: 0..<260, using: &random))", seed)
            }
        }
        disk.breakWrites(false)
        try system.synchronize()
        #expect(try errors(disk) == [])
        // Blocks that cannot be read: where the search from the start finds an answer, it is the same.
        let small = try TestFileSystem.mount(IndexPlatform(disk), buffers: 64, inodes: 50)
        for _ in 0..<40 {
            disk.breakRead(of: UInt32.random(in: roomyLayout.dataStart..<roomyLayout.dataStart + 120, using: &random))
        }
        for name in 0..<260 {
            guard let answers = try? small.answers("/", "n\(name)") else { continue }
            if answers.scan != "\(SystemError.inputOutput)" {
                try #require(answers.index == answers.scan)
            } else {
                try #require(!answers.index.hasPrefix("0 at"), "what cannot be read may have the name")
            }
        }
    }

    /// What a foreign image may have: names twice, NULs and slashes in names, numbers of no inode, holes.
    @Test(arguments: 0..<40 as Range<UInt64>) func malformedDirectories(seed: UInt64) throws {
        var random = Seeded(seed)
        let disk = try makeDisk(roomyLayout)
        do {
            let system = try IndexPlatform(disk).mount()
            for index in 0..<300 { try system.touch("/name\(index)") }
            try system.synchronize()
        }
        // Entries 2…301 are in the root's first five blocks.
        let root = Int(roomyLayout.inodeStart) * 1024 + 64
        func entry(_ index: Int) -> Int {
            Int(disk.number(at: root + 12 + index / 64 * 4, as: UInt32.self)) * 1024 + index % 64 * 16
        }
        for _ in 0..<120 {
            let place = entry(Int.random(in: 2..<302, using: &random))
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                let other = entry(Int.random(in: 2..<302, using: &random))
                for byte in 2..<16 { disk[place + byte] = disk[other + byte] }
            case 2: disk[place + Int.random(in: 2..<16, using: &random)] = 0
            case 3: disk[place + Int.random(in: 2..<16, using: &random)] = 47
            case 4: disk.put(UInt16.random(in: 0...5000, using: &random), at: place)
            default:  // behind the NUL, mostly
                disk[place + Int.random(in: 10..<16, using: &random)] = UInt8.random(in: .min ... .max, using: &random)
            }
        }
        if seed % 4 == 0 { disk.put(UInt32(0), at: root + 12 + 4 * Int.random(in: 1..<5, using: &random)) }
        if seed % 5 == 0 { disk.put(UInt32.random(in: 70...4830, using: &random), at: root + 8) }
        let system = try IndexPlatform(disk).mount()
        for round in 0..<3 {
            for index in 0..<300 { try expectSame(system, "/", "name\(index)", seed) }
            for index in 0..<100 {
                let name = "/name\(Int.random(in: 0..<300, using: &random))"
                switch index % 4 {
                case 0: do throws(SystemError) { try system.touch(name) } catch {}
                case 1: do throws(SystemError) { try system.rename(name, "/name\(index + 10 * round)") } catch {}
                default: do throws(SystemError) { try system.unlink(name) } catch {}
                }
            }
        }
        #expect(system.directoryIndexes.pages > 0)
    }

    @Test func theFirstOfTwoEntriesWithOneNameCounts() throws {
        let disk = try makeDisk(roomyLayout)
        do {
            let system = try IndexPlatform(disk).mount()
            for index in 0..<200 { try system.touch("/n\(index)") }
            try system.synchronize()
        }
        let root = Int(roomyLayout.inodeStart) * 1024 + 64
        // n7 also in the places of n100 and n150.
        for index in [102, 152] {
            let block = Int(disk.number(at: root + 12 + index / 64 * 4, as: UInt32.self))
            for (byte, value) in [110, 55, 0].enumerated() as EnumeratedSequence<[UInt8]> {
                disk[block * 1024 + index % 64 * 16 + 2 + byte] = value
            }
        }
        let system = try IndexPlatform(disk).mount()
        for (number, offset) in [(9, 9), (102, 102), (152, 152)] {
            #expect(try system.answers("/", "n7").index == "\(number) at \(offset * 16)")
            try system.unlink("/n7")
        }
        #expect(failure { () throws(SystemError) in try system.unlink("/n7") } == .noSuchFile)
    }
}
