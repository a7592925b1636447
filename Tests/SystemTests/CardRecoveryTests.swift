// A virtio card that is reset from elsewhere, fails, or lies, while frames go both ways: it is brought back, and traffic
// goes on.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct CardRecoveryTests {
    private static let restarted = "it was reset and works again"

    /// A word of what the monitor says of a queue, such as the address of its rings.
    private func address(_ word: String, _ queue: Int, _ path: String, _ guest: Guest) throws -> UInt64 {
        let shown = try guest.monitor("info virtio-queue-status \(path) \(queue)")
        let number = try #require(shown.firstMatch(of: try Regex("\(word): +0x([0-9a-f]+)"))?[1].substring, "\(shown)")
        return try #require(UInt64(number, radix: 16))
    }

    /// - Parameter machine: more of QEMU's options.
    private func start(_ card: String, machine: String = "") throws -> (Guest, GuestMemory) {
        let memory = GuestMemory()
        let guest = try Guest(
            ["CPUS": "2", "QEMUFLAGS": "\(memory.flags) \(machine)"].merging(cardOptions(card)) { $1 })
        try guest.waitForShell()
        try memory.connect()
        #expect(try guest.run("ping -W 30 -c 3 -i 0.1 10.0.2.2").contains("3 received"))
        return (guest, memory)
    }

    // What the kernel says may come in the middle of a command's echo: only output is waited for.

    private func waitForTraffic(_ guest: Guest) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        var isBack = false
        while !isBack, Date() < deadline {
            // Without a link there are no statistics.
            guest.type("ping -c 1 10.0.2.2; echo \"tri\"\"ed\"\n")
            isBack = try guest.wait(for: "\ntried\n").contains("1 received")
        }
        #expect(isBack)
    }

    private func expectTraffic(_ guest: Guest) throws {
        guest.type("ping -c 100 -i 0.01 10.0.2.2\n")
        #expect(try guest.wait(for: " packet loss").contains("100 received"))
        guest.type("ifconfig vt0\n")
        try guest.wait(for: "media: link up")
        try guest.wait(for: "\n$ ")
    }

    /// The registers of a virtio-mmio card: its status is made 0, as by a reset that the driver did not ask for.
    @Test(arguments: ["virtio", "virtio packed"]) func aCardThatIsResetUnderLoadGoesOn(card: String) throws {
        let (guest, memory) = try start(card)
        let shown = try guest.run("ifconfig vt0")
        let slot = try #require(shown.firstMatch(of: /mmio at 0x([0-9a-f]+)/)?.1)
        let status = try #require(UInt64(slot, radix: 16)) + 0x70
        guest.type("ping -i 0.01 10.0.2.2 > /null 2> /null &\n")
        try guest.wait(for: "$ ")
        try memory.write(0 as UInt32, at: status)
        try guest.wait(for: "vt0: the device failed or broke the rules of its queues: \(Self.restarted)")
        try expectTraffic(guest)
        // Once more: after a pause, and with a line that says that there will be no others.
        try memory.write(0 as UInt32, at: status)
        try guest.wait(for: "vt0: it failed again")
        try waitForTraffic(guest)
        try expectTraffic(guest)
        try guest.halt()
    }

    /// QEMU finds a false index in the ring that it reads, and sets DEVICE_NEEDS_RESET.
    @Test func aCardThatFailedUnderLoadGoesOn() throws {
        let (guest, memory) = try start("virtio")
        guard try guest.run("ifconfig vt0").contains("SPLIT") else { return try guest.halt() }
        let index = try address("avail", 0, "/machine/peripheral/card0", guest) + 2
        guest.type("ping -i 0.01 10.0.2.2 > /null 2> /null &\n")
        try guest.wait(for: "$ ")
        var isBack = false
        let deadline = Date(timeIntervalSinceNow: 30)
        // The guest writes its index too: until QEMU has seen the false one.
        while !isBack, Date() < deadline {
            try memory.write(0x7777 as UInt16, at: index)
            usleep(20_000)
            isBack = guest.transcript.contains(Self.restarted) || guest.transcript.contains("vt0: it failed again")
        }
        #expect(isBack)
        // The last false index may have met the new ring: then it comes back after a pause.
        try waitForTraffic(guest)
        try expectTraffic(guest)
        try guest.halt()
    }

    /// A false index in the used ring of the transmit queue. On PCI QEMU can reset a queue alone; on virtio-mmio it says
    /// that it can, and does not.
    @Test(arguments: [("virtio-pci", "/virtio-backend", "a queue, which was reset alone"), ("virtio", "", restarted)])
    func aQueueThatLiesIsReset(card: String, backend: String, message: String) throws {
        let (guest, memory) = try start(card)
        guard try guest.run("ifconfig vt0").contains("SPLIT") else { return try guest.halt() }
        let index = try address("used", 1, "/machine/peripheral/card0\(backend)", guest) + 2
        try memory.write(0x7777 as UInt16, at: index)
        try guest.wait(for: message)
        try expectTraffic(guest)
        try guest.halt()
    }

    private static let messages = "-machine virt,aia=aplic-imsic"

    /// The same with message interrupts (MSI-X), whose table of queues a reset forgets: the address of the status is that
    /// of its registers on PCI.
    @Test(arguments: ["virtio-pci", "virtio-pci packed"]) func aCardWithMessagesThatIsResetGoesOn(card: String) throws {
        let (guest, memory) = try start(card, machine: Self.messages)
        #expect(try guest.run("lspci -v").contains("messages (MSI-X)"))
        let regions = try guest.run("lspci -v | grep \"Region 4\"")
        let registers = try #require(regions.firstMatch(of: /Memory at ([0-9a-f]+)/)?.1, "\(regions)")
        let status = try #require(UInt64(registers, radix: 16)) + 20
        guest.type("ping -i 0.01 10.0.2.2 > /null 2> /null &\n")
        try guest.wait(for: "$ ")
        try memory.write(0 as UInt8, at: status)
        try guest.wait(for: "vt0: the device failed or broke the rules of its queues: \(Self.restarted)")
        try expectTraffic(guest)
        try memory.write(0 as UInt8, at: status)
        try guest.wait(for: "vt0: it failed again")
        try waitForTraffic(guest)
        try expectTraffic(guest)
        try expectInterrupts(guest)
        try guest.halt()
    }

    /// A queue that lies is reset alone, and interrupts by its message afterwards.
    @Test(arguments: [0, 1]) func aQueueWithMessagesThatLiesIsReset(queue: Int) throws {
        let (guest, memory) = try start("virtio-pci", machine: Self.messages)
        guard try guest.run("ifconfig vt0").contains("SPLIT") else { return try guest.halt() }
        let index = try address("used", queue, "/machine/peripheral/card0/virtio-backend", guest) + 2
        try memory.write(0x7777 as UInt16, at: index)
        try guest.wait(for: "a queue, which was reset alone")
        try expectTraffic(guest)
        try expectInterrupts(guest)
        try guest.halt()
    }

    /// A change of the configuration comes by a message as well.
    @Test func aLinkThatGoesAndComesIsToldByAMessage() throws {
        let (guest, _) = try start("virtio-pci", machine: Self.messages)
        guest.type("ping -i 0.01 10.0.2.2 > /null 2> /null &\n")
        try guest.wait(for: "$ ")
        for _ in 0..<3 {
            _ = try guest.monitor("set_link card0 off")
            try guest.wait(for: "vt0: link down")
            _ = try guest.monitor("set_link card0 on")
            try guest.wait(for: "vt0: link up")
        }
        try waitForTraffic(guest)
        try expectTraffic(guest)
        try expectInterrupts(guest)
        try guest.halt()
    }

    /// Looked at once a second, one reply a second would come.
    private func expectInterrupts(_ guest: Guest) throws {
        guest.type("ping -c 300 -i 0.001 10.0.2.2\n")
        let report = try guest.wait(for: "ms\nrtt")
        let time = try #require(report.firstMatch(of: /time (\d+)$/).flatMap { Int($0.1) }, "\(report)")
        #expect(report.contains("300 received") && time < 60_000, "\(report)")
    }
}
