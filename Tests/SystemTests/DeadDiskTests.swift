// A disk that takes requests and answers none: QEMU holds them back (a limit of one byte a second).

import Foundation
import Testing

@Suite(.keepsGuests) struct DeadDiskTests {
    /// Requests fail, and what an operator needs still works; when the disk answers again, so does all else.
    @Test(arguments: ["split", "packed"]) func diskThatAnswersNothingIsGivenUpUntilItAnswers(queue: String) throws {
        let guest = try Guest(["CPUS": "2", "QUEUE": queue])
        try guest.waitForShell()
        _ = try guest.monitor("block_set_io_throttle x0 1 0 0 0 0 0")
        guest.type("wc README\n")
        try guest.wait(for: "disk: no answer for 60 s: it is reset, and requests are sent again\n")
        try guest.wait(for: "disk: no answer after its reset either")
        try guest.wait(for: "sh: wc: input/output error\n")
        // Nobody waits for it any more.
        guest.type("ls\n")
        try guest.wait(for: "sh: ls: input/output error\n")
        try guest.wait(for: "$ ")
        #expect(try guest.run("cd /") == "")
        // What an operator needs is the shell's own.
        let processes = try guest.run("ps")
        #expect(processes.contains(" init"), "\(processes)")
        #expect(try guest.run("dmesg").contains("no answer for 60 s"))
        #expect(try guest.run("kill 99") == "kill: 99: no such process")
        _ = try guest.monitor("block_set_io_throttle x0 0 0 0 0 0 0")
        // The disk is tried again every ten seconds.
        let deadline = Date(timeIntervalSinceNow: Guest.patience)
        while try !guest.run("wc README").hasSuffix("README"), Date() < deadline {}
        #expect(guest.transcript.contains("disk: it answers again\n"))
        // What the file system says of its writes may come in the middle of the echo.
        guest.type("echo kept > file; cat file\n")
        try guest.wait(for: "\nkept\n")
        try guest.halt()
    }

    /// A write that fails makes the file system read-only, and says so; once the disk answers, it goes on, and what
    /// memory had and the disk had not is there.
    @Test func changesThatADeadDiskDidNotTakeReachItLater() throws {
        let guest = try Guest(["CPUS": "2"])
        try guest.waitForShell()
        _ = try guest.run("echo one > one; cat one; df")
        _ = try guest.monitor("block_set_io_throttle x0 1 0 0 0 0 0")
        guest.type("echo two > two\n")
        try guest.wait(for: "disk: no answer after its reset either")
        try guest.wait(for: "file system: the disk failed a write: nothing is changed until it takes writes again\n")
        try guest.wait(for: "$ ")
        _ = try guest.monitor("block_set_io_throttle x0 0 0 0 0 0 0")
        try guest.wait(for: "file system: the disk takes writes again\n")
        #expect(try guest.run("echo three > three; cat one three").hasSuffix("one\nthree"))
        try guest.halt()
    }
}
