// Packet rings in a machine: pkt-gen and bridge, what is on the wire, and what is left when they end.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct RingSystemTests {
    /// The lengths of the frames in a capture (classic pcap) to this UDP port.
    private func lengths(in capture: URL, port: UInt16) throws -> [Int] {
        let bytes = try [UInt8](Data(contentsOf: capture))
        var found: [Int] = []
        var place = 24
        while place + 16 <= bytes.count {
            let count = (0..<4).reduce(0) { $0 | Int(bytes[place + 8 + $1]) << (8 * $1) }
            let frame = place + 16
            if count >= 42, frame + count <= bytes.count, bytes[frame + 12] == 8, bytes[frame + 23] == 17,
                UInt16(bytes[frame + 36]) << 8 | UInt16(bytes[frame + 37]) == port
            {
                found.append(count)
            }
            place = frame + count
        }
        return found
    }

    @Test(arguments: ["virtio", "virtio packed", "virtio-pci", "ne2k"])
    func whatIsSentIsOnTheWireAndTheCardComesBack(card: String) throws {
        let guest = try Guest(cardOptions(card).merging(["CPUS": "2"]) { $1 })
        try guest.waitForShell()
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        let name = card == "ne2k" ? "ne0" : "vt0"
        let before = try guest.run("free")
        let output = try guest.run("pkt-gen -i \(name) -n 700 -l 100 -b 50 -d 10.0.2.2:9999 -D 52:55:0a:00:02:02")
        #expect(output.contains("\nSent 700 packets 70000 bytes "), "\(output)")
        #expect(output.contains(" 100 bytes each in ") && output.contains("Average batch: "), "\(output)")
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        let after = try guest.run("free")
        let free = [before, after].map { Int($0.split(separator: " ").last ?? "") ?? 0 }
        #expect(abs(free[0] - free[1]) < 600, "\(before)\n\(after)")
        try guest.halt()
        #expect(try lengths(in: guest.capture, port: 9999) == [Int](repeating: 100, count: 700))
    }

    /// A program that sends without end has the card look at nothing but its frames.
    @Test(arguments: ["virtio", "virtio packed", "virtio-pci"])
    func theLinkIsSeenWhileAProgramSends(card: String) throws {
        let guest = try Guest(cardOptions(card).merging(["CPUS": "2", "PCAP": ""]) { $1 })
        try guest.waitForShell()
        guest.type("pkt-gen -i vt0\n")
        try guest.wait(for: "Sending on vt0")
        for _ in 0..<3 {
            _ = try guest.monitor("set_link card0 off")
            try guest.wait(for: "vt0: link down")
            _ = try guest.monitor("set_link card0 on")
            try guest.wait(for: "vt0: link up")
        }
        guest.type("\u{3}")
        try guest.wait(for: "Average batch")
        try guest.wait(for: "\n$ ")
        // QEMU 7.2 miscounts a packed queue's frames that it drops for want of a link ("Virtqueue size exceeded"): the card
        // fails then, and is reset, every ten seconds at most.
        var answer: String
        let deadline = Date() + (card.contains("packed") ? Guest.patience : 0)
        repeat {
            answer = try guest.run("ping -W 30 -c 1 10.0.2.2 || sleep 0.5")
        } while !answer.contains("1 received") && Date() < deadline
        #expect(answer.contains("1 received"), "\(answer)")
        try guest.halt()
    }

    @Test func whatComesIsCounted() throws {
        let station = try Station()
        let guest = try Guest(station.options)
        try guest.waitForShell()
        #expect(try guest.run("pkt-gen -i vt0 -f rx -n 0 -l 9").contains("-l 9: not a number from 42 to 1514"))
        guest.type("pkt-gen -i vt0 -f rx -n 400\n")
        try guest.wait(for: "Receiving on vt0")
        for number in 0..<400 {
            station.send(
                [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 0x88, 0xb5] + [UInt8](repeating: UInt8(number & 255), count: 186))
            if number % 20 == 19 { Thread.sleep(forTimeInterval: 0.002) }
        }
        try guest.wait(for: "Received 400 packets 80000 bytes ")
        try guest.wait(for: "\n$ ")
        try guest.halt()
    }

    @Test func aPipeBetweenTwoProcessesCarriesAllAndMeasures() throws {
        let guest = try Guest()
        try guest.waitForShell()
        guest.type("pkt-gen -i pipe:x -f rx -n 5000 & pkt-gen -i pipe:x -n 5000\n")
        try guest.wait(for: "& pkt-gen -i pipe:x -n 5000")
        try guest.wait(forAll: ["Received 5000 packets 300000 bytes ", "\n$ "])
        try guest.start("pkt-gen -i pipe:y -f pong", says: "Receiving on pipe:y")
        let output = try guest.run("pkt-gen -i pipe:y -f ping -n 50")
        #expect(output.contains("count 50 RTT: min ") && output.contains("Sent 50 packets"), "\(output)")
        #expect(!output.contains("no answer"), "\(output)")
        try guest.halt()
    }

    /// The stack behind a bridge answers and asks as before.
    @Test(arguments: ["virtio", "ne2k"]) func aBridgeToTheHostPassesEverythingOn(card: String) throws {
        let guest = try Guest(cardOptions(card))
        try guest.waitForShell()
        let name = card == "ne2k" ? "ne0" : "vt0"
        try guest.start("bridge \(name) host", says: "bridge between \(name) and this machine's stack")
        let output = try guest.run("ping -W 30 -c 5 -i 0.1 10.0.2.2")
        #expect(output.contains("5 packets transmitted, 5 received"), "\(output)")
        #expect(try guest.run("ifconfig \(name)").contains(",HELD>"))
        let line = try #require(try guest.run("ps").split(separator: "\n").last { $0.hasSuffix(" bridge") })
        _ = try guest.run("kill \(try #require(line.split(separator: " ").first))")
        #expect(try guest.run("ping -W 30 -c 2 -i 0.1 10.0.2.2").contains("2 received"))
        #expect(!(try guest.run("ifconfig \(name)").contains("HELD")))
        try guest.halt()
    }

    /// A station asks through the guest what is behind its other card.
    @Test func aBridgeBetweenTwoCardsPassesFramesOn() throws {
        let station = try Station()
        let guest = try Guest(station.options.merging(["NIC": "virtio,ne2k", "NET2": "user"]) { $1 })
        try guest.waitForShell()
        guest.type("bridge vt0 ne0\n")
        try guest.wait(for: "bridge between vt0 and ne0")
        let question: [UInt8] =
            [255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1]
            + [10, 0, 2, 77, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2] + [UInt8](repeating: 0, count: 18)
        station.send(question)
        let end = Date(timeIntervalSinceNow: 20)
        func answers() -> [[UInt8]] {
            station.frames.filter { $0.count >= 42 && $0[12] == 8 && $0[13] == 6 && $0[21] == 2 && $0[31] == 2 }
        }
        while answers().isEmpty, Date() < end { Thread.sleep(forTimeInterval: 0.05) }
        #expect(answers().count == 1)
        guest.type("\u{3}")
        let output = try guest.wait(for: "$ ")
        #expect(output.contains("passed on "), "\(output)")
        #expect(try guest.run("ping -c 1 \(Station.address)").contains("1 packets transmitted"))
        try guest.halt()
    }

    /// ustack: a ping, a datagram, and the machine's own stack afterwards.
    @Test func aStackInAProgramAnswersAtItsOwnAddress() throws {
        let station = try Station()
        let guest = try Guest(station.options)
        try guest.waitForShell()
        guest.type("ustack vt0 10.9.0.77/24\n")
        try guest.wait(for: "10.9.0.77 answers ping")
        // As if from the guest's port 7 to port 5555 here: what answers it goes there.
        var seen = [UInt8](repeating: 0, count: 60)
        seen.replaceSubrange(6..<12, with: [0x52, 0x54, 0, 0x73, 0x77, 0x66])
        seen.replaceSubrange(26..<34, with: [10, 9, 0, 77, 10, 9, 0, 1])
        seen.replaceSubrange(34..<38, with: [0, 7, 0x15, 0xb3])
        let payload = [UInt8]("over the rings".utf8)
        station.send(Station.datagram(payload, answering: Station.Packet(frame: seen)))
        var request = Station.datagram([], answering: Station.Packet(frame: seen))
        // ICMP in the place of UDP: 16 less in the header, 16 more in its checksum.
        request[23] = 1
        let sum = UInt32(request[24]) << 8 | UInt32(request[25]) + 16
        let folded = sum & 0xffff + sum >> 16
        (request[24], request[25]) = (UInt8(folded >> 8), UInt8(folded & 255))
        request.replaceSubrange(34..<42, with: [8, 0, 0xf7, 0xfd, 0, 1, 0, 1])
        station.send(request)
        func answers(_ isAnswer: ([UInt8]) -> Bool) -> Bool {
            station.frames.contains { $0.count >= 42 && $0[26..<30] == [10, 9, 0, 77] && isAnswer($0) }
        }
        let end = Date(timeIntervalSinceNow: 20)
        var hasAll = false
        while !hasAll, Date() < end {
            Thread.sleep(forTimeInterval: 0.05)
            hasAll =
                answers { $0[23] == 1 && $0[34] == 0 && $0[38..<42] == [0, 1, 0, 1] }
                && answers { $0[23] == 17 && $0[35] == 7 && $0.count >= 56 && Array($0[42..<56]) == payload }
        }
        #expect(hasAll, "\(station.frames.map { $0.prefix(60) })")
        guest.type("\u{3}")
        #expect(try guest.wait(for: "$ ").contains(" packets in, "))
        try guest.halt()
    }

    /// A hundred ends at any moment, in every role: the card works on, and all memory is back.
    @Test(arguments: ["virtio", "ne2k"]) func interruptedAtAnyMomentTheCardWorksOn(card: String) throws {
        var random = SystemRandomNumberGenerator()
        let guest = try Guest(cardOptions(card).merging(["CPUS": "2", "PCAP": ""]) { $1 })
        try guest.waitForShell()
        let name = card == "ne2k" ? "ne0" : "vt0"
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        for round in 0..<100 {
            let command = [
                "pkt-gen -i \(name)", "pkt-gen -i \(name) -f rx", "bridge \(name) host", "pkt-gen -i \(name) -f ping",
            ][round % 4]
            guest.type(command + "\n")
            try guest.wait(for: command + "\n")
            // A moment is what this test is about.
            usleep(UInt32.random(in: 0..<60_000, using: &random))
            guest.type("\u{3}")
            try guest.wait(for: "$ ")
        }
        #expect(try guest.run("ping -W 30 -c 3 -i 0.1 10.0.2.2").contains("3 received"))
        #expect(try guest.run("usertests -q ringsbounds ringspipe").contains("ALL TESTS PASSED"))
        try guest.halt()
    }
}
