// The guest's own tests, run as a user runs them, and its programs.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct UserProgramTests {
    @Test(arguments: [1, 4]) func everyRuleOfTheContractHolds(harts: Int) throws {
        let guest = try Guest(["CPUS": "\(harts)"])
        try guest.waitForShell()
        let output = try guest.run("usertests -q", seconds: 300)
        #expect(output.hasSuffix("ALL TESTS PASSED"), "\(output)")
        #expect(!output.contains("FAILED"))
        #expect(
            output.contains(" usertests: unknown sys call 22\n") && output.contains(" usertests: unknown sys call 63\n")
        )
        try guest.halt()
    }

    /// Courses' programs need more than one page of stack: the boot argument gives it to programs without our note.
    @Test func stackOfPlainProgramsIsABootArgument() throws {
        let guest = try Guest(["ARGS": "stack=2"])
        try guest.waitForShell()
        #expect(try guest.run("usertests execargumentlimits").hasSuffix("ALL TESTS PASSED"))
        try guest.halt()
        let other = try Guest(["ARGS": "stack=99"])
        try other.waitForShell()
        let refusal = "boot argument stack=99 has no effect: stack= takes a number of pages from 1 to 9"
        #expect(other.transcript.contains(refusal))
        try other.halt()
    }

    @Test func randomLoadAndWildCallsLeaveEverythingAsItWas() throws {
        let guest = try Guest(["CPUS": "4"])
        try guest.waitForShell()
        for program in ["stress -t 5", "wildcalls -t 5", "forktest 3"] {
            let output = try guest.run("\(program); echo status $?", seconds: 300)
            #expect(output.hasSuffix("status 0"), "\(output)")
        }
        #expect(try guest.run("fsck").hasSuffix("0 errors"))
        try guest.halt()
    }

    @Test func filePrograms() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("(echo one; echo two; echo three) > f; cp f g; cat g") == "one\ntwo\nthree")
        #expect(try guest.run("mv g h; cat g; cat h | wc") == "cat: g: no such file or directory\n3 3 14")
        #expect(try guest.run("head -n 1 h; tail -n 1 h") == "one\nthree")
        #expect(try guest.run("head -2 h; tail -1 h; echo x | head -0") == "one\ntwo\nthree")
        #expect(try guest.run("head -2x h").hasPrefix("head: -n 2x: not a number"))
        let long = try guest.run("ls -l h console")
        #expect(long.hasPrefix("-    1         14 20") && long.contains(":") && long.contains(" h\n"), "\(long)")
        #expect(long.hasSuffix("\nc    1          0 -                console"), "\(long)")
        #expect(try guest.run("touch new; wc new") == "0 0 0 new")
        #expect(try guest.run("mkdir d; cp f d/deep; find d") == "d\nd/deep")
        #expect(try guest.run("echo f h | xargs cat | grep -c t") == "4")
        #expect(try guest.run("hexdump f").hasPrefix("00000000"))
        #expect(try guest.run("more f") == "one\ntwo\nthree")
        #expect(try guest.run("time sleep 0.2").contains("real"))
        #expect(try guest.run("ps").contains("sh"))
        #expect(try guest.run("free").contains("total"))
        #expect(try guest.run("df").contains("inodes"))
        #expect(try guest.run("dmesg | head -n 1").hasPrefix("Swiftlet on "))
        #expect(try guest.run("uptime").hasPrefix("up "))
        let year = Calendar(identifier: .gregorian).component(.year, from: Date())
        #expect(try guest.run("date").contains("\(year)"))
        try guest.halt()
    }

    @Test func everyProgramKnowsHelp() throws {
        let guest = try Guest()
        try guest.waitForShell()
        let programs = try FileManager.default.contentsOfDirectory(
            atPath: projectFolder.appendingPathComponent("build/programs").path)
        for program in programs.sorted() where program != "init" {
            #expect(try guest.run("\(program) --help").hasPrefix("usage: \(program)"), "\(program)")
        }
        try guest.halt()
    }
}
