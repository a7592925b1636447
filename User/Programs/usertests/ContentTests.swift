// What is in files: writing and reading at all sizes, to the limits, by several processes.

import SystemInterface
import UserLibrary

enum ContentTests {
    static var all: [Test] {
        [
            Test("writesizes", writeSizes), Test("bigfile", bigFile), Test("writebad", writeBad),
            Test("readcounts", readCounts),
            Test("sharedoffset", sharedOffset), Test("fourfiles", fourFiles), Test("onefile", oneFile),
            Test("rewrite", rewrite),
        ]
    }

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
                for index in 0..<size where bytes[index] != UInt8((index ^ size) & 0xff) {
                    expect(false, "a byte read is as written")
                }
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
        call(.read, file, breakAddress - 100, int(-1)).fails(
            .badAddress, "read of -1 bytes ends at the first page that is not there")
        close(file)
        file = open("file")
        call(.read, file, at(bytes), int(-1)).gives(3000, "read of -1 bytes into enough room")
        call(.read, file, at(bytes), 1).gives(0, "read at the end")
        close(file)
        // A directory reads as raw entries, "." and ".." first.
        file = open(".")
        call(.read, file, at(bytes), 32).gives(32, "read of a directory")
        expect(
            bytes[2] == 0x2e && bytes[3] == 0 && bytes[18] == 0x2e && bytes[19] == 0x2e && bytes[20] == 0, ". and ..")
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
                    let file = DescriptorTests.openNumbered(number, 0x602)
                    for index in 0..<500 { bytes[index] = UInt8(number + 48) }
                    for _ in 0..<24 { call(.write, file, at(bytes), 500).gives(500, "write") }
                    close(file)
                    let reader = DescriptorTests.openNumbered(number, 0)
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
                DescriptorTests.unlinkNumbered(number)
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
}
