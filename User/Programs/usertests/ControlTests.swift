// What this system has beyond xv6's process calls: wait_child, interrupt, restrict.

import SystemInterface
import UserLibrary

enum ControlTests {
    static var all: [Test] {
        [Test("waitchild", waitChild), Test("interruptmode", interruptMode), Test("restrict", restricted)]
    }

    /// wait_child: one child of several, and why it ended.
    static func waitChild() {
        let record = memory(page)
        let words = record.of(Int32.self)
        func ended(_ pid: Int, _ status: Int, _ reason: EndReason) {
            call(.waitChild, int(pid), at(record), 0).gives(pid, "wait_child")
            expect(Int(words[0]), pid, "the pid in the record")
            expect(Int(words[1]), status, "the status in the record")
            expect(Int(words[2]), Int(reason.rawValue), "the reason in the record")
            expect(Int(words[3]), 0, "the record's last word")
        }
        call(.waitChild, 0, at(record), 0).fails(.noChild, "wait_child without children")
        let first = child { exit(7) }
        let second = child { exit(-1) }
        let sleeper = child { pause(1000) }
        let faulty = child { _ = load(userLimit) }
        ended(second, -1, .exited)
        ended(first, 7, .exited)
        call(.waitChild, int(first), at(record), 0).fails(.noChild, "wait_child for one that was waited for")
        call(.waitChild, 1, at(record), 0).fails(.noChild, "wait_child for a process that is no child")
        ended(faulty, -1, .fault)
        call(.waitChild, int(sleeper), at(record), 1).fails(.tryAgain, "wait_child that does not sleep")
        call(.waitChild, 0, at(record), 1).fails(.tryAgain, "wait_child that does not sleep, for any")
        call(.kill, int(sleeper)).gives(0, "kill")
        call(.waitChild, 0, userLimit, 0).fails(.badAddress, "wait_child to a bad address")
        ended(sleeper, -1, .killed)
    }

    static func interruptMode() {
        for mode in [0, 1, 2, 1, 0] { call(.interrupt, int(mode)).gives(0, "interrupt") }
        for mode in [3, -1, 0x7fff_ffff] { call(.interrupt, int(mode)).fails(.invalidArgument, "a wild mode") }
    }

    /// These tests run without the right to do what concerns the whole machine: none of that works, in children neither.
    static func restricted() {
        func refused() {
            let block = memory(page)
            call(.halt, 0).fails(.notPermitted, "halt")
            call(.diskRead, 1, at(block)).fails(.notPermitted, "disk_read")
            call(.loopDevice, 0, 1, 60).fails(.notPermitted, "loop_device")
            call(.networkChange, 0, at(block)).fails(.notPermitted, "networkChange")
            call(.socket, UInt(SocketKind.capture.rawValue)).fails(.notPermitted, "a capture socket")
            close(UInt(call(.socket, UInt(SocketKind.datagram.rawValue)).succeeds("a datagram socket")))
        }
        refused()
        inChild(0, "a child") { refused() }
        call(.restrict).gives(0, "restrict, again")
    }
}
