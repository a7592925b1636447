// Pipes.

import SystemInterface
import UserLibrary

enum PipeTests {
    static var all: [Test] {
        [
            Test("pipedata", data), Test("pipecapacity", capacity), Test("pipeends", ends), Test("pipecounts", counts),
            Test("pipepartial", partial), Test("pipedescriptors", descriptors), Test("pipefork", fork),
            Test("pipemany", many),
            Test("pipetable", table),
        ]
    }

    static func make() -> (read: UInt, write: UInt) {
        var ends: (Int32, Int32) = (-1, -1)
        withAddress(of: &ends) { call(.pipe, $0).gives(0, "pipe") }
        return (UInt(ends.0), UInt(ends.1))
    }

    /// Every byte comes through once, in order, in pieces of all sizes.
    static func data() {
        let pipe = make()
        let bytes = memory(4 * page)
        let total = 200_000
        child {
            close(pipe.read)
            var sent = 0
            var random = Random(3)
            while sent < total {
                let count = min(total - sent, 1 + random.below(9000))
                for index in 0..<count { bytes[index] = UInt8((sent + index) % 253) }
                call(.write, pipe.write, at(bytes), UInt(count)).gives(count, "write")
                sent += count
            }
        }
        close(pipe.write)
        var received = 0
        var random = Random(4)
        while true {
            let count = call(.read, pipe.read, at(bytes), UInt(1 + random.below(7000))).succeeds("read")
            if count == 0 { break }
            for index in 0..<count where Int(bytes[index]) != (received + index) % 253 {
                round = UInt(received + index)
                expect(false, "the byte is the one that was written")
            }
            received += count
        }
        expect(received, total, "bytes received")
        expect(waitStatus(), 0, "the writer")
    }

    /// At least 512 bytes fit without a reader.
    static func capacity() {
        let pipe = make()
        let bytes = memory(3 * page)
        call(.write, pipe.write, at(bytes), 512).gives(512, "a write of 512 bytes without a read")
        call(.read, pipe.read, at(bytes), 4096).gives(512, "a read of what there is")
        let pid = child { call(.write, pipe.write, at(bytes), 3 * 4096 - 5).succeeds("write") }
        pause(1)
        var left = 3 * 4096 - 5
        while left > 0 { left -= call(.read, pipe.read, at(bytes), 4096).succeeds("read") }
        expect(call(.wait, 0).value, pid, "the writer that waited for room")
    }

    /// Without writers there is an end, without readers an error; also for processes that wait.
    static func ends() {
        let bytes = memory(page)
        var pipe = make()
        call(.write, pipe.write, at(bytes), 10).gives(10, "write")
        close(pipe.write)
        call(.read, pipe.read, at(bytes), 100).gives(10, "read of what was left")
        call(.read, pipe.read, at(bytes), 100).gives(0, "read at the end")
        call(.read, pipe.read, at(bytes), 100).gives(0, "read at the end again")
        close(pipe.read)
        pipe = make()
        close(pipe.read)
        call(.write, pipe.write, at(bytes), 1).fails(.brokenPipe, "write without a reader")
        close(pipe.write)
        pipe = make()
        child {
            close(pipe.read)
            var written = 0
            while true {
                let write = call(.write, pipe.write, at(bytes), 4096)
                if write.error != nil {
                    write.fails(.brokenPipe, "write when the reader goes")
                    expect(written >= 512, "what was written before")
                    exit(6)
                }
                written += write.value
            }
        }
        pause(2)
        close(pipe.read)
        expect(waitStatus(), 6, "a writer whose reader goes")
        close(pipe.write)
        pipe = make()
        child {
            close(pipe.write)
            call(.read, pipe.read, at(bytes), 1).gives(0, "read when the writer goes")
        }
        pause(2)
        close(pipe.write)
        expect(waitStatus(), 0, "a reader whose writer goes")
        close(pipe.read)
    }

    /// The wrong end, and counts that are no counts.
    static func counts() {
        let pipe = make()
        let bytes = memory(page)
        call(.read, pipe.write, at(bytes), 1).fails(.badDescriptor, "read from the end for writing")
        call(.write, pipe.read, at(bytes), 1).fails(.badDescriptor, "write to the end for reading")
        call(.read, pipe.read, at(bytes), 0).gives(0, "read of nothing")
        call(.write, pipe.write, at(bytes), 0).gives(0, "write of nothing")
        call(.read, pipe.read, at(bytes), int(-1)).gives(0, "read of -1 bytes")
        call(.fstat, pipe.read, at(bytes)).fails(nil, "fstat of a pipe")
        call(.fstat, pipe.write, at(bytes)).fails(nil, "fstat of a pipe")
        close(pipe.read)
        close(pipe.write)
    }

    /// A copy that faults part-way gives the bytes before.
    static func partial() {
        let pipe = make()
        let bytes = memory(page)
        for index in 0..<Int(page) { bytes[index] = UInt8(index % 100) }
        call(.write, pipe.write, at(bytes) + page - 40, 100).gives(40, "a write of 100 bytes of which 40 are there")
        call(.write, pipe.write, at(bytes) + page - 7, 3000).gives(7, "a write of 3000 bytes of which 7 are there")
        call(.read, pipe.read, at(bytes), 4096).gives(47, "the bytes that were there")
        for index in 0..<40 { expect(Int(bytes[index]), (Int(page) - 40 + index) % 100, "a byte") }
        call(.write, pipe.write, at(bytes), 100).gives(100, "write")
        call(.read, pipe.read, at(bytes) + page - 30, 100).gives(
            30, "a read of 100 bytes for which there is room for 30")
        call(.read, pipe.read, at(bytes) + page, 100).fails(.badAddress, "a read without room")
        call(.read, pipe.read, at(bytes), 100).gives(70, "the rest")
        close(pipe.read)
        close(pipe.write)
    }

    /// The lowest free descriptors, read end first; a copy out that faults closes both.
    static func descriptors() {
        close(0)
        let first = make()
        expect(Int(first.read), 0, "the read end")
        expect(Int(first.write), 3, "the write end")
        let before = resourcesBefore()
        for address in [userLimit, ProcessTests.textAddress, breakAddress + 2 * page, userLimit - 4] {
            round = address
            call(.pipe, address).fails(.badAddress, "pipe to a bad address")
        }
        round = nil
        expect(Int(resources().openFiles), Int(before.openFiles), "open files after it")
        expect(Int(resources().freePages), Int(before.freePages), "free pages after it")
        while call(.dup, 3).error == nil {}
        call(.pipe, at(memory(page))).fails(.tooManyFiles, "pipe without a free descriptor")
        close(9)
        call(.pipe, breakAddress - page).fails(.tooManyFiles, "pipe with one free descriptor")
        call(.dup, 3).gives(9, "the descriptor is still free")
    }

    static func fork() {
        let pipe = make()
        let bytes = memory(page)
        for number in 0..<5 {
            child {
                bytes[0] = UInt8(number)
                call(.write, pipe.write, at(bytes), 1).gives(1, "write")
            }
        }
        close(pipe.write)
        var sum = 0
        for _ in 0..<5 {
            call(.read, pipe.read, at(bytes), 1).gives(1, "read")
            sum += 1 << Int(bytes[0])
        }
        expect(sum, 31, "a byte of each child")
        call(.read, pipe.read, at(bytes), 1).gives(0, "the end when all children are gone")
        for _ in 0..<5 { expect(waitStatus(), 0, "a child") }
    }

    /// Writers and readers of one pipe on all harts: as many bytes come out as went in, each writer's in order.
    static func many() {
        let pipe = make()
        let results = make()
        for number in 0..<4 {
            child {
                close(pipe.read)
                let bytes = memory(page)
                for index in 0..<500 {
                    for place in 0..<8 { bytes[place] = UInt8(number * 50 + index % 50) }
                    call(.write, pipe.write, at(bytes), 8).gives(8, "write")
                }
            }
        }
        for _ in 0..<3 {
            child {
                close(pipe.write)
                let bytes = memory(page)
                var sum = 0
                while true {
                    let count = call(.read, pipe.read, at(bytes), 24).succeeds("read")
                    if count == 0 { break }
                    for index in 0..<count { sum += Int(bytes[index]) }
                }
                bytes.of(Int.self)[0] = sum
                call(.write, results.write, at(bytes), 8).gives(8, "write of the sum")
            }
        }
        close(pipe.read)
        close(pipe.write)
        var wanted = 0
        for number in 0..<4 { for index in 0..<500 { wanted += 8 * (number * 50 + index % 50) } }
        let bytes = memory(page)
        for _ in 0..<3 {
            call(.read, results.read, at(bytes), 8).gives(8, "read of a sum")
            wanted -= bytes.of(Int.self)[0]
        }
        expect(wanted, 0, "bytes written less bytes read, summed up")
        for _ in 0..<7 { expect(waitStatus(), 0, "a child") }
    }

    /// Pipes until no program gets more, which leaves the last eighth to programs with few descriptors.
    static func table() {
        let stop = make()
        let ready = make()
        let limit = Int(resources().openFileLimit)
        let bytes = memory(page)
        var children = 0
        while Int(resources().openFiles) + limit / 8 + 2 <= limit {
            child {
                close(stop.write)
                while true {
                    let outcome = call(.pipe, at(bytes))
                    if outcome.error == nil { continue }
                    outcome.fails(outcome.error == .tooManyFiles ? .tooManyFiles : .tooManyFilesInSystem, "pipe")
                    break
                }
                call(.write, ready.write, at("x"), 1).gives(1, "write")
                call(.read, stop.read, breakAddress - 1, 1).gives(0, "read")
            }
            call(.read, ready.read, at(bytes), 1).gives(1, "read")
            children += 1
        }
        inChild(0, "no more for a program with many") {
            for _ in 0..<20 { _ = call(.dup, 0) }
            while call(.open, at("/init"), 0).error == nil {}
            call(.pipe, at(bytes)).fails(.tooManyFilesInSystem, "pipe without open files")
            call(.open, at("/init"), 0).fails(.tooManyFilesInSystem, "open without open files")
            call(.open, at("new"), 0x200).fails(.tooManyFilesInSystem, "open to create without open files")
            call(.open, at("new"), 0).fails(.noSuchFile, "what was not created")
        }
        inChild(0, "a pipe for a program with few") { _ = make() }
        close(stop.write)
        for _ in 0..<children { expect(waitStatus(), 0, "a child with pipes") }
        inChild(0, "pipes again") { _ = make() }
    }
}
