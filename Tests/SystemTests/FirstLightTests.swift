// The system as a user meets it: boot, shell, files, ping.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct FirstLightTests {
    @Test(arguments: [1, 4, 8]) func shellRunsCommandsAndHaltEndsTheMachine(harts: Int) throws {
        let guest = try Guest(["CPUS": "\(harts)"])
        try guest.waitForShell()
        #expect(guest.transcript.contains("Quit with Ctrl-A X"))
        #expect(guest.transcript.contains("Swiftlet on \(harts) hart"))
        #expect(try guest.run("echo hi > a; cat a") == "hi")
        let counts = try guest.run("ls | wc").split(separator: " ").compactMap { Int($0) }
        #expect(counts.count == 3 && counts[0] > 10 && counts[1] == 4 * counts[0])
        #expect(
            try guest.run("ping -W 30 -c 3 10.0.2.2; echo status $?").contains(
                "3 packets transmitted, 3 received, 0% packet loss"))
        try guest.halt()
    }

    @Test func exitCodeOfHaltReachesTheHost() throws {
        let guest = try Guest()
        try guest.waitForShell()
        guest.type("halt 42\n")
        #expect(try guest.exitStatus() == 42)
    }

    @Test func shellLanguage() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("echo one two | cat | wc") == "1 2 8")
        #expect(try guest.run("echo 'a  b' \"c  d\" e\\ f") == "a  b c  d e f")
        #expect(try guest.run("(echo x; echo y) > f; echo z >> f; cat < f") == "x\ny\nz")
        #expect(try guest.run("mkdir d; cd d; echo in > f; cd ..; cat d/f") == "in")
        #expect(
            try guest.run("ln d/f g; rm d/f; cat g; rm d g; cat g; echo $?")
                == "in\ncat: g: no such file or directory\n1")
        #expect(try guest.run("nosuch; echo $?") == "sh: nosuch: no such program (ls / lists them)\n127")
        #expect(try guest.run("echo no > /nodir/f; echo $?") == "sh: /nodir/f: no such file or directory\n1")
        #expect(try guest.run("ls && echo yes | grep y").hasSuffix("yes"))
        #expect(try guest.run("grep zzz README || echo none") == "none")
        #expect(try guest.run("echo a |") == "sh: syntax: a command is missing")
        #expect(try guest.run("echo background > h & wait; cat h") == "background")
        #expect(try guest.run("cat --help").hasPrefix("usage: cat"))
        try guest.halt()
    }

    @Test func consoleEditsLines() throws {
        let guest = try Guest()
        try guest.waitForShell()
        guest.type("echo wrong\u{15}echo rihg\u{08}\u{7f}ght\r")
        try guest.wait(for: "\nright\n$ ")
        guest.type("cat\n")
        guest.type("typed ahead\n\u{04}")
        try guest.wait(for: "typed ahead\ntyped ahead\n$ ")
        guest.type("\u{10}")
        try guest.wait(for: "1 sleep  init\n2 ")  // sh may run or sleep at this moment
        try guest.wait(for: " sh\n")
        guest.type("\n")
        try guest.wait(for: "$ ")
        try guest.halt()
    }

    @Test func controlCEndsTheForegroundProgramAndItsPipeline() throws {
        let guest = try Guest()
        try guest.waitForShell()
        guest.type("ping 10.0.2.77\n")  // a silent network
        try guest.wait(for: "PING 10.0.2.77 (10.0.2.77): 56 data bytes\n")
        guest.type("\u{03}")
        // It says what came of it before it ends.
        try guest.wait(for: "^C\n")
        try guest.wait(for: "100% packet loss")
        try guest.wait(for: "\n$ ")
        guest.type("ping -i 0.01 10.0.2.2 | cat | grep from; echo not reached\n")
        try guest.wait(for: "icmp_seq=")
        guest.type("\u{03}")
        try guest.wait(for: "^C\n")
        #expect(!(try guest.wait(for: "$ ")).contains("not reached"))
        guest.type("half a line\u{03}")
        try guest.wait(for: "half a line^C\n$ ")
        #expect(try guest.run("echo still here") == "still here")
        try guest.halt()
    }

    @Test func fileOutlivesPowerOff() throws {
        let first = try Guest()
        try first.waitForShell()
        _ = try first.run("mkdir kept; echo precious > kept/file")
        try first.halt()
        let second = try Guest(image: first.folder.appendingPathComponent("fs.img"))
        try second.waitForShell()
        #expect(try second.run("cat kept/file") == "precious")
        try second.halt()
        let check = try runOnHost(["build/tools/release/fsck", first.folder.appendingPathComponent("fs.img").path])
        #expect(check.status == 0, "\(check.output)")
    }

    @Test(arguments: ["virtio", "virtio-legacy", "virtio-pci", "ne2k", "ne2k-isa"])
    func pingGetsEveryReplyWhileTheRingsWrap(card: String) throws {
        let guest = try Guest(["NIC": card])
        try guest.waitForShell()
        let ping = try guest.run("ping -c 3 10.0.2.2; echo status $?")
        #expect(ping.contains("64 bytes from 10.0.2.2: icmp_seq=1 ttl=255 time="))
        #expect(ping.contains("3 packets transmitted, 3 received, 0% packet loss, time "))
        #expect(ping.contains("ms\nrtt min/avg/max/mdev = "))
        #expect(ping.hasSuffix("status 0"))
        let flood = try guest.run("ping -W 30 -c 2000 -i 0.001 10.0.2.2 | grep received")
        #expect(flood.hasPrefix("2000 packets transmitted, 2000 received, 0% packet loss, time "))
        #expect(try guest.run("ping -c 2 -s 1400 10.0.2.2").contains("1408 bytes from 10.0.2.2: icmp_seq=2"))
        try guest.halt()
    }

    @Test func pingOfASilentAddressFailsClearly() throws {
        let guest = try Guest()
        try guest.waitForShell()
        let ping = try guest.run("ping -c 2 -i 0.1 -W 0.3 10.0.2.77; echo status $?")
        #expect(ping.contains("no answer yet for icmp_seq=1"))
        #expect(ping.contains("2 packets transmitted, 0 received, 100% packet loss"))
        #expect(ping.hasSuffix("status 1"))
        let unreachable = try guest.run("ping -c 1 -W 10 10.0.2.77; echo status $?")
        #expect(unreachable.contains("icmp_seq=1 Destination Host Unreachable"))
        #expect(unreachable.hasSuffix("status 1"))
        #expect(
            try guest.run("ping -c 1 10.0.2; echo status $?")
                == "ping: 10.0.2: not an IPv4 address such as 10.0.2.2\nstatus 1")
        #expect(try guest.run("ping -W 30 -c 1 127.0.0.1").contains("1 received"))
        try guest.halt()
    }
}
