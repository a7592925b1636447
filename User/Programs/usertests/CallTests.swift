// The border itself: registers, numbers, error numbers, pointers, strings, and what the kernel tells of itself.

import SystemInterface
import UserLibrary

enum CallTests {
    static var all: [Test] {
        [
            Test("registers", registers), Test("unknowncall", unknownCall), Test("coursecalls", courseCalls),
            Test("errornumbers", errorNumbers),
            Test("wildpointers", wildPointers), Test("wildstrings", wildStrings), Test("stringend", stringEnd),
            Test("random", random), Test("messages", messages), Test("longpath", longPath), Test("status", status),
            Test("clocks", clocks),
        ]
    }

    /// Every register but a0 is preserved, and a1 when a call succeeds.
    static func registers() {
        var registers = [32 of UInt64](repeating: 0)
        for number in [SystemCallNumber.getpid, .uptime, .fork, .close, .sleep] {
            for index in 0..<32 { registers[index] = 0x1234_5678_0000_0000 | UInt64(index) << 8 }
            registers[10] = number == .close ? 99 : 1
            registers[17] = number.rawValue
            System.raw(registers: &registers)
            let result = registers[10]
            for index in 1..<32 where index != 10 && index != 2 {
                round = UInt(index)
                if index == 17 {
                    expect(registers[index] == number.rawValue, "a7 is preserved")
                } else if index == 11 && number == .close {
                    expect(registers[index] == UInt64(SystemError.badDescriptor.rawValue), "a1 is the error number")
                } else {
                    expect(registers[index] == 0x1234_5678_0000_0000 | UInt64(index) << 8, "the register is preserved")
                }
            }
            if number == .fork {
                if result == 0 { exit(0) }
                waitStatus()
            }
        }
        round = nil
    }

    /// A number that is no call gives -1, and the console says so.
    static func unknownCall() {
        for number: UInt64 in [0, 999, 1000, 1 << 32 | 11, 1 << 63, .max] {
            round = UInt(number)
            let result = System.raw(number, 0, 0, 0, 0)
            expect(result.value, -1, "an unknown call's result")
            expect(result.error == .noSuchCall, "an unknown call's error number")
        }
    }

    /// The numbers from 22 to 63 belong to calls that courses add: here they are unknown, as in xv6.
    static func courseCalls() {
        for number: UInt64 in 22..<64 {
            round = UInt(number)
            let result = System.raw(number, 0, 0, 0, 0)
            expect(result.value, -1, "a course's call: its result")
            expect(result.error == .noSuchCall, "a course's call: its error number")
        }
        round = nil
    }

    static func errorNumbers() {
        makeFile("file", 10)
        call(.mkdir, at("directory")).gives(0, "mkdir")
        call(.open, at("directory/inner"), 0x200).succeeds("open")
        call(.open, at("missing"), 0).fails(.noSuchFile, "open of a file that is not there")
        call(.open, at("missing/inner"), 0x200).fails(.noSuchFile, "open in a directory that is not there")
        call(.open, at("file/inner"), 0).fails(.notDirectory, "open through a file")
        call(.open, at("directory"), 1).fails(.isDirectory, "open of a directory for writing")
        call(.mkdir, at("file")).fails(.fileExists, "mkdir of a name that is there")
        call(.mknod, at("file"), 1, 1).fails(.fileExists, "mknod of a name that is there")
        call(.link, at("missing"), at("new")).fails(.noSuchFile, "link of a file that is not there")
        call(.link, at("directory"), at("new")).fails(.isDirectory, "link of a directory")
        call(.link, at("file"), at("directory/inner")).fails(.fileExists, "link to a name that is there")
        call(.unlink, at("missing")).fails(.noSuchFile, "unlink of a file that is not there")
        call(.unlink, at("directory")).fails(.directoryNotEmpty, "unlink of a directory that is not empty")
        call(.unlink, at("directory/.")).fails(.invalidArgument, "unlink of .")
        call(.chdir, at("file")).fails(.notDirectory, "chdir to a file")
        call(.chdir, at("missing")).fails(.noSuchFile, "chdir to nothing")
        call(.exec, at("missing"), at("")).fails(.noSuchFile, "exec of nothing")
        call(.read, 99, at("x"), 1).fails(.badDescriptor, "read from no file")
        call(.write, int(-1), at("x"), 1).fails(.badDescriptor, "write to no file")
        call(.close, 16).fails(.badDescriptor, "close of no file")
        call(.dup, 0xffff_ffff_0000_0000 | 15).fails(.badDescriptor, "dup of no file")
        call(.fstat, 1 << 31, 0).fails(.badDescriptor, "fstat of no file")
        call(.kill, 0x7fff_ffff).fails(.noSuchProcess, "kill of no process")
        call(.kill, int(-1)).fails(.noSuchProcess, "kill of -1")
        call(.kill, 1).fails(.notPermitted, "kill of the first process")
        call(.wait, 0).fails(.noChild, "wait without a child")
        call(.sbrk, 1_048_576_000, 1).fails(.noMemory, "sbrk of more than there is")
        let reading = open("file", 0)
        call(.write, reading, at("x"), 1).fails(.badDescriptor, "write to a file opened for reading")
        let writing = open("file", 1)
        call(.read, writing, breakAddress - 8, 1).fails(.badDescriptor, "read from a file opened for writing")
        call(.read, reading, userLimit, 1).fails(.badAddress, "read to a bad address")
        call(.write, writing, userLimit, 1).fails(.badAddress, "write from a bad address")
        remove("directory/inner")
        remove("directory")
        remove("file")
    }

    /// Addresses that are never a process's: unmapped, beyond the limit, not canonical, the kernel's.
    static let wild: [UInt] = [
        0x8000_0000, 0x8020_0000, 0x10_0000_0000, 0x3f_ffff_d000, 0x3f_ffff_e000, 0x3f_ffff_f000, 0x3f_ffff_fff8,
        0x40_0000_0000,
        0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, 0xffff_ffbf_ffff_ffff, 0xffff_ffc0_0000_0000,
        0xffff_ffc0_8020_0000,
        0xffff_ffe0_0000_4000, 0xffff_ffff_8020_0000, 0xffff_ffff_ffff_f000, 0xffff_ffff_ffff_ffff,
    ]

    static func wildPointers() {
        makeFile("file", 3000)
        let console = open("/console", 2)
        for address in wild + [(breakAddress + page - 1) & ~(page - 1)] {
            round = address
            let file = open("file", 2)
            call(.read, file, address, 3000).fails(.badAddress, "read into a bad address")
            call(.write, file, address, 3000).fails(.badAddress, "write from a bad address")
            expect(stat(file).size, 3000, "the file's size after a write from a bad address")
            close(file)
            call(.write, console, address, 100).gives(0, "write to the console from a bad address")
            let pipe = PipeTests.make()
            call(.write, pipe.write, address, 100).gives(0, "write to a pipe from a bad address")
            call(.write, pipe.write, at("x"), 1).gives(1, "write to a pipe")
            call(.read, pipe.read, address, 100).fails(.badAddress, "read from a pipe to a bad address")
            close(pipe.read)
            close(pipe.write)
            call(.pipe, address).fails(.badAddress, "pipe to a bad address")
            expect(Int(open("file")), Int(console) + 1, "the next descriptor after a pipe that failed")
            close(console + 1)
            call(.fstat, console, address).fails(.badAddress, "fstat to a bad address")
            call(.processes, address, 64).fails(.badAddress, "processes to a bad address")
            call(.resources, address).fails(.badAddress, "resources to a bad address")
            let pid = child { exit(7) }
            call(.wait, address).fails(.badAddress, "wait with a bad address")
            call(.wait, 0).gives(pid, "wait again, for the same child")
        }
        round = nil
        remove("file")
    }

    static func wildStrings() {
        for address in wild + [(breakAddress + page - 1) & ~(page - 1)] {
            round = address
            paths(address, .badAddress)
        }
        round = nil
    }

    private static func paths(_ address: UInt, _ error: SystemError) {
        exec(address, with: at("x")).fails(error, "exec")
        call(.open, address, 0).fails(error, "open")
        call(.open, address, 0x200).fails(error, "open to create")
        call(.chdir, address).fails(error, "chdir")
        call(.mkdir, address).fails(error, "mkdir")
        call(.mknod, address, 1, 1).fails(error, "mknod")
        call(.unlink, address).fails(error, "unlink")
        call(.link, address, at("new")).fails(error, "link, old")
        call(.link, at("/init"), address).fails(error, "link, new")
    }

    /// A string whose last page ends before the string does.
    static func stringEnd() {
        let bytes = memory(page)
        for index in 0..<Int(page) { bytes[index] = 0x78 }
        expect(breakAddress == at(bytes) + page, "the page is the last one")
        paths(at(bytes) + page - 1, .badAddress)
        paths(at(bytes) + page - 100, .badAddress)
        exec(at("/echo"), with: at(bytes) + page - 5).fails(.badAddress, "exec with such an argument")
        // An argument array whose NULL would lie beyond the page.
        let words = bytes.of(UInt.self)
        words[511] = at("x")
        call(.exec, at("/echo"), at(words) + page - 8).fails(.badAddress, "exec with such an argument array")
    }

    /// 127 bytes and a NUL are a path; 128 bytes without one are not.
    static func longPath() {
        let bytes = memory(page)
        for index in 0..<200 { bytes[index] = UInt8(ascii: "/") }
        bytes[126] = UInt8(ascii: ".")
        bytes[127] = 0
        close(UInt(call(.open, at(bytes), 0).succeeds("open of a path of 127 bytes")))
        bytes[127] = UInt8(ascii: "/")
        bytes[128] = 0
        paths(at(bytes), .nameTooLong)
        bytes[128] = UInt8(ascii: "x")
        paths(at(bytes), .nameTooLong)
    }

    static func status() {
        let records = memory(page).of(ProcessRecord.self)
        let own = call(.getpid).succeeds("getpid")
        let pid = child { pause(100) }
        pause(1)
        let count = call(.processes, at(records), 64).succeeds("processes")
        call(.processes, 0, 0).gives(count, "processes without room")
        call(.processes, at(records), int(-1)).fails(.invalidArgument, "processes with a negative count")
        var found = 0
        for index in 0..<count where Int(records[index].pid) == pid {
            found += 1
            let record = records[index]
            expect(Int(record.parent), own, "the child's parent")
            expect(record.state == .sleeping, "the child sleeps")
            expect(UInt(record.memory) == breakAddress, "the child's memory is its parent's")
            expect(!record.isKilled, "the child is not killed")
            expect(record.nameByte(0) == UInt8(ascii: "u") && record.nameByte(9) == 0, "the child's name is usertests")
        }
        expect(found, 1, "records of the child")
        let counts = resources()
        expect(Int(counts.freeProcesses), 64 - count, "free process slots")
        expect(counts.freePages < counts.pages && counts.freeBlocks < counts.blocks, "some of everything is in use")
        let file = open("/init")
        expect(Int(resources().openFiles), Int(counts.openFiles) + 1, "open files after one more")
        close(file)
        call(.kill, UInt(pid)).gives(0, "kill")
        waitStatus()
    }

    /// getrandom: 256 bytes at most, other ones each time, nothing beyond the count.
    static func random() {
        let bytes = memory(page)
        for count: UInt in [0, 1, 7, 8, 9, 255, 256] {
            round = count
            for index in 0..<300 { bytes[index] = 0 }
            call(.getrandom, at(bytes), count).gives(Int(count), "getrandom")
            for index in Int(count)..<300 { expect(bytes[index] == 0, "bytes beyond the count stay") }
        }
        round = nil
        call(.getrandom, at(bytes) + 256, 1000).gives(256, "getrandom of more than 256 bytes")
        var different = 0
        for index in 0..<256 where bytes[index] != bytes[256 + index] { different += 1 }
        expect(different > 200, "two draws have little in common")
        call(.getrandom, at(bytes), int(-1)).fails(.invalidArgument, "getrandom of a negative count")
        for address in wild { call(.getrandom, address, 8).fails(.badAddress, "getrandom to a bad address") }
    }

    /// dmesg: the log's bytes, in pieces of any size, up to the last message.
    static func messages() {
        let bytes = memory(page)
        let position = memory(page)
        let place = position.of(UInt64.self)
        // A message of this test's own, which is in the log's last bytes.
        _ = System.raw(1000, 0, 0, 0, 0)
        place[0] = 0
        var last: [UInt8] = []
        while true {
            let count = call(.dmesg, at(position), at(bytes), 100).succeeds("dmesg")
            if count == 0 { break }
            expect(count <= 100, "no more than was asked for")
            for index in 0..<count { last.append(bytes[index]) }
        }
        let wanted = CString("usertests: unknown sys call 1000")
        var isFound = false
        for start in 0..<max(0, last.count - wanted.count) where last[start] == wanted[0] {
            isFound = isFound || last[start..<start + wanted.count].elementsEqual(wanted.bytes)
        }
        expect(isFound, "the log has the message")
        let end = place[0]
        call(.dmesg, at(position), at(bytes), 100).gives(0, "dmesg behind the last message")
        expect(place[0] == end, "the position stays at the end")
        place[0] = .max
        call(.dmesg, at(position), at(bytes), 100).gives(0, "dmesg from beyond the end")
        place[0] = 0
        call(.dmesg, at(position), at(bytes), 1).gives(1, "dmesg of one byte")
        call(.dmesg, at(position), at(bytes), int(-1)).fails(.invalidArgument, "dmesg of a negative count")
        for address in wild {
            call(.dmesg, address, at(bytes), 1).fails(.badAddress, "dmesg with a bad position")
            place[0] = 0
            call(.dmesg, at(position), address, 1).fails(.badAddress, "dmesg to a bad address")
        }
    }

    static func clocks() {
        let uptime = call(.uptime).succeeds("uptime")
        let clock = call(.clock).succeeds("clock")
        let wall = call(.wallClock).succeeds("wallClock")
        call(.nanosleep, 300_000_000).gives(0, "nanosleep")
        let passed = call(.clock).succeeds("clock") - clock
        expect(passed >= 300_000_000 && passed < 3_000_000_000, "a sleep of 0.3 s takes 0.3 s or a little more")
        let ticks = call(.uptime).succeeds("uptime") - uptime
        expect(ticks >= 2 && ticks < 30, "a sleep of 0.3 s takes 3 ticks or so")
        let wallPassed = call(.wallClock).succeeds("wallClock") - wall
        expect(wallPassed >= 300_000_000 && wallPassed < 3_000_000_000, "the wall clock goes as fast")
        call(.sleep, 0).gives(0, "sleep(0)")
        call(.sleep, int(-5)).gives(0, "sleep(-5)")
        let before = call(.uptime).succeeds("uptime")
        call(.sleep, 3).gives(0, "sleep(3)")
        let slept = call(.uptime).succeeds("uptime") - before
        expect(slept >= 3 && slept < 20, "sleep(3) takes 3 ticks")
    }
}
