// Directories, and the names in them.

import SystemInterface
import UserLibrary

enum DirectoryTests {
    static var all: [Test] {
        [
            Test("mkdir", makeDirectory), Test("rmdir", removeDirectory), Test("dots", dots), Test("names", names),
            Test("slashes", slashes),
            Test("removedcwd", removedWorkingDirectory),
            Test("deep", deep), Test("bigdir", slow: true, bigDirectory),
            Test("chdir", changeDirectory),
            Test("dirtree", tree),
        ]
    }

    static func makeDirectory() {
        let before = stat(".")
        mkdir("a")
        expect(stat(".").links, before.links + 1, "a directory in it counts as a link to the parent")
        let inner = stat("a")
        expect(inner.type == 1 && inner.links == 1 && inner.size == 32, "a new directory")
        expect(stat("a/.").inode, inner.inode, "a/.")
        expect(stat("a/..").inode, before.inode, "a/..")
        call(.mkdir, at("a")).fails(.fileExists, "mkdir of what is there")
        call(.mkdir, at("")).fails(nil, "mkdir of the empty path")
        call(.mkdir, at("/")).fails(nil, "mkdir of the root")
        call(.mkdir, at(".")).fails(.fileExists, "mkdir of .")
        call(.mkdir, at("..")).fails(.fileExists, "mkdir of ..")
        call(.mkdir, at("x/y")).fails(.noSuchFile, "mkdir in a missing directory")
        makeFile("file", 1)
        call(.mkdir, at("file/y")).fails(.notDirectory, "mkdir in a file")
        remove("file")
        remove("a")
        expect(stat(".").links, before.links, "the parent's links after the directory is gone")
    }

    static func removeDirectory() {
        mkdir("a")
        mkdir("a/b")
        call(.unlink, at("a")).fails(.directoryNotEmpty, "unlink of a directory that holds a directory")
        remove("a/b")
        makeFile("a/file", 1)
        call(.unlink, at("a")).fails(.directoryNotEmpty, "unlink of a directory that holds a file")
        remove("a/file")
        for name: StaticString in ["a/.", "a/..", ".", "..", "/", ""] {
            call(.unlink, at(name)).fails(nil, "unlink of . and the like")
        }
        remove("a")
        call(.open, at("a"), 0).fails(.noSuchFile, "open of a directory that is gone")
    }

    static func dots() {
        expect(stat("/..").inode, 1, "/.. is the root")
        expect(stat("/../../.").inode, 1, "/../../. is the root")
        mkdir("a")
        call(.chdir, at("a")).gives(0, "chdir")
        makeFile("file", 3)
        expect(stat("../a/./file").size, 3, "a path with dots")
        remove("../a/file")
        call(.chdir, at("..")).gives(0, "chdir ..")
        remove("a")
    }

    /// 14 bytes count; what is longer is cut.
    static func names() {
        makeFile("12345678901234", 14)
        expect(stat("12345678901234").size, 14, "a name of 14 bytes")
        expect(stat("123456789012345").size, 14, "a name of 15 bytes is cut")
        expect(stat("12345678901234xyz").size, 14, "a longer name is cut")
        call(.open, at("1234567890123"), 0).fails(.noSuchFile, "13 of 14 bytes are another name")
        call(.mkdir, at("123456789012345")).fails(.fileExists, "a name that is cut to one that is there")
        close(open("12345678901234567", 0x200))
        remove("123456789012345")
        call(.open, at("12345678901234"), 0).fails(.noSuchFile, "the name is gone")
        mkdir("directory-of-14")
        mkdir("directory-of-14/and-another-long-one")
        expect(stat("directory-of-1/and-another-lo").type, 1, "components in the middle of a path are cut")
        remove("directory-of-1/and-another-lo")
        remove("directory-of-14")
        // Any byte but / and NUL.
        let bytes = memory(page)
        for byte in 1..<256 where byte != 0x2f && byte != 0x2e {
            round = UInt(byte)
            bytes[0] = UInt8(byte)
            close(UInt(call(.open, at(bytes), 0x202).succeeds("open of such a name")))
            call(.unlink, at(bytes)).gives(0, "unlink of such a name")
        }
    }

    static func slashes() {
        mkdir("a")
        makeFile("a///file", 5)
        expect(stat(".//a////file").size, 5, "slashes repeat")
        expect(stat("a/").type, 1, "a slash at the end")
        expect(stat("///").inode, 1, "nothing but slashes is the root")
        expect(stat("//usertests.tmp//a").type, 1, "slashes at the start")
        remove("a//file")
        remove("a/")
    }

    static func removedWorkingDirectory() {
        mkdir("a")
        let pid = child {
            call(.chdir, at("a")).gives(0, "chdir")
            pause(3)
            call(.open, at("file"), 0x202).fails(nil, "creating in a directory that is gone")
            call(.mkdir, at("b")).fails(nil, "mkdir in a directory that is gone")
            call(.link, at("/init"), at("c")).fails(nil, "link in a directory that is gone")
            call(.open, at("missing"), 0).fails(nil, "open in a directory that is gone")
            _ = call(.open, at("."), 0)
            call(.chdir, at("..")).gives(0, "chdir out of a directory that is gone")
            close(open("sign"))
        }
        pause(1)
        remove("a")
        makeFile("sign", 1)
        mkdir("a")
        expect(call(.wait, 0).value, pid, "wait")
        remove("sign")
        remove("a")
        // Three generations, all removed from below while in use.
        inChild(0, "removed directories above each other") {
            mkdir("x")
            mkdir("x/y")
            mkdir("x/y/z")
            call(.chdir, at("x/y/z")).gives(0, "chdir")
            remove("/usertests.tmp/x/y/z")
            remove("/usertests.tmp/x/y")
            remove("/usertests.tmp/x")
            call(.open, at("../"), 0).fails(.noSuchFile, "open of a parent that is gone too")
            call(.open, at("../file"), 0x202).fails(.noSuchFile, "creating in a parent that is gone too")
            call(.chdir, at("..")).fails(.noSuchFile, "chdir to a parent that is gone too")
        }
    }

    /// 51 directories below each other.
    static func deep() {
        let depth = 51
        inChild(0, "a deep directory") {
            for level in 0..<depth {
                round = UInt(level)
                mkdir("d")
                call(.chdir, at("d")).gives(0, "chdir")
                _ = call(.mkdir, at(""))
                _ = call(.open, at("d"), 0x200).succeeds("open")
                call(.unlink, at("d")).gives(0, "unlink")
                close(3)
            }
            for level in 0..<depth {
                round = UInt(level)
                call(.chdir, at("..")).gives(0, "chdir ..")
                remove("d")
            }
        }
    }

    /// 500 links in one directory.
    static func bigDirectory() {
        makeFile("file", 1)
        for number in 0..<500 {
            round = UInt(number)
            DescriptorTests.numbered(number) { call(.link, at("file"), $0) }.gives(0, "link")
        }
        expect(stat("file").links, 501, "links")
        remove("file")
        for number in 0..<500 {
            round = UInt(number)
            DescriptorTests.unlinkNumbered(number)
        }
    }

    static func changeDirectory() {
        let used = resources().inodesInUse
        for _ in 0..<100 {
            call(.chdir, at(".")).gives(0, "chdir .")
            call(.chdir, at("missing")).fails(.noSuchFile, "chdir to nothing")
            call(.chdir, at("/init")).fails(.notDirectory, "chdir to a file")
        }
        call(.chdir, at("")).gives(0, "chdir to the empty path")
        expect(Int(resources().inodesInUse), Int(used), "inodes in use")
    }

    /// Directories and files made and removed by four processes at once, in trees of their own with a common root.
    static func tree() {
        mkdir("root")
        for process in 0..<4 {
            child {
                call(.chdir, at("root")).gives(0, "chdir")
                for turn in 0..<5 {
                    round = UInt(turn)
                    DescriptorTests.numbered(process) { call(.mkdir, $0) }.gives(0, "mkdir")
                    DescriptorTests.numbered(process) { call(.chdir, $0) }.gives(0, "chdir")
                    for index in 0..<5 { close(DescriptorTests.openNumbered(index, 0x202)) }
                    for index in 0..<5 { DescriptorTests.unlinkNumbered(index) }
                    call(.chdir, at("..")).gives(0, "chdir ..")
                    DescriptorTests.unlinkNumbered(process)
                }
            }
        }
        for _ in 0..<4 { expect(waitStatus(), 0, "a process") }
        expect(stat("root").links, 1, "links of the root")
        remove("root")
    }
}
