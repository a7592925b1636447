// Files: open and its flags, fstat, the console, device files. DescriptorTests has descriptors, ContentTests reading and
// writing.

import SystemInterface
import UserLibrary

enum FileTests {
    static var all: [Test] {
        [
            Test("openflags", openFlags), Test("opencreate", openCreate), Test("truncate", truncate),
            Test("truncateopen", truncateOpen),
            Test("fstat", fstat), Test("console", console), Test("mknod", makeNode),
        ]
    }

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
            close(1015)
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
        expect(
            file.device == 1 && file.inode > 1 && file.type == 2 && file.links == 1 && file.size == 1234,
            "fstat of a file")
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

}
