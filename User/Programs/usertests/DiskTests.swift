// A disk without free blocks, or without free inodes: calls fail, nothing is lost, and all works again afterwards.

import SystemInterface
import UserLibrary

enum DiskTests {
    static var all: [Test] { [Test("diskfull", slow: true, full), Test("noinodes", slow: true, noInodes)] }

    static func full() {
        let before = resourcesBefore()
        let bytes = memory(32 * page)
        var files = 0
        var isFull = false
        while !isFull {
            round = UInt(files)
            let file = DescriptorTests.openNumbered(files, 0x202)
            files += 1
            var blocks = 0
            while blocks < 256 {
                let write = call(.write, file, at(bytes), 32 * 1024)
                if write.error != nil {
                    write.fails(.noSpace, "a write to a full disk")
                    isFull = true
                    break
                }
                blocks += 32
            }
            close(file)
        }
        round = nil
        // The last blocks, one by one.
        let last = open("last", 0x202)
        while call(.write, last, at(bytes), 1).error == nil {}
        close(last)
        expect(Int(resources().freeBlocks), 0, "free blocks of a full disk")
        call(.mkdir, at("directory")).fails(.noSpace, "mkdir on a full disk")
        call(.open, at("directory"), 0).fails(.noSuchFile, "the directory that could not be made")
        let reader = DescriptorTests.openNumbered(0, 0)
        call(.read, reader, at(bytes), 1024).gives(1024, "read from a full disk")
        close(reader)
        let again = DescriptorTests.openNumbered(0, 2)
        call(.write, again, at(bytes), 1024).gives(1024, "overwriting on a full disk")
        close(again)
        remove("last")
        for number in 0..<files {
            round = UInt(number)
            DescriptorTests.unlinkNumbered(number)
        }
        round = nil
        let after = resources()
        // The directory itself may have grown by a block.
        expect(Int(before.freeBlocks) - Int(after.freeBlocks) <= 1, "the blocks are free again")
        expect(Int(after.freeInodes), Int(before.freeInodes), "free inodes")
        makeFile("file", 10_000)
        remove("file")
    }

    static func noInodes() {
        let before = resourcesBefore()
        let count = Int(before.freeInodes)
        for number in 0..<count {
            round = UInt(number)
            close(DescriptorTests.openNumbered(number, 0x202))
        }
        round = nil
        call(.open, at("one-more"), 0x202).fails(.noSpace, "a file too many")
        call(.mkdir, at("one-more")).fails(.noSpace, "a directory too many")
        call(.mknod, at("one-more"), 1, 1).fails(.noSpace, "a device too many")
        call(.open, at("one-more"), 0).fails(.noSuchFile, "what could not be made")
        for number in 0..<count {
            round = UInt(number)
            DescriptorTests.unlinkNumbered(number)
        }
        round = nil
        expect(Int(resources().freeInodes), count, "free inodes")
        makeFile("file", 10)
        remove("file")
    }
}
