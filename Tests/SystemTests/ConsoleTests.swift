// The console's line, as it is typed: what is pasted, what is too long, what is erased.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct ConsoleTests {
    /// Lines that come faster than they are run wait, and none is cut, joined or lost.
    @Test(arguments: [60, 400]) func pastedLinesAreRunOneByOne(count: Int) throws {
        let guest = try Guest()
        try guest.waitForShell()
        let text = "of many that are pasted at once and are rather long"
        guest.type((0..<count).map { "echo line \($0) \(text)\n" }.joined() + "echo that was all | cat\n")
        try guest.wait(for: "that was all\n")
        try guest.wait(for: "$ ")
        // The echo of what is typed meanwhile falls between the lines, so the last ones are looked at.
        let last = guest.transcript
        #expect(!last.contains("no such program") && !last.contains("syntax"), "\(last)")
        #expect(try guest.run("echo alive") == "alive")
        // While nothing reads, 400 lines are more than the console keeps: the rest waits in the UART.
        guest.type("sleep 8; cat > f\n")
        guest.type((0..<count).map { "line \($0) \(text)\n" }.joined() + "\u{04}")
        try guest.wait(for: "$ ")
        #expect(
            try guest.run("wc -l f; grep -c 'e [0-9]* of many that are pasted at once and are rather long$' f")
                == "\(count) f\n\(count)")
        try guest.halt()
    }

    @Test func lineThatIsTooLongIsRefusedWhole() throws {
        let guest = try Guest()
        try guest.waitForShell()
        guest.type("echo \(String(repeating: "a", count: 300)); echo not run\n")
        try guest.wait(for: "\u{07}")
        let output = try guest.wait(for: "\n$ ")
        #expect(output.contains("refused") && !output.contains("not run"))
        #expect(!guest.transcript.contains("\naaa"))
        // Of 127 bytes it is not.
        #expect(try guest.run("echo \(String(repeating: "b", count: 121))") == String(repeating: "b", count: 121))
        // What was erased does not count.
        guest.type("echo \(String(repeating: "c", count: 130))\u{15}echo erased\n")
        try guest.wait(for: "erased\nerased\n$ ")
        try guest.halt()
    }

    /// What one write has stays together on the screen: two programs that write at once change places between their
    /// writes.
    @Test func whatIsWrittenAtOnceIsNotMixed() throws {
        let guest = try Guest(["CPUS": "3"])
        try guest.waitForShell()
        for name in ["a", "b"] {
            guest.type("cat > \(name)\n")
            for _ in 0..<4 { guest.type(String(repeating: name, count: 100) + "\n") }
            guest.type("\u{04}")
            try guest.wait(for: "$ ")
        }
        for round in 0..<15 {
            let output = try guest.run("cat a a a a a a a a a a & cat b b b b b b b b b b; wait")
            var runs: [(line: Substring, count: Int)] = []
            for line in output.split(separator: "\n") where line.count >= 100 {
                if runs.last?.line == line { runs[runs.count - 1].count += 1 } else { runs.append((line, 1)) }
            }
            #expect(runs.allSatisfy { $0.count % 4 == 0 && Set($0.line).count == 1 }, "round \(round): \(output)")
            #expect(runs.reduce(0) { $0 + $1.count } == 80, "round \(round): \(output)")
        }
        try guest.halt()
    }

    @Test func erasingKnowsUTF8TabsAndControlCharacters() throws {
        let guest = try Guest()
        try guest.waitForShell()
        guest.type("echo a\u{e4}\u{4e2d}\u{7f}\u{7f}b\n")
        try guest.wait(for: "echo a\u{e4}\u{4e2d}\u{8} \u{8}\u{8} \u{8}\u{8} \u{8}b\nab\n$ ")
        // The tab ends at column 8 of the line.
        guest.type("echo a\tc\u{7f}\u{7f}d\n")
        try guest.wait(for: "echo a  c\u{8} \u{8}\u{8} \u{8}\u{8} \u{8}d\nad\n$ ")
        guest.type("echo \u{1}\u{1b}[A\u{7f}\u{7f}\u{7f}\u{7f}e\n")
        try guest.wait(for: "echo ^A^[[A")
        try guest.wait(for: "e\ne\n$ ")
        guest.type("junk\tand more\u{15}echo clean\n")
        try guest.wait(for: "clean\nclean\n$ ")
        try guest.halt()
    }

    @Test func whatIsTypedAtBootIsKept() throws {
        let guest = try Guest()
        try guest.wait(for: "OpenSBI")  // before, firmware throws it away
        try guest.wait(for: "\n")
        guest.type("echo an early line\necho and another\n")
        // As it is echoed, and as it is run.
        for line in ["an early line\n", "and another\n"] { try guest.wait(for: line) }
        try guest.wait(for: "an early line\n")
        try guest.wait(for: "and another\n")
        try guest.halt()
    }

    /// Behind typed text ^D only hands that over (POSIX, General Terminal Interface, 11.1.9): the one that users type to
    /// end the file is not the shell's.
    @Test func endOfFileBehindTextIsNotTheShells() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("sleep 300 &")
        let jobs = try guest.run("jobs")
        // Read whole, and in pieces.
        for (command, shown) in [
            ("cat", "twotwo"), ("hexdump", "00000000  74 77 6f "), ("grep -c t", "two1\n"), ("tail", "twotwo\n"),
        ] {
            guest.type("\(command)\n")
            try guest.wait(for: "\(command)\n")
            guest.type("two\u{04}")
            if command == "cat" { try guest.wait(for: shown) }
            guest.type("\u{04}")
            if command != "cat" { try guest.wait(for: shown) }
            try guest.wait(for: "$ ")
            #expect(try guest.run("jobs") == jobs, "after \(command)")
        }
        try guest.halt()
    }

    /// Nothing typed ends the console's shell.
    @Test func sessionOfAllKeysLeavesALivingShell() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("sleep 900 &")
        // What another shell would not know.
        let jobs = try guest.run("jobs")
        // One after the other: what is typed before a prompt is echoed before it.
        for _ in 0..<3 {
            guest.type("\u{03}")
            try guest.wait(for: "^C\n$ ")
        }
        guest.type("half\u{03}")
        try guest.wait(for: "half^C\n$ ")
        #expect(try guest.run("jobs") == jobs)
        guest.type("\u{1c}\u{1a}\u{15}\u{1f}\u{e9}\n")
        try guest.wait(for: "no such program")
        try guest.wait(for: "$ ")
        guest.type("cat\nsome text\n\u{04}")
        try guest.wait(for: "some text\nsome text\n$ ")
        guest.type("sleep 5 | cat\n")
        try guest.wait(for: "sleep 5 | cat\n")
        guest.type("\u{03}")
        try guest.wait(for: "^C\n$ ")
        guest.type("\u{03}")
        try guest.wait(for: "^C\n$ ")
        guest.type("\u{15}\n")
        try guest.wait(for: "\n$ ")
        #expect(try guest.run("jobs").hasSuffix(jobs))
        guest.type("\u{04}")  // the shell's end: init starts another
        try guest.wait(for: "$ ")
        #expect(try guest.run("echo alive").hasSuffix("alive"))
        try guest.halt()
    }
}
