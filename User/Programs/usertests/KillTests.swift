// kill: of processes that sleep, compute, wait, have ended, and of the caller.

import SystemInterface
import UserLibrary

enum KillTests {
    static var all: [Test] {
        [
            Test("killsleeping", killSleeping), Test("killspinning", killSpinning), Test("killblocked", killBlocked),
            Test("killself", killSelf), Test("killzombie", killZombie), Test("killrandom", killRandom),
        ]
    }

    private static func killed(_ what: StaticString, _ delay: Int, _ body: () -> Void) {
        let pid = child(body)
        if delay > 0 { pause(delay) }
        let start = call(.clock).value
        call(.kill, UInt(pid)).gives(0, "kill")
        expect(waitStatus(what), -1, what)
        expect(call(.clock).value - start < 2_000_000_000, "a killed process is gone soon")
    }

    static func killSleeping() {
        killed("a sleeping process", 1) { pause(10_000) }
        killed("a process in nanosleep", 1) { call(.nanosleep, .max).succeeds("nanosleep") }
        for _ in 0..<20 { killed("a process that is just started", 0) { pause(10_000) } }
    }

    static func killSpinning() {
        for _ in 0..<3 { killed("a spinning process", 1) { while load(breakAddress - 1) != 0 || true {} } }
        killed("a process that spins without calls", 1) { while true { _ = load(0) } }
    }

    static func killBlocked() {
        let pipe = PipeTests.make()
        let bytes = memory(2 * page)
        killed("a process that reads from an empty pipe", 1) { _ = call(.read, pipe.read, at(bytes), 1) }
        killed("a process that writes to a full pipe", 1) {
            while true { _ = call(.write, pipe.write, at(bytes), page) }
        }
        killed("a process that waits for a child", 1) {
            child { pause(15) }
            call(.wait, 0).succeeds("wait")
        }
        killed("a process that reads from the console", 1) {
            _ = call(.read, open("/console", 2), at(bytes), 10)
        }
        pause(15)  // the grandchild ends by itself
    }

    static func killSelf() {
        dies("kill of oneself") {
            call(.kill, UInt(call(.getpid).value)).gives(0, "kill")
            exit(0)
        }
        // A process that is marked ends even if it was about to sleep.
        dies("kill of oneself by a child") {
            let own = UInt(call(.getpid).value)
            child { call(.kill, own).gives(0, "kill") }
            pause(10_000)
        }
    }

    static func killZombie() {
        let pid = child { exit(4) }
        pause(1)
        call(.kill, UInt(pid)).gives(0, "kill of a zombie")
        expect(waitStatus(), 4, "a zombie's status after kill")
        call(.kill, UInt(pid)).fails(.noSuchProcess, "kill of a process that is gone")
        for pid in [0, -1, Int(Int32.min)] {
            round = int(pid)
            call(.kill, int(pid)).fails(.noSuchProcess, "kill of no process")
        }
    }

    /// kill at random moments of fork, exec, exit, pipes and files.
    static func killRandom() {
        var random = Random(7)
        for index in 0..<60 {
            round = UInt(index)
            let pid = child {
                while true {
                    child { _ = call(.exec, at("/echo"), at("")) }
                    let file = call(.open, at("file"), 0x202)
                    if file.error == nil {
                        _ = call(.write, UInt(file.value), 0, 3000)
                        close(UInt(file.value))
                    }
                    _ = call(.wait, 0)
                }
            }
            call(.nanosleep, UInt(random.below(30_000_000))).gives(0, "nanosleep")
            call(.kill, UInt(pid)).gives(0, "kill")
            expect(waitStatus(), -1, "the status of a killed process")
        }
        remove("file")
    }
}
