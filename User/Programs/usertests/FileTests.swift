// Files: open and its flags, descriptors, fstat, the console, device files. ContentTests has reading and writing.

import SystemInterface
import UserLibrary

enum FileTests {
    static var all: [Test] {
        [
            Test("openflags", openFlags), Test("opencreate", openCreate), Test("truncate", truncate),
            Test("truncateopen", truncateOpen),
            Test("fstat", fstat), Test("dup", duplicate), Test("descriptors", descriptors),
            Test("openfiles", openFiles),
            Test("console", console), Test("mknod", makeNode), Test("closedbyexit", closedByExit),
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

    /// 16 descriptors for a program without this system's note, whoever executes it, and 1,100 for one with it.
    static func descriptors() {
        ProgramImage(at: 0, Code.countDescriptors).write()
        inChild(13, "a program with 16 descriptors") {
            let argv = memory(page).of(UInt.self)
            call(.exec, at("image"), at(argv)).succeeds("exec of image")
        }
        inChild(0, "a program that has more open than it may have") {
            for descriptor in 3..<100 { expect(Int(open("/init")), descriptor, "the next descriptor") }
            let argv = memory(page).of(UInt.self)
            call(.exec, at("image"), at(argv)).succeeds("exec of image")
        }
        remove("image")
        let most = UInt(Limit.openFilesPerMarkedProcess)
        let before = resourcesBefore()
        inChild(0, "1,100 descriptors") {
            for descriptor in 3..<Int(most) { expect(Int(open("/init")), descriptor, "the next descriptor") }
            call(.open, at("/init"), 0).fails(.tooManyFiles, "one open file more")
            call(.dup, 0).fails(.tooManyFiles, "dup to one descriptor more")
            call(.open, at("/missing"), 0).fails(.noSuchFile, "open of nothing")
            for descriptor: UInt in [7, 16, 700, most - 1] {
                close(descriptor)
                expect(Int(open("/init")), Int(descriptor), "the descriptor that is free again")
            }
            call(.close, most).fails(.badDescriptor, "close beyond the last")
            inChild(0, "close of all in a child") {
                for descriptor in 2..<most { close(descriptor) }
                call(.close, 900).fails(.badDescriptor, "close again")
                expect(Int(open("/init")), 2, "the lowest descriptor")
            }
            for descriptor in 3..<most { close(descriptor) }
        }
        expect(Int(resources().openFiles), Int(before.openFiles), "open files afterwards")
    }

    /// Open files until there are no more: no program takes the last eighth, and programs with few descriptors do.
    static func openFiles() {
        let ready = PipeTests.make()
        let stop = PipeTests.make()
        let bytes = memory(page)
        let limit = Int(resources().openFileLimit)
        expect(limit >= 100, "the system's open files")
        var children = 0
        func fill(_ error: SystemError) {
            child {
                close(stop.write)
                while true {
                    let outcome = call(.open, at("/init"), 0)
                    if outcome.error == nil { continue }
                    outcome.fails(outcome.error == .tooManyFiles ? .tooManyFiles : error, "open")
                    break
                }
                call(.write, ready.write, at("x"), 1).gives(1, "write")
                call(.read, stop.read, at(bytes), 1).gives(0, "read")
            }
            call(.read, ready.read, at(bytes), 1).gives(1, "read")
            children += 1
        }
        while Int(resources().openFiles) + limit / 8 < limit { fill(.tooManyFilesInSystem) }
        close(open("/init", 0, "an open file of the last eighth"))
        // Each of these has 9 more: 16 descriptors.
        while Int(resources().openFiles) < limit, children < 60 {
            child {
                close(stop.write)
                var count = 0
                while count < 9, call(.open, at("/init"), 0).error == nil { count += 1 }
                call(.write, ready.write, at("x"), 1).gives(1, "write")
                call(.read, stop.read, at(bytes), 1).gives(0, "read")
            }
            call(.read, ready.read, at(bytes), 1).gives(1, "read")
            children += 1
        }
        if Int(resources().openFiles) == limit {
            call(.open, at("/init"), 0).fails(.tooManyFilesInSystem, "one open file more")
        }
        call(.dup, 0).succeeds("dup, which needs none")
        close(stop.write)
        for _ in 0..<children { expect(waitStatus(), 0, "a child with open files") }
        close(open("/init"))
    }

    /// A file or directory called by a number: "n" and three digits.
    static func numbered(_ number: Int, _ body: (UInt) -> Outcome) -> Outcome {
        var name: (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (
            UInt8(ascii: "n"), UInt8(48 + number / 1000 % 10), UInt8(48 + number / 100 % 10),
            UInt8(48 + number / 10 % 10),
            UInt8(48 + number % 10), 0
        )
        return withAddress(of: &name) { body($0) }
    }

    static func openNumbered(_ number: Int, _ flags: UInt) -> UInt {
        UInt(numbered(number) { call(.open, $0, flags) }.succeeds("open"))
    }
    static func unlinkNumbered(_ number: Int) { numbered(number) { call(.unlink, $0) }.gives(0, "unlink") }

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
