// A full disk, no inodes, and a disk that fails: an error, one line, nothing half-made, nothing lost.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct ShortageTests {
    @Test func aFullDiskFailsWritesAndGivesAllBack() throws {
        let disk = try makeDisk(makeLayout(blocks: 300))
        let console = Console()
        let system = try mount(disk, console: console)
        let free = Int(system.freeBlocks)
        let file = try system.open("/f", [.create, .readWrite]).inode
        let outcome = system.write(file, at: 0, pattern(free * 1024))
        #expect(outcome == WriteOutcome(count: (free - 1) * 1024, error: .noSpace))  // one is the indirect block
        #expect(console.lines == ["file system: out of blocks"])
        #expect(system.freeBlocks == 0)
        #expect(try system.read(file, at: 0, outcome.count) == Array(pattern(free * 1024)[0..<outcome.count]))
        // Overwriting needs no block.
        #expect(system.write(file, at: 0, pattern(5000, seed: 3)).error == nil)
        // A directory needs one; a file only if the root directory must grow, which it need not.
        #expect(failure { () throws(SystemError) in try system.makeDirectory("/d") } == .noSpace)
        try system.touch("/empty")
        #expect(try system.names("/") == [".", "..", "f", "empty"])
        #expect(system.freeInodes == 60)
        try system.synchronize()
        #expect(try findings(disk) == [])
        _ = consume file
        try system.unlink("/f")
        try system.unlink("/empty")
        #expect(Int(system.freeBlocks) == free)
        #expect(system.freeInodes == 62)
    }

    @Test func aNameThatFindsNoRoomLeavesNothingBehind() throws {
        let disk = try makeDisk(makeLayout(blocks: 200, inodes: 160))
        let system = try mount(disk)
        for index in 0..<62 { try system.touch("/f\(index)") }  // the root's block is full now
        let free = system.freeBlocks
        let file = try system.open("/f0", [.readWrite]).inode
        #expect(system.write(file, at: 0, pattern(Int(free) * 1024)).error == .noSpace)
        let inodes = system.freeInodes
        #expect(failure { () throws(SystemError) in try system.touch("/x") } == .noSpace)
        #expect(failure { () throws(SystemError) in try system.makeNode("/x", 1, 1) } == .noSpace)
        #expect(failure { () throws(SystemError) in try system.makeDirectory("/x") } == .noSpace)
        #expect(failure { () throws(SystemError) in try system.link("/f1", "/x") } == .noSpace)
        #expect(try system.status("/f1").linkCount == 1)
        #expect(system.freeInodes == inodes)
        #expect(try system.names("/").count == 64)
        _ = consume file
        #expect(system.inodesInUse == 0)
        try system.synchronize()
        #expect(try findings(disk) == [])
        try system.unlink("/f0")
        try system.touch("/x")
    }

    @Test func noInodesLeft() throws {
        let disk = try makeDisk(makeLayout(inodes: 32))
        let console = Console()
        let system = try mount(disk, console: console)
        let free = system.freeBlocks
        for index in 0..<30 { try system.touch("/f\(index)") }
        #expect(system.freeInodes == 0)
        #expect(failure { () throws(SystemError) in try system.touch("/x") } == .noSpace)
        #expect(console.lines == ["file system: out of inodes"])
        #expect(failure { () throws(SystemError) in try system.makeDirectory("/x") } == .noSpace)
        #expect(failure { () throws(SystemError) in try system.makeNode("/x", 1, 1) } == .noSpace)
        try system.link("/f0", "/x")  // needs none
        #expect(system.freeBlocks == free)
        try system.unlink("/f7")
        try system.makeDirectory("/d")
        #expect(try system.status("/d").inode == 9)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func aDiskThatTakesNoWritesTurnsReadOnlyUntilItDoes() throws {
        let disk = try makeDisk()
        let console = Console()
        let system = try mount(disk, console: console)
        try system.write([1, 2, 3], to: "/f")
        let before = disk.image
        disk.breakWrites()
        #expect(failure { () throws(SystemError) in try system.touch("/g") } == .inputOutput)
        for _ in 0..<2 { #expect(failure { () throws(SystemError) in try system.touch("/h") } == .inputOutput) }
        #expect(failure { () throws(SystemError) in try system.synchronize() } == .inputOutput)
        #expect(try system.contents(of: "/f") == [1, 2, 3])
        #expect(disk.image == before && system.isReadOnly)
        #expect(system.inodesInUse == 0)
        #expect(try mount(TestDisk(image: before)).names("/") == [".", "..", "f"])
        // What memory has and the disk has not goes there first.
        disk.breakWrites(false)
        try system.touch("/i")
        #expect(!system.isReadOnly)
        #expect(try system.names("/") == [".", "..", "f", "g", "i"])
        try system.synchronize()
        #expect(try mount(disk).names("/") == [".", "..", "f", "g", "i"])
        #expect(try findings(disk) == [])
        #expect(
            console.lines == [
                "file system: the disk failed a write: nothing is changed until it takes writes again",
                "file system: the disk takes writes again",
            ])
    }

    /// Whichever write or flush of a commit or a checkpoint is the first to fail.
    @Test(arguments: 0..<9) func changesReachADiskThatComesBackWhereverItFailed(after count: Int) throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.write(pattern(3000), to: "/f")
        disk.breakWrites(after: count)
        _ = failure { () throws(SystemError) in try system.write(pattern(2000, seed: 2), to: "/g") }
        _ = failure { () throws(SystemError) in try system.unlink("/f") }
        _ = failure { () throws(SystemError) in try system.synchronize() }
        disk.breakWrites(false)
        try system.synchronize()
        try system.touch("/h")
        let names = try system.names("/")
        try system.synchronize()
        #expect(try mount(disk).names("/") == names)
        #expect(try findings(disk) == [])
    }

    @Test func aBlockThatCannotBeReadIsAnErrorForItsUsersOnly() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.write(pattern(3000), to: "/f")
        try system.write(pattern(3000), to: "/g")
        try system.synchronize()
        disk.breakRead(of: disk.number(at: 33 * 1024 + 2 * 64 + 12 + 4, as: UInt32.self))
        let again = try mount(disk)
        #expect(failure { () throws(SystemError) in _ = try again.contents(of: "/f") } == .inputOutput)
        #expect(failure { () throws(SystemError) in _ = try again.contents(of: "/f") } == .inputOutput)
        #expect(try again.contents(of: "/g") == pattern(3000))
        let file = try again.lookUp("/f")
        #expect(try again.read(file, at: 0, 1024) == Array(pattern(3000)[0..<1024]))
        #expect(again.write(file, at: 0, pattern(3000)) == WriteOutcome(count: 1024, error: .inputOutput))
        _ = consume file
        try again.unlink("/f")  // freeing needs no reading
        #expect(again.inodesInUse == 0)
        try again.synchronize()
        #expect(try findings(disk) == [])
    }
}
