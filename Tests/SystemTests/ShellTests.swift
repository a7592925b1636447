// The shell as a user meets it: its language, its jobs, and what it does when something is missing.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct ShellTests {
    @Test func redirectionsAndQuotesAsPOSIXHasThem() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("rm nosuch 2> log; cat log") == "rm: nosuch: no such file or directory")
        #expect(try guest.run("rm other 2>> log; wc log") == "2 14 75 log")
        #expect(try guest.run("rm nosuch 2>&1 | wc") == "1 7 38")
        #expect(try guest.run("(echo out; rm x) > both 2>&1; cat both") == "out\nrm: x: no such file or directory")
        #expect(try guest.run("(echo out; rm x) 2>&1 > only") == "rm: x: no such file or directory")
        #expect(try guest.run("echo 2 > two; cat two") == "2")
        #expect(try guest.run("echo error >&2 2> /null") == "error")
        #expect(try guest.run("(cat 7<two 0<&7) < log") == "2")
        #expect(try guest.run("ps > p; cat p | head -n 1") == "  PID  PPID STATE  HART      KIB FILES STACK NAME")
        #expect(try guest.run("echo after") == "after")
        #expect(try guest.run(#"echo "i\j" 'i\j' i\j "\$? \" \\" "a  b""#) == #"i\j i\j ij $? " \ a  b"#)
        guest.type("echo 'one\ntwo' three\\\nfour\n")
        try guest.wait(for: "one\ntwo threefour\n$ ")
        _ = try guest.run("echo '(echo a |' > s; echo 'cat) &&' >> s; echo 'echo b' >> s")
        #expect(try guest.run("sh s") == "a\nb")
        try guest.halt()
    }

    /// Lists, pipes and parentheses of any length: none takes more stack, or a process, than it must.
    @Test func longLinesDoNotEndTheShell() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(
            try guest.run(
                "(((((((((((((((((((((((((((((((((((((((((((((((echo x)))))))))))))))))))))))))))))))))))))))))))))))")
                == "x")
        let deep = String(repeating: "(", count: 60)
        let lines = [
            Array(repeating: "echo x", count: 200).joined(separator: "; "),
            Array(repeating: "true", count: 300).joined(separator: " && ") + " && echo x",
            "echo x | " + Array(repeating: "cat", count: 24).joined(separator: " | "),
        ]
        for (index, line) in lines.enumerated() {
            // Lines of the console are short: the file grows piece by piece, each within quotes.
            _ = try guest.run("echo -n > s\(index)")
            for start in stride(from: 0, to: line.count, by: 90) {
                _ = try guest.run("echo -n '\(line.dropFirst(start).prefix(90))' >> s\(index)")
            }
            #expect(try guest.run("sh s\(index) | tail -n 1") == "x")
        }
        _ = try guest.run("echo -n '\(deep)' > t; cat t t > s; echo x >> s")
        #expect(try guest.run("sh s; echo $?") == "sh: syntax: more than 100 ( in each other\n2")
        #expect(try guest.run("echo alive") == "alive")
        try guest.halt()
    }

    @Test func findComesBackFromDeepTrees() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("mkdir top; cd top")
        for _ in 0..<30 { _ = try guest.run("mkdir directoryname1 && cd directoryname1") }
        _ = try guest.run("echo x > bottom; cd /; echo y > top/last")
        #expect(try guest.run("find top | wc").hasPrefix("33 33 "))
        // What stands behind the deep directory is found on the way back.
        let files = try guest.run("find top -type f").split(separator: "\n")
        #expect(files.count == 2 && files[0].hasSuffix("directoryname1/bottom") && files[1] == "top/last")
        #expect(try guest.run("find top/directoryname1 top -name bottom | wc").hasPrefix("2 2 "))
        try guest.halt()
    }

    @Test func statusOfWhatWasKilledIsAbove128() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("sleep 100 &").hasPrefix("[1] "))
        #expect(try guest.run("kill $!; wait $!; echo $?") == "143")
        guest.type("sleep 100\n")
        try guest.wait(for: "sleep 100\n")
        guest.type("\u{03}")
        try guest.wait(for: "^C\n$ ")
        #expect(try guest.run("echo $?") == "130")
        #expect(try guest.run("sh -c 'exit 7'; echo $?") == "7")
        #expect(try guest.run("wait 9999; echo $?") == "127")
        try guest.halt()
    }

    /// A background job is one process, whose pid is told, and reads the empty file; wait ends on ^C.
    @Test func backgroundJobsAndWait() throws {
        let guest = try Guest()
        try guest.waitForShell()
        let told = try guest.run("sleep 200 &")
        let pid = try #require(told.split(separator: " ").last)
        let processes = try guest.run("ps").split(separator: "\n").filter {
            $0.hasSuffix(" sleep") || $0.hasSuffix(" sh")
        }
        #expect(processes.count == 2, "\(processes)")
        #expect(processes.last?.split(separator: " ").first == pid)
        _ = try guest.run("cat > taken &")
        _ = try guest.run("(cat; cat < /console) > taken2 &")
        #expect(try guest.run("echo mine") == "mine")
        guest.type("wait\n")
        try guest.wait(for: "wait\n")
        guest.type("\u{03}")
        try guest.wait(for: "^C\n$ ")
        #expect(try guest.run("echo $?") == "130")
        #expect(try guest.run("kill \(pid); wait; wc taken taken2") == "0 0 0 taken\n0 0 0 taken2\n0 0 0 total")
        #expect(try guest.run("echo mine") == "mine")
        try guest.halt()
    }

    @Test func jobsAreListedAndKilledByTheirNumbers() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("jobs; echo $?") == "0")
        let first = try #require(try guest.run("sleep 300 &").split(separator: " ").last)
        let second = try #require(try guest.run("sleep 300 &").split(separator: " ").last)
        #expect(try guest.run("jobs") == "[1] \(first) running\n[2] \(second) running")
        #expect(try guest.run("kill %1; wait %1; echo $?") == "143")
        #expect(try guest.run("jobs; kill %%; wait; jobs") == "[2] \(second) running")
        #expect(try guest.run("kill %7; echo $?") == "kill: %7: not a process number (ps lists them)\n2")
        try guest.halt()
    }

    /// sh takes no more of its input than the commands that it has run, so programs can read the rest.
    @Test func shellNeverReadsAheadOfItsChildren() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("echo 'head -n 1 > got' > s; echo line for head >> s; echo cat got >> s; echo echo end >> s")
        // head reads a piece: what it leaves is the point of a program that reads a line.
        _ = try guest.run("echo 'sh' > t; echo echo inner >> t; echo exit 3 >> t; echo echo 'status $?' >> t")
        #expect(try guest.run("sh < t") == "inner\nstatus 3")
        _ = try guest.run("echo cat > u; echo all of this >> u; echo is for cat >> u")
        #expect(try guest.run("sh < u") == "all of this\nis for cat")
        #expect(try guest.run("cat u | sh") == "all of this\nis for cat")
        try guest.halt()
    }

    /// All process slots taken: the commands that need no process work, and one process of the shell's has a place.
    @Test func fullProcessTableLeavesTheOperatorAWay() throws {
        let guest = try Guest()
        try guest.waitForShell()
        for _ in 0..<61 { _ = try guest.run("sleep 900 &") }
        let refused = try guest.run("sleep 900 &")
        #expect(refused.contains("no new process"), "\(refused)")
        #expect(try guest.run("echo a program runs") == "a program runs")
        let list = try guest.run("ps").split(separator: "\n")
        #expect(list.count == 64)
        #expect(try guest.run("dmesg > d; wc d").hasSuffix(" d"))
        let pid = try #require(list.last?.split(separator: " ").first)
        #expect(try guest.run("kill \(pid); wait \(pid); echo x | cat") == "x")
        try guest.halt()
    }

    /// Without a shell init tries once a second, and says why.
    @Test func missingShellIsTriedOnceASecond() throws {
        let guest = try Guest()
        try guest.waitForShell()
        guest.type("rm sh; exit\n")
        for _ in 0..<3 { try guest.wait(for: "init: sh: no such file or directory\n") }
        let start = Date()
        try guest.wait(for: "init: sh: no such file or directory\n")
        #expect(Date().timeIntervalSince(start) > 0.3)
    }

    @Test func devices() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("cat /null; echo x > /null; cat < /null; wc /null") == "0 0 0 /null")
        #expect(try guest.run("head -n 1 /null; hexdump -n 16 /zero").hasPrefix("00000000  00 00 00 00 00 00 00 00"))
        let random = try guest.run("hexdump -n 64 /random; hexdump -n 64 /random").split(separator: "\n")
        #expect(Set(random.map { $0.dropFirst(8) }).count == 9, "\(random)")
        try guest.halt()
    }

    /// Two jobs that append to one file lose nothing of each other's, and a device can be appended to.
    @Test func appendingGoesToTheEnd() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("echo 'echo one >> f; echo one >> f; echo one >> f; echo one >> f' > s")
        _ = try guest.run("(sh s; sh s; sh s) > /null & (sh s; sh s; sh s) > /null & (sh s; sh s; sh s); wait")
        #expect(try guest.run("wc f") == "36 36 144 f")
        #expect(try guest.run("echo x >> /console") == "x")
        try guest.halt()
    }

    @Test func mvRenamesAtOnce() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("mkdir d e; echo x > d/f; echo y > g; ln g h")
        #expect(try guest.run("mv d e/g; find e") == "e\ne/g\ne/g/f")
        #expect(try guest.run("mv g e/g/f; cat e/g/f h") == "y\ny")
        #expect(try guest.run("mv e e/g/x; echo $?") == "mv: e to e/g/x: invalid argument\n1")
        #expect(try guest.run("mv h ./h; cat h") == "mv: h and ./h are the same file\ny")
        #expect(try guest.run("echo x > averylongname-1; echo $?") == "sh: averylongname-1: name too long\n1")
        #expect(try guest.run("fsck").hasSuffix("0 errors"))
        try guest.halt()
    }

    @Test func restrictTakesTheRightAway() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("restrict halt; echo $?") == "halt: operation not permitted\n1")
        #expect(try guest.run("restrict sh -c 'halt; fsck'; echo $?").hasSuffix("operation not permitted\n8"))
        #expect(try guest.run("restrict echo x | restrict cat") == "x")
        #expect(try guest.run("fsck -q; echo $?") == "0")
        try guest.halt()
    }

    @Test func grepTakesLinearTime() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("echo -n \(String(repeating: "a", count: 100)) > p")
        _ = try guest.run("cat p p p p p p p p p p > q; cat q q q > r; echo >> r")
        #expect(try guest.run("grep '.*.*.*.*c' r; echo $?") == "1")
        #expect(try guest.run("grep -cE '(a|aa|a*)*$' r; grep -cE '(a?){50}a{50}' r") == "1\n1")
        #expect(
            try guest.run("echo a+b | grep 'a+b'; echo aab | grep -E '^a+b$'; echo ac | grep 'a\\|b'") == "a+b\naab\nac"
        )
        #expect(try guest.run("echo xAbc | grep -i '[[:upper:]]BC'; echo 'a]' | grep '[]]'") == "xAbc\na]")
        #expect(try guest.run("echo b | grep '[^a]'; echo aab | grep 'a\\{2\\}b'") == "b\naab")
        #expect(try guest.run("echo x | grep '[z-a]'; echo $?") == "grep: [z-a]: a range in [ ] goes backwards\n2")
        try guest.halt()
    }
}
