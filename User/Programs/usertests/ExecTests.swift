// exec: arguments, and what stays. What it makes of files: ImageTests.swift.

import SystemInterface
import UserLibrary

enum ExecTests {
    static var all: [Test] {
        [
            Test("execarguments", arguments), Test("execargumentlimits", argumentLimits),
            Test("manyarguments", manyArguments),
            Test("stackgrows", stackGrows), Test("execbadargv", badArgv),
            Test("execbadargv50000", slow: true, badArgv50000), Test("exececho", echo), Test("execkeeps", keeps),
            Test("execname", name), Test("execfails", failsCleanly), Test("execstorm", slow: true, storm),
        ]
    }

    /// exec of a program in the root; returns only if that fails.
    @discardableResult
    static func execute(_ words: [StaticString]) -> Outcome {
        do throws(SystemError) {
            let program = CString(words[0]).bytes
            try System.exec(("/" as Path).appending(program), ArgumentVector(words.map { CString($0).bytes }))
            return Outcome(value: 0, error: nil)
        } catch {
            return Outcome(value: -1, error: error)
        }
    }

    /// This program, executed by a test as "usertests =exec STATUS [WORD ...]": checks what exec gave it.
    static func beExecuted(_ arguments: Arguments) -> Int32 {
        let vector = Arguments.vectorAddress
        expect(vector % 16 == 0, "argv is 16-byte aligned")
        let count = arguments.count + 1
        expect(Memory<UInt>(address: vector)[count] == 0, "argv ends with NULL")
        var above = vector + UInt(count + 1) * 8
        for index in stride(from: count - 1, through: 0, by: -1) {
            let word = index == 0 ? Arguments.program : arguments[index - 1]
            let string = word.address
            expect(string % 16 == 0, "each argument is 16-byte aligned")
            expect(string >= above, "the arguments lie above argv, the first one highest")
            above = string + UInt(word.count) + 1
        }
        let end = (vector & ~(page - 1)) + page
        expect(above <= end && end - above < 16, "the first argument ends where the stack begins")
        expect(breakAddress == end, "the break is above the stack")
        return Int32(arguments[1].number ?? 1)
    }

    static func arguments() {
        inChild(42, "exec with three arguments") { execute(["usertests", "=exec", "42"]) }
        inChild(1, "exec with 31 arguments") {
            var words: [StaticString] = ["usertests", "=exec", "1"]
            while words.count < 31 { words.append("word") }
            execute(words)
            exit(99)
        }
        inChild(2, "exec with empty arguments") {
            execute(["usertests", "=exec", "2", "", "", "x", "1234567890123456", "123456789012345"])
        }
    }

    private static func withArguments(_ count: Int, length: Int, _ body: (UInt) -> Void) {
        let string = memory(UInt(length) + page)
        for index in 0..<length { string[index] = 0x61 }
        string[length] = 0
        let pointers = memory(UInt(count) * 8 + page).of(UInt.self)
        for index in 0..<count { pointers[index] = at(string) }
        pointers[count] = 0
        body(at(pointers))
    }

    /// Executes a program with so many arguments of such a length; its status, or 1000 if there are too many.
    private static func status(of program: StaticString, _ count: Int, _ length: Int) -> Int {
        round = UInt(count * 1_000_000 + length)
        child {
            withArguments(count, length: length) { argv in
                call(.exec, at(program), argv).fails(.argumentsTooLong, "exec")
                exit(1000)
            }
        }
        return waitStatus()
    }

    /// A program without this system's note: all arguments and their array fit one page, and there are at most 31.
    static func argumentLimits() {
        ProgramImage(at: 0, Code.exit).write()  // its status is argc
        func run(_ count: Int, _ length: Int, _ fits: Bool) {
            let status = status(of: "image", count, length)
            expect(status, fits ? count : 1000, "exec with so many arguments (times 1000000) of such a length")
        }
        run(31, 10, true)
        run(32, 10, false)
        guard status(of: "image", 1, 4096) == 1000 else {
            // The boot argument stack=2.
            run(31, 127, true)
            run(1, 8175, true)  // 8176 + 16
            run(1, 8176, false)
            remove("image")
            return
        }
        run(31, 400, false)
        run(31, 100, true)
        run(31, 111, true)  // 31 × 112 + 256 = 3728
        run(31, 127, false)  // 31 × 128 + 256 > 4096
        run(1, 4079, true)  // 4080 + 16
        run(1, 4080, false)
        run(1, 4095, false)
        run(1, 4096, false)
        run(1, 5000, false)
        run(2, 2015, true)  // 2 × 2016 + 32
        run(2, 2047, false)
        run(0, 0, true)
        remove("image")
    }

    /// A program with the note: 128 KiB of arguments, as many as there are, and each arrives.
    static func manyArguments() {
        func run(_ count: Int, _ length: Int, _ fits: Bool) {
            let status = status(of: "/true", count, length)
            expect(status, fits ? 0 : 1000, "exec with so many arguments (times 1000000) of such a length")
        }
        run(32, 10, true)
        run(31, 4000, true)
        run(1, 4095, true)
        run(1, 4096, true)
        run(1, 131_055, true)  // 131,056 + 16
        run(1, 131_056, false)
        run(1, 200_000, false)
        run(5400, 1, true)  // 5400 × 16 + 43,208
        run(5462, 1, false)
        run(16, 8000, true)
        let pipe = PipeTests.make()
        child {
            close(1)
            call(.dup, pipe.write).gives(1, "dup")
            close(pipe.read)
            withArguments(12, length: 5000) { argv in call(.exec, at("/echo"), argv).succeeds("exec of echo") }
        }
        close(pipe.write)
        let bytes = memory(page)
        var count = 0
        while true {
            let piece = call(.read, pipe.read, at(bytes), page).succeeds("read of what echo prints")
            if piece == 0 { break }
            for index in 0..<piece {
                let isSeparator = (count + index) % 5001 == 5000
                expect(bytes[index] == 0x61 || isSeparator, "the arguments that echo prints")
            }
            count += piece
        }
        expect(count, 11 * 5001, "bytes that echo prints of 11 arguments of 5,000")
        expect(waitStatus(), 0, "echo")
        close(pipe.read)
    }

    /// The stack of a program with the note grows as it is touched, by itself and by the kernel's copies, and ends at a
    /// page that no access reaches.
    static func stackGrows() {
        func grow(_ depth: Int, _ body: (UInt) -> Void) -> Int {
            var bytes = [256 of UInt8](repeating: UInt8(truncatingIfNeeded: depth))
            let sum: Int
            if depth == 0 {
                withAddress(of: &bytes) { body($0) }
                sum = 0
            } else {
                sum = grow(depth - 1, body)
            }
            return sum &+ Int(bytes[depth & 255])
        }
        inChild(0, "a deep recursion") { _ = grow(2000) { _ in } }
        inChild(0, "the kernel's copies to and from pages of the stack that were not touched") {
            let file = open("file", 0x202)
            var here: UInt8 = 0
            withAddress(of: &here) { address in
                let below = (address - 600_000) & ~(page - 1)
                call(.write, file, below + 3 * page, 2 * page).gives(Int(2 * page), "write from the stack")
                call(.fstat, file, below + 2 * page - 8).gives(0, "fstat to the stack")
                close(file)
                expect(Int(load(below + 2 * page + 9)), Int(2 * page) >> 8, "the size")
            }
            remove("file")
        }
        inChild(-1, "a recursion without end") { _ = grow(1_000_000) { _ in } }
    }

    private static func badArgv(_ times: Int) {
        let pointers = memory(page).of(UInt.self)
        let before = resourcesBefore()
        for index in 0..<times {
            round = UInt(index)
            let wild = CallTests.wild[index % CallTests.wild.count]
            if index & 1 == 0 {
                call(.exec, at("/echo"), wild).fails(.badAddress, "exec with a bad argv")
            } else {
                pointers[0] = at("echo")
                pointers[1] = wild
                pointers[2] = 0
                call(.exec, at("/echo"), at(pointers)).fails(.badAddress, "exec with a bad argument")
            }
        }
        expect(Int(resources().freePages), Int(before.freePages), "free pages after it")
    }

    static func badArgv() { badArgv(500) }
    static func badArgv50000() { badArgv(50_000) }

    /// A program's output through a redirected descriptor.
    static func echo() {
        inChild(0, "echo") {
            close(1)
            expect(Int(open("file", 0x201)), 1, "the lowest descriptor")
            execute(["echo", "OK", "then"])
        }
        let bytes = memory(page)
        let file = open("file")
        call(.read, file, at(bytes), 100).gives(8, "read of what echo printed")
        expect(bytes[0] == 0x4f && bytes[1] == 0x4b && bytes[7] == 10, "what echo printed")
        remove("file")
    }

    /// Open files and the working directory stay; memory does not.
    static func keeps() {
        call(.mkdir, at("directory")).gives(0, "mkdir")
        inChild(0, "a program that writes to a file its caller opened, in its caller's directory") {
            call(.chdir, at("directory")).gives(0, "chdir")
            close(1)
            expect(Int(open("file", 0x201)), 1, "the lowest descriptor")
            _ = memory(1 << 20)
            execute(["ls", "file"])
        }
        expect(stat("directory/file").size > 4, "the output of ls")
        remove("directory/file")
        remove("directory")
    }

    /// The process is called by the last component of the path, at most 15 bytes of it.
    static func name() {
        call(.link, at("/sh"), at("a-name-that-is-long")).gives(0, "link")
        let records = memory(page).of(ProcessRecord.self)
        let pipe = PipeTests.make()
        let pid = child {
            close(0)
            call(.dup, pipe.read).gives(0, "dup")
            close(pipe.write)
            exec(at(".//a-name-that-is-long"), with: at("x")).succeeds("exec")
        }
        pause(3)
        let count = call(.processes, at(records), 64).succeeds("processes")
        var found = false
        for index in 0..<count where Int(records[index].pid) == pid {
            found = true
            for byte in 0..<15 {
                expect(records[index].nameByte(byte) == ("a-name-that-is-" as CString)[byte], "the name")
            }
            expect(records[index].nameByte(15) == 0, "the name's NUL")
        }
        expect(found, "the process is listed")
        close(pipe.write)
        expect(waitStatus(), 0, "a shell at the end of its input")
        remove("a-name-that-is-long")
    }

    /// An exec that fails leaves the old image intact.
    static func failsCleanly() {
        let bytes = memory(page)
        bytes[5] = 55
        makeFile("file", 100)
        let before = resourcesBefore()
        for _ in 0..<50 {
            execute(["missing"]).fails(.noSuchFile, "exec of nothing")
            call(.exec, at("file"), at(bytes) + 64).fails(.badExecutable, "exec of a file that is no program")
            call(.exec, at("."), at(bytes) + 64).fails(.badExecutable, "exec of a directory")
            call(.exec, at("/console"), at(bytes) + 64).fails(.badExecutable, "exec of a device")
        }
        expect(Int(bytes[5]), 55, "the old image's memory")
        expect(Int(resources().freePages), Int(before.freePages), "free pages after it")
        expect(Int(resources().inodesInUse), Int(before.inodesInUse), "inodes in use after it")
        remove("file")
    }

    /// Many processes that execute at the same time.
    static func storm() {
        for _ in 0..<6 {
            child {
                for index in 0..<15 {
                    round = UInt(index)
                    inChild(index, "a program that was executed") {
                        execute([
                            "usertests", "=exec",
                            ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"][index],
                        ])
                    }
                }
            }
        }
        for _ in 0..<6 { expect(waitStatus(), 0, "an executing process") }
    }
}
