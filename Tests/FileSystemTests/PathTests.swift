// Paths and names, rule by rule.

import DiskImage
import FileSystem
import SystemInterface
import Testing

@Suite struct PathTests {
    @Test func repeatedAndTrailingSlashesCollapse() throws {
        let system = try mount(makeDisk())
        try system.makeDirectory("//a///")
        try system.write([1, 2, 3], to: "/a//f")
        #expect(try system.contents(of: "///a////f") == [1, 2, 3])
        #expect(try system.contents(of: "a/f/") == [1, 2, 3])
        #expect(try system.status("//").inode == 1)
    }

    @Test func componentsAreCutToFourteenBytes() throws {
        let system = try mount(makeDisk())
        try system.makeDirectory("/123456789012345")
        try system.write([7], to: "/12345678901234/123456789012345")
        #expect(try system.contents(of: "/12345678901234567/12345678901234") == [7])
        #expect(
            failure { () throws(SystemError) in try system.touch("/12345678901234/123456789012345/x") } == .notDirectory
        )
        #expect(failure { () throws(SystemError) in _ = try system.status("/1234567890123") } == .noSuchFile)
    }

    @Test func theEmptyPathIsTheWorkingDirectoryForLookUpOnly() throws {
        let system = try mount(makeDisk())
        try system.makeDirectory("/d")
        try system.touch("/f")
        let d = try system.lookUp("/d")
        #expect(try system.status("", from: d) == system.status(d))
        #expect(try system.open("", from: d).inode.isSame(as: d))
        #expect(failure { () throws(SystemError) in try system.touch("", from: d) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.makeDirectory("", from: d) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.unlink("", from: d) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.link("/f", "", from: d) } == .noSuchFile)
        #expect(failure { () throws(SystemError) in try system.touch("/", from: d) } == .noSuchFile)
        _ = consume d
        #expect(system.inodesInUse == 0)
    }

    @Test func dotAndDotDotLeadWhereTheySay() throws {
        let system = try mount(makeDisk())
        try system.makeDirectory("/a")
        try system.makeDirectory("/a/b")
        let b = try system.lookUp("/a/b")
        try system.write([9], to: "/a/b/../f")
        #expect(try system.status("../f", from: b).size == 1)
        #expect(try system.status("./.././../a/./b", from: b) == system.status(b))
        #expect(try system.status("/../../..").inode == 1)
        _ = consume b
    }

    @Test func aNulEndsAPath() throws {
        let system = try mount(makeDisk())
        try system.touch("/a\0/b")
        #expect(try system.names("/") == [".", "..", "a"])
        #expect(try system.status("\0junk").inode == 1)
    }

    @Test func whatStandsBehindANamesNulDoesNotCount() throws {
        let disk = try makeDisk()
        try mount(disk).touch("/ab")
        disk[39 * 1024 + 32 + 2 + 3] = 0x78  // "ab\0x"
        disk.put(Int32(0), at: 2048)  // as if the log were empty
        let system = try mount(disk)
        #expect(try system.status("/ab").inode == 2)
        #expect(failure { () throws(SystemError) in _ = try system.status("/abx") } == .noSuchFile)
    }

    @Test func aFileIsNoDirectory() throws {
        let system = try mount(makeDisk())
        try system.touch("/f")
        for path in ["/f/x", "/f/.", "/f/.."] {
            #expect(failure { () throws(SystemError) in _ = try system.status(path) } == .notDirectory)
            #expect(failure { () throws(SystemError) in try system.touch(path) } == .notDirectory)
            #expect(failure { () throws(SystemError) in try system.makeDirectory(path) } == .notDirectory)
            #expect(failure { () throws(SystemError) in try system.link("/f", path) } == .notDirectory)
        }
        #expect(failure { () throws(SystemError) in try system.unlink("/f/x") } == .notDirectory)
        #expect(system.inodesInUse == 0)
    }

    @Test func directoriesFiftyOneDeep() throws {
        let disk = try makeDisk()
        let system = try mount(disk)
        var current = try system.root()
        for _ in 0..<51 {
            try system.makeDirectory("d", from: current)
            let next = try system.lookUp("d", from: current)
            current = next
        }
        #expect(try system.status(String(repeating: "../", count: 51), from: current).inode == 1)
        for depth in 0..<51 {
            try system.unlink("../d", from: current)
            #expect(depth == 50 || system.freeInodes > 0)
            let next = try system.lookUp("..", from: current)
            current = next
        }
        _ = consume current
        #expect(system.inodesInUse == 0)
        #expect(system.freeInodes == 62)
        try system.synchronize()
        #expect(try findings(disk) == [])
    }
}
