// What programs do with files, names and directories that were made to hurt: nothing steers the terminal, takes all
// memory, or goes on for ever.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct HostileInputTests {
    private let escape = "\u{1b}"

    @Test func namesAndTextsDoNotSteerTheTerminal() throws {
        let guest = try Guest()
        try guest.waitForShell()
        _ = try guest.run("mkdir d; cd d")
        guest.type("echo one > 'a\(escape)[7mb'; echo two > \u{e4}\u{4e2d}; echo > 'c\u{9b}d'; echo > e\u{7f}\u{7f}f\n")
        try guest.wait(for: "$ ")
        let names = try guest.run("ls")
        for name in ["\na?[7mb ", "\n\u{e4}\u{4e2d} ", "\nc?d "] { #expect(names.contains(name), "\(names)") }
        #expect(try guest.run("find .").contains("\n./a?[7mb"))
        #expect(try guest.run("ls -l").contains(" a?[7mb"))
        // To a file or a program it goes as it is.
        let dump = try guest.run("ls | hexdump").split(separator: "\n").map { $0.dropFirst(9).prefix(50) }.joined()
        #expect(dump.replacing("  ", with: " ").contains(" 61 1b 5b 37 6d 62 "), "\(dump)")
        guest.type("cat 'x\(escape)y'\n")
        try guest.wait(for: "\ncat: x?y: no such file or directory\n$ ")
        guest.type("'x\(escape)y'\n")
        try guest.wait(for: "\nsh: x?y: no such program (ls / lists them)\n$ ")
        guest.type("cp /sleep 's\(escape)p'; './s\(escape)p' 100 &\n")
        try guest.wait(for: "[1] ")
        try guest.wait(for: "$ ")
        // Until the job has executed its program it is called sh, and the prompt waits for neither.
        let deadline = Date(timeIntervalSinceNow: Guest.patience)
        var processes = ""
        repeat { processes = try guest.run("ps") } while !processes.hasSuffix(" s?p") && Date() < deadline
        #expect(processes.hasSuffix(" s?p"), "\(processes)")
        guest.type("echo 'a\(escape)[7m\u{7}b' > f; more f\n")
        try guest.wait(for: "\na^[[7m^Gb\n$ ")
        #expect(try guest.run("grep ELF /true; grep -c ELF /true") == "/true: matches, and is not text\n1")
        #expect(try guest.run("grep ELF /true | wc -l") != "0")
        try guest.halt()
    }

    @Test func inputsWithoutAnEndAreBounded() throws {
        let guest = try Guest()
        try guest.waitForShell()
        for command in ["grep x", "tail -n 1", "xargs echo", "sh"] {
            let output = try guest.run("\(command) < /zero; echo $?")
            #expect(output.hasSuffix("1") || output.hasSuffix("2"), "\(command): \(output)")
            #expect(output.contains("out of memory"), "\(command): \(output)")
        }
        #expect(try guest.run("sh /true; echo $?") == "sh: a NUL byte: this is no text of commands\n126")
        #expect(try guest.run("head -n 1 /true | xargs rm; echo $?").contains("a NUL in the input"))
        #expect(try guest.run("echo alive") == "alive")
        try guest.halt()
    }

    /// On a damaged disk a directory is within itself.
    @Test func findLeavesDirectoriesThatAreWithinThemselves() throws {
        let image = try ImageFile()
        let first = try Guest(image: image.url)
        try first.waitForShell()
        _ = try first.run("mkdir loop; mkdir loop/inner; echo x > loop/file")
        try first.halt()
        var bytes = [UInt8](try Data(contentsOf: image.url))
        // The entry "inner" gets the number of the directory that it is in: that of its "." entry, two before.
        let name = Array("inner".utf8) + [0]
        // In the log there may be a copy of the block.
        for place in stride(from: 32, to: bytes.count, by: 16)
        where bytes[(place + 2)..<(place + 8)].elementsEqual(name) && bytes[place - 30] == UInt8(ascii: ".") {
            (bytes[place], bytes[place + 1]) = (bytes[place - 32], bytes[place - 31])
        }
        try Data(bytes).write(to: image.url)
        let guest = try Guest(image: image.url)
        try guest.waitForShell()
        #expect(
            try guest.run("find loop; echo $?")
                == "loop\nloop/inner\nfind: loop/inner: is within itself; fsck repairs that\nloop/file\n0")
        try guest.halt()
    }
}
