// rename: rule by rule, and that a crash leaves the old or the new state.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct RenameTests {
    @Test func aFileGetsAnotherNameAndReplacesWhatHasIt() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        let free = system.freeBlocks
        try system.write(pattern(3000), to: "/a")
        try system.write(pattern(20_000), to: "/b")
        try system.rename("/a", "/c")
        #expect(failure { () throws(SystemError) in _ = try system.status("/a") } == .noSuchFile)
        #expect(try system.contents(of: "/c") == pattern(3000))
        try system.rename("/c", "/b")
        #expect(try system.contents(of: "/b") == pattern(3000))
        #expect(try system.status("/b").linkCount == 1)
        try system.unlink("/b")
        #expect(system.freeBlocks == free)
        #expect(system.freeInodes == 62)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func whatIsReplacedLivesAsLongAsItsUsers() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.write(pattern(5000), to: "/old")
        try system.touch("/new")
        let file = try system.open("/old", [.readWrite])
        try system.rename("/new", "/old")
        #expect(try system.read(file.inode, at: 0, 5000) == pattern(5000))
        #expect(try system.status("/old").size == 0)
        _ = consume file
        #expect(system.freeInodes == 61)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func twoNamesOfOneFileStay() throws {
        let system = try mount(makeDisk())
        try system.touch("/a")
        try system.link("/a", "/b")
        try system.rename("/a", "/b")
        try system.rename("/a", "/./a")
        #expect(try system.status("/a").linkCount == 2)
    }

    @Test func aDirectoryMovesWithItsParentLink() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        try system.makeDirectory("/a")
        try system.makeDirectory("/b")
        try system.makeDirectory("/a/d")
        try system.touch("/a/d/f")
        try system.touch("/b/here")
        try system.rename("/a/d", "/b/e")
        #expect(try system.status("/a").linkCount == 1)
        #expect(try system.status("/b").linkCount == 2)
        #expect(try system.status("/b/e/../here").size == 0)
        try system.rename("/b/e", "/b/g")
        #expect(try system.status("/b").linkCount == 2)
        // An empty directory is replaced.
        try system.rename("/b/g", "/a/d2")
        try system.makeDirectory("/b/empty")
        try system.rename("/a/d2", "/b/empty")
        #expect(try system.status("/b/empty/f").size == 0)
        #expect(try system.status("/a").linkCount == 1)
        #expect(try system.status("/b").linkCount == 2)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }

    @Test func whatCannotBeIsRefusedAndChangesNothing() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        for path in ["/d", "/d/e", "/d/e/f", "/empty"] { try system.makeDirectory(path) }
        try system.touch("/file")
        let refused: [(String, String, SystemError)] = [
            ("/d", "/d/x", .invalidArgument), ("/d", "/d/e/f/x", .invalidArgument), ("/d", "/d/e", .invalidArgument),
            ("/d/.", "/x", .invalidArgument), ("/d", "/x/..", .noSuchFile), ("/d", "/file/x", .notDirectory),
            ("/d/..", "/x", .invalidArgument), ("/empty", "/d/.", .invalidArgument),
            ("/file", "/d", .isDirectory), ("/d", "/file", .notDirectory), ("/empty", "/d", .directoryNotEmpty),
            ("/nothing", "/x", .noSuchFile), ("/file", "/no/x", .noSuchFile), ("/", "/x", .noSuchFile),
            ("/d/e", "/d", .directoryNotEmpty),
        ]
        let before = try ["/", "/d", "/d/e"].map { try system.names($0) }
        for (old, new, error) in refused {
            #expect(failure { () throws(SystemError) in try system.rename(old, new) } == error, "\(old) to \(new)")
        }
        #expect(try ["/", "/d", "/d/e"].map { try system.names($0) } == before)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }
}
