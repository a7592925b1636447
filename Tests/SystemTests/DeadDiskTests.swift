// A disk that takes requests and answers none: QEMU holds them back (a limit of one byte a second).

import Foundation
import Testing

@Suite struct DeadDiskTests {
    @Test func diskThatAnswersNothingIsGivenUp() throws {
        let guest = try Guest(["CPUS": "2"])
        try guest.waitForShell()
        _ = try guest.monitor("block_set_io_throttle x0 1 0 0 0 0 0")
        guest.type("wc README\n")
        try guest.wait(for: "disk: no answer for 60 s; it is not used any more\n")
        try guest.wait(for: "sh: wc: input/output error\n")
        // Nobody waits for it any more.
        guest.type("ls\n")
        try guest.wait(for: "sh: ls: input/output error\n")
        try guest.wait(for: "$ ")
        #expect(try guest.run("cd /") == "")
        // What an operator needs is the shell's own.
        let processes = try guest.run("ps")
        #expect(processes.contains(" init"), "\(processes)")
        #expect(try guest.run("dmesg").contains("it is not used any more"))
        #expect(try guest.run("kill 99") == "kill: 99: no such process")
        try guest.halt()
    }
}
