// When memory runs out: at every point of a call, the caller gets an error and nothing is lost.

import SystemInterface
import UserLibrary

enum ExhaustionTests {
    static var all: [Test] {
        [
            Test("nomemoryexec", noMemoryExec), Test("nomemoryfork", noMemoryFork), Test("nomemorypipe", noMemoryPipe),
            Test("nomemorysbrk", noMemorySbrk), Test("nomemorytouch", noMemoryTouch),
            Test("nomemorycopy", noMemoryCopy),
            Test("cowexhausted", copyOnWriteExhausted), Test("sbrkmany", slow: true, sbrkMany),
            Test("eatall", slow: true, eatAll),
        ]
    }

    /// Takes all memory there is.
    private static func takeAll() {
        var step: UInt = 16 << 20
        while step >= page {
            while call(.sbrk, step, 1).error == nil {}
            step /= 2
        }
    }

    /// Tries `attempt` with 0, 1, 2 … pages free until it succeeds; each failure must be noMemory and leave all as it
    /// was.
    private static func withMoreAndMore(_ what: StaticString, _ attempt: () -> Outcome) {
        ownPages()
        takeAll()
        for count: UInt in 0..<200 {
            round = count
            if count > 0 { call(.sbrk, int(-Int(count * page)), 1).succeeds("shrink") }
            let before = resources()
            let outcome = attempt()
            if outcome.error == nil {
                expect(count > 0, "something needs memory")
                round = nil
                return
            }
            outcome.fails(.noMemory, what)
            let after = resources()
            expect(Int(after.freePages), Int(before.freePages), "free pages after a failure")
            expect(Int(after.inodesInUse), Int(before.inodesInUse), "inodes in use after a failure")
            expect(Int(after.openFiles), Int(before.openFiles), "open files after a failure")
            expect(Int(after.freeProcesses), Int(before.freeProcesses), "process slots after a failure")
            if count > 0 { call(.sbrk, count * page, 1).succeeds("grow again") }
        }
        expect(false, what)
    }

    static func noMemoryExec() {
        inChild(33, "exec once there is memory") {
            withMoreAndMore("exec without memory") {
                ExecTests.execute(["usertests", "=exec", "33"])
            }
        }
    }

    /// When fork succeeds at last, child and parent may find no page for their copies: they may be killed for it.
    static func noMemoryFork() {
        let before = resources().freeProcesses
        let pid = child {
            withMoreAndMore("fork without memory") {
                let fork = call(.fork)
                if fork.error == nil { exit(fork.value == 0 ? 0 : 55) }
                return fork
            }
        }
        expect(pid > 0, "fork")
        let status = waitStatus()
        expect(status == 55 || status == -1, "fork succeeds once there is memory")
        // The child's child ends by itself, and may outlive it: the next test would find it among those with memory.
        for _ in 0..<100 where resources().freeProcesses < before { pause(1) }
        expect(resources().freeProcesses >= before, "the forked process ends")
    }

    static func noMemoryPipe() {
        inChild(0, "pipe without memory") {
            var ends: (Int32, Int32) = (0, 0)
            withMoreAndMore("pipe without memory") { withAddress(of: &ends) { call(.pipe, $0) } }
        }
    }

    static func noMemorySbrk() {
        inChild(0, "sbrk without memory") {
            withMoreAndMore("sbrk without memory") { call(.sbrk, 20 * page, 1) }
        }
    }

    /// A touch of a lazy page without memory ends the process, and only that.
    static func noMemoryTouch() {
        dies("a touch of a lazy page without memory") {
            ownPages()
            let lazy = (breakAddress + page) & ~(page - 1)
            call(.sbrk, 10 * page, 2).succeeds("a lazy sbrk")
            takeAll()
            store(1, lazy)
            store(1, lazy + 5 * page)
        }
        inChild(0, "memory is back") { _ = memory(1 << 20) }
    }

    /// Copies out to lazy pages fail with an error, not with a kill.
    static func noMemoryCopy() {
        makeFile("file", 3000)
        inChild(0, "copies without memory") {
            let file = open("file")
            let pipe = PipeTests.make()
            call(.write, pipe.write, at("abc"), 3).gives(3, "write to a pipe")
            ownPages()
            // A gigabyte away, so that tables are missing as well.
            let lazy = (breakAddress + page) & ~(page - 1) + 1 << 30
            call(.sbrk, 0x7000_0000, 2).succeeds("a lazy sbrk")
            takeAll()
            call(.read, file, lazy, 3000).fails(nil, "a read into a lazy page without memory")
            call(.read, pipe.read, lazy, 3).fails(nil, "a read from a pipe into a lazy page without memory")
            call(.fstat, file, lazy).fails(nil, "fstat to a lazy page without memory")
            call(.open, lazy, 0).fails(nil, "open of a lazy path without memory")
            call(.write, pipe.write, lazy, 10).gives(0, "a write to a pipe from a lazy page without memory")
            let before = resources().freePages
            call(.resources, lazy).fails(nil, "resources to a lazy page without memory")
            expect(Int(resources().freePages), Int(before), "free pages after a failure")
        }
        remove("file")
    }

    /// A child that copies more than there is dies for it; the parent keeps its pages and the memory comes back.
    static func copyOnWriteExhausted() {
        let count = UInt(resources().freePages) * 6 / 10
        let start = at(memory(count * page))
        for index in 0..<count { store(UInt8(index & 0x7f), start + index * page) }
        for _ in 0..<2 {
            dies("a child that copies more than there is") {
                for index in 0..<count { store(0xff, start + index * page) }
            }
            for index in 0..<count {
                round = index
                expect(Int(load(start + index * page)), Int(index & 0x7f), "the parent's page")
            }
        }
        for index in 0..<count { store(0x55, start + index * page) }
    }

    /// Ten processes that each take what they can get, all at the same time, and are killed.
    static func sbrkMany() {
        for _ in 0..<3 {
            var pids: [Int] = []
            pids.reserveCapacity(10)
            // No child takes memory before all are born: a fork without memory would be no fault.
            let gate = PipeTests.make()
            for _ in 0..<10 {
                pids.append(
                    child {
                        close(gate.write)
                        let byte = memory(1)
                        _ = call(.read, gate.read, at(byte), 1)
                        while true {
                            if call(.sbrk, 100 << 10, 1).error == nil { store(1, breakAddress - 1) } else { pause(1) }
                        }
                    })
            }
            close(gate.write)
            close(gate.read)
            pause(5)
            for pid in pids { call(.kill, UInt(pid)).gives(0, "kill") }
            for _ in pids { expect(waitStatus(), -1, "the status of a killed process") }
        }
    }

    /// Memory is taken by lazy touches and by copies, on all harts, until a process is killed; the others go on.
    static func eatAll() {
        let free = resources().freeProcesses
        for _ in 0..<3 {
            for number in 0..<6 {
                child {
                    let start = (breakAddress + page) & ~(page - 1)
                    call(.sbrk, 400 << 20, 2).succeeds("a lazy sbrk")
                    for index: UInt in 0..<(399 << 8) {
                        store(1, start + index * page)
                        if number & 1 == 0, index % 500 == 0 { _ = call(.fork) }
                    }
                }
            }
            for _ in 0..<6 { call(.wait, 0).succeeds("wait") }
            while resources().freeProcesses < free { pause(1) }
        }
    }
}
