// Files: open and its flags, reading and writing, descriptors, fstat.

import SystemInterface
import UserLibrary

enum FileTests {
    static var all: [Test] { [
        Test("openflags", openFlags), Test("opencreate", openCreate), Test("truncate", truncate), Test("truncateopen", truncateOpen),
        Test("fstat", fstat), Test("dup", duplicate), Test("descriptors", descriptors), Test("openfiles", openFiles),
        Test("writesizes", writeSizes), Test("bigfile", bigFile), Test("writebad", writeBad), Test("readcounts", readCounts),
        Test("sharedoffset", sharedOffset), Test("fourfiles", fourFiles), Test("onefile", oneFile), Test("rewrite", rewrite),
        Test("console", console), Test("mknod", makeNode), Test("closedbyexit", closedByExit),
    ] }

    /// readable = not WRONLY; writable = WRONLY or RDWR.
    static func openFlags() {
        makeFile("file", 50)
        let bytes = memory(page)
        for flags: UInt in [0, 1, 2, 3, 0x200, 0x201, 0x202, 0x203, 0x4, 0x800] {
            round = flags
            let file = open("file", flags)
            let read = call(.read, file, at(bytes), 10)
            let write = call(.write, file, at(bytes), 10)
            if flags & 1 == 0 { read.gives(10, "read") } else { read.fails(.badDescriptor, "read") }
            if flags & 3 != 0 { write.gives(10, "write") } else { write.fails(.badDescriptor, "write") }
            close(file)
        }
        round = nil
        expect(stat("file").size, 50, "the file's size")
        call(.open, at("missing"), 2).fails(.noSuchFile, "open for writing of nothing")
        call(.open, at("missing"), 0x400).fails(.noSuchFile, "open with O_TRUNC of nothing")
        call(.mkdir, at("directory")).gives(0, "mkdir")
        for flags: UInt in [1, 2, 0x200, 0x201, 0x202, 0x400, 0x401, 4, 0x800, 0xffff_ffff] {
            round = flags
            call(.open, at("directory"), flags).fails(.isDirectory, "a directory opens only with flags 0")
        }
        round = nil
        close(open("directory", 0xffff_ffff_0000_0000))
        remove("directory")
        remove("file")
    }

    static func openCreate() {
        let file = open("file", 0x202)
        call(.write, file, at("abc"), 3).gives(3, "write")
        expect(Int(open("file", 0x200)), Int(file) + 1, "O_CREATE of what is there opens it")
        expect(stat(file + 1).size, 3, "what was there")
        expect(stat(file + 1).inode, stat(file).inode, "the same inode")
        close(open("/console", 0x202, "O_CREATE of a device"))
        call(.open, at("/"), 0x200).fails(nil, "O_CREATE of the root")
        call(.open, at(""), 0x200).fails(nil, "O_CREATE of the empty path")
        call(.open, at("."), 0x200).fails(nil, "O_CREATE of .")
        let reading = open("reading", 0x200)
        call(.write, reading, at("abc"), 3).fails(.badDescriptor, "write to a file created for reading")
        remove("reading")
        remove("file")
    }

    /// O_TRUNC empties a plain file, opened for writing or not; nothing else.
    static func truncate() {
        for flags: UInt in [0x400, 0x401, 0x402, 0x600, 0x601] {
            round = flags
            makeFile("file", 5000)
            let free = resources().freeBlocks
            let file = open("file", flags)
            expect(stat(file).size, 0, "the file's size after O_TRUNC")
            expect(Int(resources().freeBlocks) - Int(free), 5, "the blocks that are free again")
            close(file)
        }
        round = nil
        remove("file")
        close(open("/console", 0x402, "O_TRUNC of a device"))
        // A file that cannot be opened for want of descriptors keeps its content.
        makeFile("file", 100)
        inChild(0, "open without descriptors") {
            while call(.dup, 0).error == nil {}
            call(.open, at("file"), 0x401).fails(.tooManyFiles, "open without descriptors")
            close(15)
            expect(stat("file").size, 100, "the file's size after an open that failed")
        }
        remove("file")
    }

    /// A reader that is beyond the new end finds nothing; a writer there gets an error.
    static func truncateOpen() {
        let bytes = memory(page)
        makeFile("file", 1000)
        let reader = open("file")
        let writer = open("file", 1)
        call(.read, reader, at(bytes), 100).gives(100, "read")
        call(.write, writer, at(bytes), 100).gives(100, "write")
        close(open("file", 0x401))
        call(.read, reader, at(bytes), 100).gives(0, "read beyond the end")
        call(.write, writer, at(bytes), 100).fails(nil, "write beyond the end")
        let second = open("file", 1)
        call(.write, second, at(bytes), 103).gives(103, "write")
        call(.read, reader, at(bytes), 100).gives(3, "read of what is there again")
        for file in [reader, writer, second] { close(file) }
        remove("file")
    }

    static func fstat() {
        makeFile("file", 1234)
        let file = stat("file")
        expect(file.device == 1 && file.inode > 1 && file.type == 2 && file.links == 1 && file.size == 1234, "fstat of a file")
        call(.link, at("file"), at("other")).gives(0, "link")
        expect(stat("other").inode == file.inode && stat("file").links == 2, "fstat of a file with two names")
        remove("other")
        let directory = stat(".")
        expect(directory.type == 1 && directory.links == 1 && directory.size % 16 == 0, "fstat of a directory")
        expect(stat("/").inode, 1, "the root's inode")
        expect(stat("").inode, directory.inode, "the empty path is the working directory")
        let console = stat("/console")
        expect(console.type == 3 && console.size == 0, "fstat of a device")
        for descriptor: UInt in [3, 15, 16, 100, 0xffff_ffff, 0x8000_0000] {
            round = descriptor
            call(.fstat, descriptor, breakAddress - 100).fails(.badDescriptor, "fstat of no file")
        }
        round = nil
        // All 24 bytes, and not one more.
        let bytes = memory(page)
        for index in 0..<64 { bytes[index] = 0xee }
        let descriptor = open("file")
        call(.fstat, descriptor, at(bytes) + 8).gives(0, "fstat")
        expect(bytes[7] == 0xee && bytes[32] == 0xee && bytes[8] == 1 && bytes[31] == 0, "fstat writes 24 bytes")
        close(descriptor)
        remove("file")
    }

    /// The lowest free descriptor; the same offset.
    static func duplicate() {
        makeFile("file", 100)
        let bytes = memory(page)
        let file = open("file")
        expect(Int(file), 3, "the first free descriptor")
        call(.dup, file).gives(4, "dup")
        call(.dup, file).gives(5, "dup")
        close(4)
        call(.dup, 5).gives(4, "dup takes the lowest")
        call(.read, file, at(bytes), 10).gives(10, "read")
        call(.read, 4, at(bytes), 10).gives(10, "read")
        expect(Int(bytes[0]), 10, "the offset is shared")
        close(file)
        call(.read, 5, at(bytes), 10).gives(10, "read after one of them is closed")
        expect(Int(bytes[0]), 20, "the offset is shared")
        close(4)
        close(5)
        call(.read, 5, at(bytes), 10).fails(.badDescriptor, "read after all are closed")
        call(.close, 5).fails(.badDescriptor, "close twice")
        remove("file")
    }

    /// 16 descriptors a process.
    static func descriptors() {
        for descriptor in 3..<16 { expect(Int(open("/init")), descriptor, "the next descriptor") }
        call(.open, at("/init"), 0).fails(.tooManyFiles, "a 17th open file")
        call(.dup, 0).fails(.tooManyFiles, "dup to a 17th descriptor")
        call(.open, at("/missing"), 0).fails(.noSuchFile, "open of nothing")
        let before = resourcesBefore().openFiles
        call(.open, at("/init"), 0).fails(.tooManyFiles, "a 17th open file")
        expect(Int(resources().openFiles), Int(before), "open files after it")
        close(7)
        expect(Int(open("/init")), 7, "the descriptor that is free again")
        inChild(0, "close of all in a child") {
            for descriptor: UInt in 2..<16 { close(descriptor) }
        }
        for descriptor: UInt in 3..<16 { close(descriptor) }
    }

    /// 100 open files in all, and more than 50 inodes in use.
    static func openFiles() {
        let ready = PipeTests.make()
        let stop = PipeTests.make()
        let bytes = memory(page)
        var children = 0
        while true {
            let left = 100 - Int(resources().openFiles)
            if left == 0 { break }
            let count = min(left, 9)
            child {
                close(stop.write)
                for index in 0..<count { _ = openNumbered(children * 10 + index, 0x202) }
                call(.write, ready.write, at("x"), 1).gives(1, "write")
                call(.read, stop.read, at(bytes), 1).gives(0, "read")
                for index in 0..<count { unlinkNumbered(children * 10 + index) }
            }
            call(.read, ready.read, at(bytes), 1).gives(1, "read")
            children += 1
        }
        expect(resources().inodesInUse > 60, "more than 60 inodes are in use")
        call(.open, at("/init"), 0).fails(.tooManyFilesInSystem, "a 101st open file")
        call(.dup, 0).succeeds("dup, which needs none")
        close(stop.write)
        for _ in 0..<children { expect(waitStatus(), 0, "a child with open files") }
        close(open("/init"))
    }

    /// A file or directory called by a number: "n" and three digits.
    static func numbered(_ number: Int, _ body: (UInt) -> Outcome) -> Outcome {
        var name: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (
            UInt8(ascii: "n"), UInt8(48 + number / 1000 % 10), UInt8(48 + number / 100 % 10), UInt8(48 + number / 10 % 10),
            UInt8(48 + number % 10), 0
        )
        return withUnsafeMutablePointer(to: &name) { body(at($0)) }
    }

    static func openNumbered(_ number: Int, _ flags: UInt) -> UInt {
        UInt(numbered(number) { call(.open, $0, flags) }.succeeds("open"))
    }
    static func unlinkNumbered(_ number: Int) { numbered(number) { call(.unlink, $0) }.gives(0, "unlink") }

    /// Writes and reads of all sizes, across block borders.
    static func writeSizes() {
        let bytes = memory(8 * page)
        for size in [1, 2, 499, 511, 512, 513, 1023, 1024, 1025, 2047, 4096, 5000, 8191, 8192, 12_000, 30_000] {
            round = UInt(size)
            for index in 0..<size { bytes[index] = UInt8((index ^ size) & 0xff) }
            let file = open("file", 0x602)
            for _ in 0..<3 { call(.write, file, at(bytes), UInt(size)).gives(size, "write") }
            expect(stat(file).size, 3 * size, "the file's size")
            close(file)
            let reader = open("file")
            for _ in 0..<3 {
                for index in 0..<size { bytes[index] = 0 }
                call(.read, reader, at(bytes), UInt(size)).gives(size, "read")
                for index in 0..<size where bytes[index] != UInt8((index ^ size) & 0xff) { expect(false, "a byte read is as written") }
            }
            call(.read, reader, at(bytes), 1).gives(0, "read at the end")
            close(reader)
        }
        remove("file")
    }

    /// 268 blocks, and not a byte more, on a disk without double-indirect blocks.
    static func bigFile() {
        let bytes = memory(page)
        let file = open("file", 0x202)
        for block in 0..<268 {
            round = UInt(block)
            bytes[0] = UInt8(block & 0xff)
            bytes[1023] = UInt8(block >> 8)
            call(.write, file, at(bytes), 1024).gives(1024, "write")
        }
        round = nil
        expect(stat(file).size, 274_432, "the size of the largest file")
        let more = call(.write, file, at(bytes), 1024)
        if more.error != nil {
            more.fails(.fileTooLarge, "a block too many")
            call(.write, file, at(bytes), 1).fails(.fileTooLarge, "a byte too many")
            expect(stat(file).size, 274_432, "the size after it")
        }
        close(file)
        let reader = open("file")
        for block in 0..<268 {
            round = UInt(block)
            call(.read, reader, at(bytes), 1024).gives(1024, "read")
            expect(Int(bytes[0]) + Int(bytes[1023]) << 8, block, "the block's number")
        }
        close(reader)
        round = nil
        let before = Int(resources().freeBlocks)
        remove("file")
        expect(Int(resources().freeBlocks) - before >= 269, "the blocks of a big file are free when it is removed")
    }

    /// A write that cannot be done in full gives -1.
    static func writeBad() {
        let bytes = memory(page)
        makeFile("file", 10)
        let file = open("file", 1)
        let end = (breakAddress + page - 1) & ~(page - 1)
        call(.write, file, end, 10).fails(.badAddress, "a write from beyond the break")
        call(.write, file, end - 100, 5000).fails(.badAddress, "a write that runs off the last page")
        call(.write, file, at(bytes), int(-1)).fails(nil, "a write of -1 bytes")
        call(.write, file, at(bytes), int(Int(Int32.min))).fails(nil, "a write of the most negative count")
        call(.write, file, at(bytes), 0).gives(0, "a write of nothing")
        close(file)
        remove("file")
    }

    static func readCounts() {
        makeFile("file", 3000)
        let bytes = memory(page)
        var file = open("file")
        call(.read, file, at(bytes), 0).gives(0, "read of nothing")
        call(.read, file, breakAddress - 100, int(-1)).fails(.badAddress, "read of -1 bytes ends at the first page that is not there")
        close(file)
        file = open("file")
        call(.read, file, at(bytes), int(-1)).gives(3000, "read of -1 bytes into enough room")
        call(.read, file, at(bytes), 1).gives(0, "read at the end")
        close(file)
        // A directory reads as raw entries, "." and ".." first.
        file = open(".")
        call(.read, file, at(bytes), 32).gives(32, "read of a directory")
        expect(bytes[2] == 0x2e && bytes[3] == 0 && bytes[18] == 0x2e && bytes[19] == 0x2e && bytes[20] == 0, ". and ..")
        expect(Int(bytes[0]) | Int(bytes[1]) << 8, stat(".").inode, "the inode of .")
        call(.write, file, at(bytes), 16).fails(.badDescriptor, "write to a directory")
        close(file)
        remove("file")
    }

    /// Parent and child write through one open file: nothing is lost.
    static func sharedOffset() {
        let file = open("file", 0x202)
        let bytes = memory(page)
        let pid = child {
            for index in 0..<10 { bytes[index] = UInt8(ascii: "c") }
            for _ in 0..<200 { call(.write, file, at(bytes), 10).gives(10, "write") }
        }
        for index in 0..<10 { bytes[index] = UInt8(ascii: "p") }
        for _ in 0..<200 { call(.write, file, at(bytes), 10).gives(10, "write") }
        expect(call(.wait, 0).value, pid, "wait")
        close(file)
        let reader = open("file")
        var (parents, childs) = (0, 0)
        while call(.read, reader, at(bytes), 10).succeeds("read") == 10 {
            for index in 0..<10 { expect(bytes[index] == bytes[0], "a write of ten bytes stays together") }
            if bytes[0] == UInt8(ascii: "p") { parents += 1 } else { childs += 1 }
        }
        expect(parents == 200 && childs == 200, "all writes of both")
        close(reader)
        remove("file")
    }

    /// Four processes, each with a file of its own.
    static func fourFiles() {
        for number in 0..<4 {
            child {
                let bytes = memory(page)
                for _ in 0..<3 {
                    let file = openNumbered(number, 0x602)
                    for index in 0..<500 { bytes[index] = UInt8(number + 48) }
                    for _ in 0..<24 { call(.write, file, at(bytes), 500).gives(500, "write") }
                    close(file)
                    let reader = openNumbered(number, 0)
                    var total = 0
                    while true {
                        let count = call(.read, reader, at(bytes), 700).succeeds("read")
                        if count == 0 { break }
                        for index in 0..<count { expect(Int(bytes[index]), number + 48, "a byte of one's own file") }
                        total += count
                    }
                    expect(total, 12_000, "the file's size")
                    close(reader)
                }
                unlinkNumbered(number)
            }
        }
        for _ in 0..<4 { expect(waitStatus(), 0, "a writing process") }
    }

    /// Four processes write to one file, each to an offset of its own: they overwrite each other, block by block.
    static func oneFile() {
        makeFile("file", 0)
        for number in 0..<4 {
            child {
                let bytes = memory(page)
                for index in 0..<1024 { bytes[index] = UInt8(number + 48) }
                let file = open("file", 1)
                for _ in 0..<30 { call(.write, file, at(bytes), 1024).gives(1024, "write") }
            }
        }
        for _ in 0..<4 { expect(waitStatus(), 0, "a writing process") }
        let bytes = memory(page)
        let reader = open("file")
        for _ in 0..<30 {
            call(.read, reader, at(bytes), 1024).gives(1024, "read")
            for index in 0..<1024 where bytes[index] != bytes[0] || bytes[0] < 48 || bytes[0] > 51 {
                expect(false, "a block is one process's")
            }
        }
        call(.read, reader, at(bytes), 1).gives(0, "the end")
        remove("file")
    }

    /// Overwriting the middle leaves the rest.
    static func rewrite() {
        makeFile("file", 5000)
        let bytes = memory(2 * page)
        let file = open("file", 2)
        call(.read, file, at(bytes), 1000).gives(1000, "read")
        for index in 0..<100 { bytes[index] = 0xff }
        call(.write, file, at(bytes), 100).gives(100, "write")
        close(file)
        let reader = open("file")
        call(.read, reader, at(bytes), 8000).gives(5000, "read")
        for index in 0..<5000 {
            round = UInt(index)
            expect(Int(bytes[index]), index >= 1000 && index < 1100 ? 0xff : index % 251, "a byte")
        }
        remove("file")
    }

    static func console() {
        let console = open("/console", 2)
        let bytes = memory(page)
        expect(stat(console).type, 3, "the console's type")
        call(.read, console, at(bytes), 0).gives(0, "read of nothing")
        call(.read, console, at(bytes), int(-1)).gives(0, "read of -1 bytes")
        call(.write, console, at(bytes), 0).gives(0, "write of nothing")
        call(.write, console, at(bytes), int(-1)).gives(0, "write of -1 bytes")
        call(.write, open("/console", 0), at(bytes), 1).fails(.badDescriptor, "write to a console opened for reading")
        call(.read, open("/console", 1), at(bytes), 1).fails(.badDescriptor, "read from a console opened for writing")
        call(.exec, at("/console"), at(bytes)).fails(nil, "exec of a device")
        call(.chdir, at("/console")).fails(.notDirectory, "chdir to a device")
    }

    static func makeNode() {
        let bytes = memory(page)
        call(.mknod, at("tty"), 1, 0).gives(0, "mknod of a console")
        let tty = open("tty", 2)
        expect(stat(tty).type, 3, "the device's type")
        call(.write, tty, at("  (a line through a device)\n"), 28).gives(28, "write to it")
        close(tty)
        call(.mknod, at("none"), 7, 1).gives(0, "mknod of a device without a driver")
        let none = open("none", 0x202)
        call(.read, none, at(bytes), 1).fails(nil, "read from a device without a driver")
        call(.write, none, at(bytes), 1).fails(nil, "write to a device without a driver")
        close(none)
        for major in [-1, 10, 0x7fff, -0x8000] {
            round = int(major)
            call(.mknod, at("wild"), int(major), 0).gives(0, "mknod with a wild major number")
            call(.open, at("wild"), 0).fails(nil, "open of a device with a wild major number")
            remove("wild")
        }
        round = nil
        call(.mknod, at(""), 1, 1).fails(nil, "mknod of the empty path")
        call(.mknod, at("missing/x"), 1, 1).fails(.noSuchFile, "mknod in a missing directory")
        remove("tty")
        remove("none")
    }

    /// exit, and a kill, close what was open.
    static func closedByExit() {
        let before = resourcesBefore()
        for kill in [false, true] {
            let pid = child {
                for index in 0..<6 { _ = openNumbered(index, 0x202) }
                for index in 0..<6 { unlinkNumbered(index) }
                _ = PipeTests.make()
                if kill { pause(10_000) }
            }
            if kill {
                pause(3)
                call(.kill, UInt(pid)).gives(0, "kill")
            }
            expect(waitStatus(), kill ? -1 : 0, "the child")
            let after = resources()
            expect(Int(after.openFiles), Int(before.openFiles), "open files")
            expect(Int(after.inodesInUse), Int(before.inodesInUse), "inodes in use")
            expect(Int(after.freeInodes), Int(before.freeInodes), "free inodes")
        }
    }
}
