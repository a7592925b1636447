// fork, exit and wait; KillTests has kill.

import SystemInterface
import UserLibrary

enum ProcessTests {
    static var all: [Test] {
        [
            Test("exitstatus", exitStatus), Test("exitwait", exitWait), Test("forkdata", forkData),
            Test("waitstatus", waitArguments),
            Test("twochildren", twoChildren), Test("orphans", orphans), Test("orphanslots", orphanSlots),
            Test("zombies", zombies), Test("preempt", preempt),
            Test("proctable", processTable),
            Test("forkbomb", slow: true, forkBomb), Test("forkstorm", slow: true, forkStorm),
        ]
    }

    /// All 32 bits of the status reach wait.
    static func exitStatus() {
        for status in [0, 1, -1, 255, 256, 0x7fff_ffff, -0x8000_0000, 0x1234_5678, -77] {
            round = int(status)
            inChild(status, "the status") { exit(status) }
        }
        round = nil
        inChild(5, "the low 32 bits of the status") { exit(0x1_0000_0005) }
    }

    static func exitWait() {
        for index in 0..<200 {
            round = UInt(index)
            inChild(index, "the status") { exit(index) }
        }
    }

    /// fork gives 0 to the child and its pid to the parent; the child has the parent's memory, files and directory.
    static func forkData() {
        let bytes = memory(page)
        bytes[0] = 1
        makeFile("file", 100)
        let file = open("file")
        call(.mkdir, at("directory")).gives(0, "mkdir")
        call(.chdir, at("directory")).gives(0, "chdir")
        let own = call(.getpid).succeeds("getpid")
        let pid = call(.fork).succeeds("fork")
        if pid == 0 {
            expect(call(.getpid).value != own, "the child's pid is another")
            expect(bytes[0] == 1, "the child has the parent's memory")
            call(.read, file, at(bytes), 10).gives(10, "the child has the parent's files")
            close(open("../file"))
            bytes[0] = 2
            exit(call(.getpid).value & 0xff)
        }
        expect(waitStatus(), pid & 0xff, "fork gives the child's pid")
        expect(bytes[0] == 1, "the parent's memory is its own")
        call(.read, file, at(bytes), 1).gives(1, "read")
        expect(Int(bytes[0]), 10, "parent and child share the offset of an open file")
        call(.chdir, at("..")).gives(0, "chdir")
        remove("directory")
        remove("file")
    }

    /// The status pointer of wait: none, a bad one, one in the text.
    static func waitArguments() {
        let pid = child {}
        call(.wait, 0).gives(pid, "wait(0)")
        call(.wait, 0).fails(.noChild, "wait without children")
        call(.wait, userLimit).fails(.noChild, "wait without children, to a bad address")
        let second = child { exit(3) }
        for address in [userLimit, 0, 1 << 63] where address != 0 {
            call(.wait, address).fails(.badAddress, "wait to a bad address")
        }
        call(.wait, textAddress).fails(.badAddress, "wait to the text")
        var status: Int32 = 0
        withAddress(of: &status) { call(.wait, $0).gives(second, "wait again") }
        expect(Int(status), 3, "the status of a child that was waited for again")
    }

    /// An address in this program's code.
    static var textAddress: UInt { 64 }

    static func twoChildren() {
        for index in 0..<300 {
            round = UInt(index)
            let first = child {}
            let second = child {}
            let ended = call(.wait, 0).succeeds("wait")
            let other = call(.wait, 0).succeeds("wait")
            expect(ended + other == first + second && (ended == first || ended == second), "wait returns both children")
            call(.wait, 0).fails(.noChild, "wait a third time")
        }
    }

    /// Children whose parent is gone go to init.
    static func orphans() {
        for index in 0..<200 {
            round = UInt(index)
            inChild(0, "a child that leaves children") {
                child { child {} }
                child { call(.getpid).succeeds("getpid") }
            }
        }
    }

    /// Orphans that ended do not keep a process from forking, though init had no hart yet to wait for them.
    static func orphanSlots() {
        guard resources().harts == 1 else { return }  // the order below is known on one hart only
        let count = Int(resources().freeProcesses) - 4
        let bytes = memory(page)
        let gate = PipeTests.make()
        let sign = PipeTests.make()
        inChild(0, "a child that leaves children") {
            for _ in 0..<count {
                child {
                    close(gate.write)
                    call(.read, gate.read, at(bytes), 1).gives(0, "read at the gate")
                    call(.write, sign.write, at(bytes), 1).gives(1, "write")
                }
            }
        }
        pause(2)
        close(gate.write)
        // The first orphan's byte wakes this process, its end wakes init: this one runs first, when all have ended.
        call(.read, sign.read, at(bytes), 1).gives(1, "read")
        for index in 0..<count {
            round = UInt(index)
            child {}
        }
        for _ in 0..<count { expect(waitStatus(), 0, "a child beside orphans") }
    }

    /// Zombies, many at a time, and inherited by init.
    static func zombies() {
        inChild(0, "a child that leaves zombies") {
            for _ in 0..<20 { child {} }
            pause(2)
        }
        for _ in 0..<20 { child { exit(9) } }
        pause(2)
        for _ in 0..<20 { expect(waitStatus(), 9, "a zombie's status") }
        call(.wait, 0).fails(.noChild, "wait when all are gone")
    }

    /// Spinning processes on every hart do not keep others from running.
    static func preempt() {
        let count = Int(resources().harts) + 2
        var pids: [Int] = []
        for _ in 0..<count { pids.append(child { while true { _ = load(0) } }) }
        let start = call(.clock).value
        for _ in 0..<5 { inChild(0, "a child beside spinning processes") {} }
        expect(call(.clock).value - start < 10_000_000_000, "five forks beside spinning processes take less than 10 s")
        for pid in pids { call(.kill, UInt(pid)).gives(0, "kill") }
        for _ in pids { expect(waitStatus(), -1, "the status of a killed process") }
    }

    /// fork until the table is full: all 64 slots are used but the one that is kept for init's shell, the error is
    /// tryAgain, and all come back.
    static func processTable() {
        var children: [Int] = []
        var started = 0
        let free = Int(resources().freeProcesses)
        while true {
            let fork = call(.fork)
            if fork.value == 0 {
                pause(10_000)
                exit(0)
            }
            if fork.error != nil {
                fork.fails(.tryAgain, "fork with a full table")
                break
            }
            started += 1
            expect(started <= 64, "no more than 64 processes")
            children.append(fork.value)
        }
        expect(started, free - 1, "children until the table is full")
        for pid in children { call(.kill, UInt(pid)).gives(0, "kill") }
        for _ in children { expect(waitStatus(), -1, "the status of a killed process") }
    }

    /// All processes fork for two seconds; then all end, and a fork works again.
    static func forkBomb() {
        let stop: StaticString = "stop"
        let free = resources().freeProcesses
        inChild(0, "the bomb") {
            child {
                while true {
                    let file = call(.open, at(stop), 0)
                    if file.error == nil { exit(0) }
                    _ = call(.fork)
                }
            }
            pause(20)
            close(open(stop, 0x202))
            pause(20)
        }
        while resources().freeProcesses < free { pause(1) }
        inChild(0, "a child after the bomb") {}
        remove(stop)
    }

    /// Many processes that fork and wait at the same time.
    static func forkStorm() {
        for _ in 0..<8 {
            child {
                for _ in 0..<100 {
                    let fork = call(.fork)
                    if fork.value == 0 { exit(0) }
                    if fork.error == nil { waitStatus() }
                }
            }
        }
        for _ in 0..<8 { expect(waitStatus(), 0, "a forking process") }
    }
}
