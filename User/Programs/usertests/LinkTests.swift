// Names of files: link, unlink, and the entries that they leave.

import SystemInterface
import UserLibrary

enum LinkTests {
    static var all: [Test] {
        [
            Test("link", link), Test("unlink", unlink), Test("unlinkopen", unlinkOpen),
            Test("createdelete", createDelete), Test("linkunlink", linkUnlink), Test("samename", sameName),
            Test("reusedentries", reusedEntries),
        ]
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

    /// Four processes create and remove files in one directory.
    static func createDelete() {
        for process in 0..<4 {
            child {
                for index in 0..<20 {
                    close(DescriptorTests.openNumbered(process * 100 + index, 0x202))
                    if index > 0, index % 2 == 0 { DescriptorTests.unlinkNumbered(process * 100 + index / 2) }
                }
            }
        }
        for _ in 0..<4 { expect(waitStatus(), 0, "a process") }
        for process in 0..<4 {
            for index in 0..<20 {
                round = UInt(process * 100 + index)
                let outcome = DescriptorTests.numbered(process * 100 + index) { call(.open, $0, 0) }
                if index >= 1 && index < 10 {
                    outcome.fails(.noSuchFile, "a file that was removed")
                } else {
                    close(UInt(outcome.succeeds("a file that was not removed")))
                    DescriptorTests.unlinkNumbered(process * 100 + index)
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
            close(DescriptorTests.openNumbered(number, 0x202))
            DescriptorTests.unlinkNumbered(number)
        }
        expect(stat(".").size, 48, "the directory's size")
        call(.chdir, at("..")).gives(0, "chdir ..")
        remove("a")
    }
}
