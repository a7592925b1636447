// Machines other than QEMU's usual one: two interrupt controllers, reserved memory, harts that lack something.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct BoardTests {
    /// Two NUMA nodes have a PLIC each; the second, with the disk and the network card, interrupts no hart of the first.
    @Test func devicesOfASecondPLICInterruptItsHarts() throws {
        let guest = try Guest([
            "CPUS": "3",
            "QEMUFLAGS": """
            -object memory-backend-ram,id=m0,size=64M -object memory-backend-ram,id=m1,size=64M \
            -numa node,memdev=m0,cpus=0 -numa node,memdev=m1,cpus=1-2
            """,
        ])
        try guest.waitForShell()
        #expect(guest.transcript.contains("Swiftlet on 3 harts, 128 MiB"))
        #expect(guest.transcript.contains("irq 1031"))  // 1024 × 1 + 7
        #expect(try guest.run("echo kept > f; cat f") == "kept")
        #expect(
            try guest.run("ping -W 30 -c 500 -i 0.001 10.0.2.2 | grep received").hasPrefix(
                "500 packets transmitted, 500 received"))
        try guest.halt()
    }

    /// With as many harts in the second node as in the first, QEMU 7.1 and 7.2 connect the wrong lines of its PLIC.
    @Test(arguments: [("2", "0", "1"), ("4", "0-1", "2-3")])
    func aSecondPLICWithAsManyHartsAsTheFirst(harts: String, first: String, second: String) throws {
        let guest = try Guest([
            "CPUS": harts,
            "QEMUFLAGS": """
            -object memory-backend-ram,id=m0,size=64M -object memory-backend-ram,id=m1,size=64M \
            -numa node,memdev=m0,cpus=\(first) -numa node,memdev=m1,cpus=\(second)
            """,
        ])
        try guest.waitForShell()
        #expect(guest.transcript.contains("irq 1031"))
        #expect(try guest.run("echo kept > f; cat f") == "kept")
        // Looked at once a second, one reply a second would come.
        let report = try guest.run("ping -W 30 -c 300 -i 0.001 10.0.2.2 | grep received")
        #expect(report.hasPrefix("300 packets transmitted, 300 received"))
        let time = try #require(report.firstMatch(of: /time (\d+)ms/).flatMap { Int($0.1) }, "\(report)")
        #expect(time < 60_000, "\(report)")
        try guest.halt()
    }

    /// Console, disk and network card interrupt a hart each: the PLIC's enable bits, by hart, say so.
    @Test func devicesInterruptDifferentHarts() throws {
        let guest = try Guest(["CPUS": "3"])
        try guest.waitForShell()
        let enabled = try [0x0c00_2080, 0x0c00_2180, 0x0c00_2280].map { address in
            let answer = try guest.monitor("xp /1wx 0x\(String(address, radix: 16))")
            let word = answer.split(separator: " ").last.map { $0.filter(\.isHexDigit) } ?? ""
            return try #require(UInt32(word.suffix(8), radix: 16), "\(answer)")
        }
        #expect(enabled.allSatisfy { $0.nonzeroBitCount == 1 }, "\(enabled)")
        #expect(enabled.reduce(0, |).nonzeroBitCount == 3, "\(enabled)")
        #expect(try guest.run("echo kept > f; cat f; ping -W 30 -c 3 10.0.2.2 | grep received").contains(" 3 received"))
        try guest.halt()
    }

    /// An APLIC in the PLIC's place, by wires or by messages to an IMSIC: every card on every hart.
    @Test(arguments: ["aplic", "aplic-imsic"], ["virtio", "virtio-pci", "ne2k", "ne2k-isa"])
    func devicesInterruptThroughAnAPLIC(kind: String, card: String) throws {
        let guest = try Guest(["NIC": card, "DISK": "virtio-pci", "QEMUFLAGS": "-machine virt,aia=\(kind)"])
        try guest.waitForShell()
        // Looked at once a second, one reply a second would come.
        let report = try guest.run("ping -W 30 -c 300 -i 0.001 10.0.2.2 | grep received")
        #expect(report.hasPrefix("300 packets transmitted, 300 received"), "\(report)")
        let time = try #require(report.firstMatch(of: /time (\d+)ms/).flatMap { Int($0.1) }, "\(report)")
        #expect(time < 60_000, "\(report)")
        #expect(try guest.run("cat usertests usertests > f; cp f g; wc g").hasSuffix(" g"))
        // The disk, and a virtio card.
        let messengers = try guest.run("lspci -v | grep -c MSI-X")
        #expect(messengers == (kind == "aplic" ? "0" : card == "virtio-pci" ? "2" : "1"))
        try guest.halt()
    }

    /// A disk and a card on one interrupt line: when the network thread has to wait for its turn, the card's own pin is
    /// switched off, and not the line.
    @Test(arguments: ["virtio-pci", "ne2k"]) func theDisksLineIsNotHeldForACard(card: String) throws {
        let guest = try Guest(["DISK": "virtio-pci", "NIC": card, "CPUS": "1", "IP": "10.0.2.15/24"])
        try guest.waitForShell()
        let spots = try guest.run("lspci -v | grep irq")
        let lines = spots.matches(of: /irq (\d+)/).map { $0.1 }
        #expect(lines.count == 2 && lines[0] == lines[1], "\(spots)")
        // It takes each of its turns to the end.
        guest.type("cat /zero > /null &\n")
        try guest.wait(for: "$ ")
        guest.type("ping -c 100000 -i 0.001 10.0.2.2 > /null &\n")
        try guest.wait(for: "$ ")
        let deadline = Date(timeIntervalSinceNow: Guest.patience)
        var isOff = false
        while !isOff, Date() < deadline {
            let answer = try guest.monitor("xp /1hx 0x30020004")  // device 4's command register
            let command = answer.split(separator: " ").last.flatMap {
                Int($0.filter(\.isHexDigit).suffix(4), radix: 16)
            }
            isOff = try #require(command, "\(answer)") & 1 << 10 != 0
        }
        #expect(isOff)
        #expect(try guest.run("echo kept > f; cat f") == "kept")
        #expect(try guest.run("ping -W 30 -c 20 -i 0.01 10.0.2.2 | grep received").contains(" 20 received"))
        try guest.halt()
    }

    @Test func reservedMemoryIsLeftAloneAndHartsThatLackAnExtensionAreNotStarted() throws {
        let blob = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).dtb")
        defer { try? FileManager.default.removeItem(at: blob) }
        let dump = try runOnHost(
            ["qemu-system-riscv64", "-M", "virt,dumpdtb=\(blob.path)", "-m", "128M", "-smp", "3", "-display", "none"])
        var tree = [UInt8](try Data(contentsOf: blob))
        try #require(dump.status == 0 && tree.count > 64, "\(dump.output)")
        // A reservation block at the end, of 32 MiB in the middle.
        func word(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
        let size = tree[4..<8].reduce(0) { $0 << 8 | Int($1) }
        tree.removeLast(tree.count - size)
        while tree.count % 8 != 0 { tree.append(0) }
        tree.replaceSubrange(16..<20, with: word(tree.count))
        for value in [0, 0x8400_0000, 0, 32 << 20, 0, 0, 0, 0] { tree += word(value) }
        tree.replaceSubrange(4..<8, with: word(tree.count))
        let zbb = Array("_zbb_".utf8)
        for i in 0..<tree.count - 5 where tree[i..<i + 5].elementsEqual(zbb) { tree[i + 3] = UInt8(ascii: "x") }
        try Data(tree).write(to: blob)

        let guest = try Guest(["CPUS": "3", "QEMUFLAGS": "-dtb \(blob.path)"])
        try guest.waitForShell()
        #expect(guest.transcript.contains("Swiftlet on 1 hart, 128 MiB"))  // firmware has started one of them
        let refused = guest.transcript.components(separatedBy: "lacks zbb, says the device tree: going on without it")
        #expect(refused.count == 3, "\(guest.transcript)")
        let total = try guest.run("free").split(whereSeparator: \.isWhitespace).compactMap { Int($0) }.first
        #expect(try #require(total) < 97 << 10)
        try guest.halt()
    }
}
