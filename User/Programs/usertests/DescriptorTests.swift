// Descriptors and open files: dup, the table of a process, the table of all, what exit closes.

import SystemInterface
import UserLibrary

enum DescriptorTests {
    static var all: [Test] {
        [
            Test("dup", duplicate), Test("descriptors", descriptors), Test("openfiles", openFiles),
            Test("manysockets", manySockets), Test("closedbyexit", closedByExit),
        ]
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

    /// Sockets until one process gets no more: a program with few descriptors still does, and with 128 MiB of memory the
    /// process ran out of descriptors, not of sockets (a server with a thousand connections).
    static func manySockets() {
        let memory = Int(resources().pages)
        inChild(0, "a process that opens sockets") {
            var count = 0
            while true {
                let outcome = call(.socket, UInt(SocketKind.datagram.rawValue))
                if outcome.error == nil {
                    count += 1
                    continue
                }
                let hasRoom = memory >= 120 << 8
                outcome.fails(hasRoom ? .tooManyFiles : outcome.error ?? .tooManyFiles, "socket")
                expect(count, hasRoom ? Limit.openFilesPerMarkedProcess - 3 : count, "sockets of one process")
                break
            }
            inChild(0, "a process with few descriptors") {
                for descriptor in 3..<UInt(3 + count) { close(descriptor) }
                call(.socket, UInt(SocketKind.datagram.rawValue)).succeeds("a socket of the last eighth")
            }
        }
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
