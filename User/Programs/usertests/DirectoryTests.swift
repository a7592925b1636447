// Directories, names and links.

import SystemInterface
import UserLibrary

enum DirectoryTests {
    static var all: [Test] {
        [
            Test("mkdir", makeDirectory), Test("rmdir", removeDirectory), Test("dots", dots), Test("names", names),
            Test("slashes", slashes),
            Test("link", link), Test("unlink", unlink), Test("unlinkopen", unlinkOpen),
            Test("removedcwd", removedWorkingDirectory),
            Test("deep", deep), Test("bigdir", slow: true, bigDirectory), Test("createdelete", createDelete),
            Test("linkunlink", linkUnlink),
            Test("samename", sameName), Test("reusedentries", reusedEntries), Test("chdir", changeDirectory),
            Test("dirtree", tree),
        ]
    }

    private static func mkdir(_ name: StaticString) { call(.mkdir, at(name)).gives(0, "mkdir") }

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

    static func link() {
        makeFile("a", 10)
        call(.link, at("a"), at("b")).gives(0, "link")
        remove("a")
        expect(stat("b").size == 10 && stat("b").links == 1, "the other name stays")
        call(.link, at("b"), at("b")).fails(.fileExists, "link to itself")
        call(.link, at("missing"), at("c")).fails(.noSuchFile, "link of nothing")
        call(.link, at("."), at("c")).fails(.isDirectory, "link of a directory")
        call(.link, at("b"), at("")).fails(nil, "link to the empty path")
        call(.link, at("b"), at("missing/c")).fails(.noSuchFile, "link in a missing directory")
        call(.link, at("b"), at("b/c")).fails(nil, "link in a file")
        expect(stat("b").links, 1, "links after links that failed")
        mkdir("directory")
        call(.link, at("b"), at("directory/..")).fails(.fileExists, "link to ..")
        call(.link, at("b"), at("directory")).fails(.fileExists, "link to a directory's name")
        call(.link, at("/console"), at("console")).gives(0, "link of a device")
        expect(stat("console").type, 3, "the device")
        remove("console")
        remove("directory")
        remove("b")
    }

    static func unlink() {
        call(.unlink, at("missing")).fails(.noSuchFile, "unlink of nothing")
        call(.unlink, at("missing/x")).fails(.noSuchFile, "unlink in a missing directory")
        makeFile("file", 1)
        call(.unlink, at("file/x")).fails(.notDirectory, "unlink in a file")
        call(.unlink, at("")).fails(nil, "unlink of the empty path")
        call(.unlink, at("/")).fails(nil, "unlink of the root")
        remove("file")
        call(.unlink, at("file")).fails(.noSuchFile, "unlink a second time")
    }

    /// A file without a name lives until it is closed.
    static func unlinkOpen() {
        let before = resourcesBefore()
        makeFile("file", 3000)
        let file = open("file", 2)
        remove("file")
        call(.open, at("file"), 0).fails(.noSuchFile, "the name is gone")
        expect(stat(file).links, 0, "links of a file without a name")
        let bytes = memory(page)
        call(.read, file, at(bytes), 3000).gives(3000, "read")
        expect(Int(bytes[1000]), 1000 % 251, "a byte")
        call(.write, file, at(bytes), 4000).gives(4000, "write")
        makeFile("file", 10)
        expect(stat("file").inode != stat(file).inode, "a new file under the old name")
        expect(stat(file).size, 7000, "the old file")
        close(file)
        remove("file")
        let after = resources()
        expect(
            after.freeBlocks == before.freeBlocks && after.freeInodes == before.freeInodes,
            "blocks and inode are free again")
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
            FileTests.numbered(number) { call(.link, at("file"), $0) }.gives(0, "link")
        }
        expect(stat("file").links, 501, "links")
        remove("file")
        for number in 0..<500 {
            round = UInt(number)
            FileTests.unlinkNumbered(number)
        }
    }

    /// Four processes create and remove files in one directory.
    static func createDelete() {
        for process in 0..<4 {
            child {
                for index in 0..<20 {
                    close(FileTests.openNumbered(process * 100 + index, 0x202))
                    if index > 0, index % 2 == 0 { FileTests.unlinkNumbered(process * 100 + index / 2) }
                }
            }
        }
        for _ in 0..<4 { expect(waitStatus(), 0, "a process") }
        for process in 0..<4 {
            for index in 0..<20 {
                round = UInt(process * 100 + index)
                let outcome = FileTests.numbered(process * 100 + index) { call(.open, $0, 0) }
                if index >= 1 && index < 10 {
                    outcome.fails(.noSuchFile, "a file that was removed")
                } else {
                    close(UInt(outcome.succeeds("a file that was not removed")))
                    FileTests.unlinkNumbered(process * 100 + index)
                }
            }
        }
    }

    /// Two processes link, unlink and create the same few names.
    static func linkUnlink() {
        for process in 0..<3 {
            child {
                var random = Random(UInt64(process) * 97 + 1)
                for _ in 0..<100 {
                    switch random.below(3) {
                    case 0:
                        let file = call(.open, at("x"), 0x202)
                        if file.error == nil { close(UInt(file.value)) }
                    case 1: _ = call(.link, at("/cat"), at("x"))
                    default: _ = call(.unlink, at("x"))
                    }
                }
            }
        }
        for _ in 0..<3 { expect(waitStatus(), 0, "a process") }
        _ = call(.unlink, at("x"))
        expect(stat("/cat").links, 1, "links of a file after all its other names are gone")
    }

    /// Of processes that create the same name at the same time, all get the same file; of mkdir, one succeeds.
    static func sameName() {
        for turn in 0..<10 {
            round = UInt(turn)
            for _ in 0..<4 { child { exit(call(.mkdir, at("directory")).value == 0 ? 1 : 0) } }
            var made = 0
            for _ in 0..<4 { made += waitStatus() }
            expect(made, 1, "directories made")
            remove("directory")
            for _ in 0..<4 { child { exit(stat(open("file", 0x202)).inode) } }
            let first = waitStatus()
            for _ in 0..<3 { expect(waitStatus(), first, "the file's inode") }
            remove("file")
        }
    }

    /// Entries that were freed are used again: a directory does not grow for ever.
    static func reusedEntries() {
        mkdir("a")
        call(.chdir, at("a")).gives(0, "chdir")
        for number in 0..<200 {
            close(FileTests.openNumbered(number, 0x202))
            FileTests.unlinkNumbered(number)
        }
        expect(stat(".").size, 48, "the directory's size")
        call(.chdir, at("..")).gives(0, "chdir ..")
        remove("a")
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
                    FileTests.numbered(process) { call(.mkdir, $0) }.gives(0, "mkdir")
                    FileTests.numbered(process) { call(.chdir, $0) }.gives(0, "chdir")
                    for index in 0..<5 { close(FileTests.openNumbered(index, 0x202)) }
                    for index in 0..<5 { FileTests.unlinkNumbered(index) }
                    call(.chdir, at("..")).gives(0, "chdir ..")
                    FileTests.unlinkNumbered(process)
                }
            }
        }
        for _ in 0..<4 { expect(waitStatus(), 0, "a process") }
        expect(stat("root").links, 1, "links of the root")
        remove("root")
    }
}
