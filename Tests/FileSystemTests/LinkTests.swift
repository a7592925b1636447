// link and unlink: rule by rule.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct LinkTests {
    @Test func unlinkRefusesDotAndDotDot() throws {
        let system = try mount(makeDisk())
        try system.makeDirectory("/d")
        for path in [".", "..", "/d/.", "/d/..", "/.", "/d/./", "/d//.."] {
            #expect(failure { () throws(SystemError) in try system.unlink(path) } == .invalidArgument)
        }
        #expect(failure { () throws(SystemError) in try system.unlink("/") } == .noSuchFile)
    }

    @Test func aDirectoryMustBeEmptyToGo() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let free = system.freeBlocks
        try system.makeDirectory("/d")
        try system.touch("/d/f")
        #expect(failure { () throws(SystemError) in try system.unlink("/d") } == .directoryNotEmpty)
        try system.unlink("/d/f")
        #expect(try system.status("/").linkCount == 2)
        try system.unlink("/d")
        #expect(try system.status("/").linkCount == 1)
        #expect(system.freeBlocks == free)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func aFileLivesAsLongAsANameOrAUser() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let free = system.freeBlocks
        try system.write(pattern(30_000), to: "/f")
        try system.link("/f", "/g")
        try system.unlink("/f")
        #expect(try system.contents(of: "/g") == pattern(30_000))
        let file = try system.open("/g", [.readWrite])
        try system.unlink("/g")
        #expect(try system.status(file.inode).linkCount == 0)
        #expect(try system.read(file.inode, at: 0, 30_000) == pattern(30_000))
        #expect(system.write(file.inode, at: 30_000, [1]).error == nil)
        #expect(system.freeBlocks < free)
        _ = consume file
        #expect(system.freeBlocks == free)
        #expect(system.freeInodes == 62)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func linkRefusesDirectoriesAndTakenNames() throws {
        let system = try mount(makeDisk())
        try system.makeDirectory("/d")
        try system.touch("/f")
        #expect(failure { () throws(SystemError) in try system.link("/d", "/e") } == .isDirectory)
        #expect(failure { () throws(SystemError) in try system.link("/d", "/d/e") } == .isDirectory)
        #expect(failure { () throws(SystemError) in try system.link("/f", "/f") } == .fileExists)
        #expect(failure { () throws(SystemError) in try system.link("/f", "/d") } == .fileExists)
        #expect(failure { () throws(SystemError) in try system.link("/f", ".") } == .fileExists)
        #expect(failure { () throws(SystemError) in try system.link("/nope", "/x") } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.link("/f", "/nope/x") } == .noSuchFile)
        #expect(try system.status("/f").linkCount == 1)
        #expect(system.inodesInUse == 0)
    }

    @Test func theLinkCountDoesNotOverflow() throws {
        let disk = try makeDisk()
        try mount(disk).touch("/f")
        disk.put(Int16.max, at: 33 * 1024 + 2 * 64 + 6)
        disk.put(Int16.max, at: 33 * 1024 + 1 * 64 + 6)
        disk.put(Int32(0), at: 2048)
        let system = try mount(disk)
        #expect(failure { () throws(SystemError) in try system.link("/f", "/g") } == .tooManyLinks)
        #expect(failure { () throws(SystemError) in try system.makeDirectory("/d") } == .tooManyLinks)
        #expect(try system.names("/") == [".", "..", "f"])
        #expect(system.freeInodes == 61)
    }

    @Test func fiveHundredLinksInOneDirectory() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.touch("/f")
        for index in 0..<500 { try system.link("/f", "/x\(index)") }
        #expect(try system.status("/f").linkCount == 501)
        #expect(failure { () throws(SystemError) in try system.link("/f", "/x499") } == .fileExists)
        for index in 0..<500 { try system.unlink("/x\(index)") }
        #expect(try system.names("/") == [".", "..", "f"])
        let size = try system.status("/").size
        try system.touch("/again")
        #expect(try system.status("/").size == size)  // freed entries are used again
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func aRemovedWorkingDirectoryTakesNothingNew() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let free = system.freeBlocks
        try system.touch("/f")
        try system.makeDirectory("/a")
        try system.makeDirectory("/a/b")
        let b = try system.lookUp("/a/b")
        try system.unlink("../b", from: b)
        #expect(failure { () throws(SystemError) in try system.touch("x", from: b) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.makeDirectory("x", from: b) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.link("/f", "x", from: b) } == .noSuchFile)
        // Its ".." still leads to the parent; once that is removed too, nowhere, and not to a later user of its inode.
        #expect(try system.status("../..", from: b).inode == 1)
        try system.unlink("/a")
        for index in 0..<5 { try system.makeDirectory("/n\(index)") }
        #expect(failure { () throws(SystemError) in _ = try system.status("..", from: b) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in _ = try system.status("../..", from: b) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.touch("../x", from: b) } == .noSuchFile)
        for index in 0..<5 { try system.unlink("/n\(index)") }
        _ = consume b
        #expect(system.inodesInUse == 0)
        #expect(system.freeInodes == 61)
        #expect(system.freeBlocks == free)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }
}
