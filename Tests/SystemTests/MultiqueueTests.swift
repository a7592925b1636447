// A card with a pair of queues for each hart: on virtio-pci, with message interrupts and a tap that has several queues.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized, .enabled(if: PrivateNetwork.isPossible, "\(PrivateNetwork.obstacle ?? "")"))
struct MultiqueueTests {
    /// A word of what the monitor says of a queue.
    private func number(_ word: String, _ queue: Int, _ guest: Guest) throws -> Int {
        let shown = try guest.monitor("info virtio-queue-status /machine/peripheral/card0/virtio-backend \(queue)")
        let number = try #require(shown.firstMatch(of: try Regex("\(word): +([0-9]+)"))?[1].substring, "\(shown)")
        return try #require(Int(number))
    }

    /// Frames that QEMU has put into, or taken from, each of the queues, modulo 65,536.
    private func used(_ guest: Guest) throws -> [Int] { try (0..<4).map { try number("used_idx", $0, guest) } }

    private func expectTwoPairs(_ guest: Guest) throws {
        #expect(try guest.run("ifconfig vt0").contains("queues: 2 pairs"))
    }

    /// Many flows, that both harts work on: each of the four queues has its part, and all that was sent arrives.
    @Test(needs("iperf"), arguments: ["split", "packed"]) func framesGoThroughBothPairs(queue: String) throws {
        let (network, guest) = try StreamGuest.start(["CPUS": "2", "QUEUE": queue], queues: 2)
        try expectTwoPairs(guest)
        let before = try used(guest)
        let server = try network.start("iperf", "-s")
        try server.wait(for: "listening")
        for stream in 0..<3 {
            guest.type("iperf -c \(PrivateNetwork.host) -t 2 > out\(stream) &\n")
            try guest.wait(for: "$ ")
        }
        #expect(try network.run("ping", "-c", "200", "-i", "0.01", "-q", StreamGuest.address).contains("200 received"))
        #expect(try guest.run("ping -W 30 -c 200 -i 0.01 \(PrivateNetwork.host)").contains("200 received"))
        let deadline = Date(timeIntervalSinceNow: 60)
        while try guest.run("ps").contains("iperf"), Date() < deadline { _ = try guest.run("sleep 0.2") }
        for stream in 0..<3 { #expect(try guest.run("cat out\(stream)").contains("bits/sec")) }
        // Towards the guest: the streams of several clients.
        guest.type("iperf -s > /null &\n")
        try guest.wait(for: "$ ")
        try StreamGuest.waitForListener(guest, 5001)
        #expect(
            try network.run("iperf", "-c", StreamGuest.address, "-P", "4", "-t", "2").contains("bits/sec"))
        let after = try used(guest)
        if queue == "split" {
            for i in 0..<4 { #expect(after[i] != before[i], "queue \(i): \(before) \(after)") }
        }
        try expectTwoPairs(guest)
        try guest.halt()
    }

    /// One tap with several queues, two, three and four harts: as many pairs as there are harts and queues.
    @Test(arguments: [("1", 1), ("3", 3), ("4", 3)]) func thereIsAPairForEachHart(harts: String, pairs: Int) throws {
        let (_, guest) = try StreamGuest.start(["CPUS": harts], queues: 3)
        let shown = try guest.run("ifconfig vt0")
        #expect(pairs == 1 ? !shown.contains("queues:") : shown.contains("queues: \(pairs) pairs"), "\(shown)")
        #expect(try guest.run("ping -W 30 -c 20 -i 0.01 \(PrivateNetwork.host)").contains("20 received"))
        try guest.halt()
    }

    @Test func aFeatureThatIsLeftAloneLeavesOnePair() throws {
        let (_, guest) = try StreamGuest.start(["CPUS": "2", "ARGS": "vt-without=mq"], queues: 2)
        #expect(try !guest.run("ifconfig vt0").contains("queues:"))
        #expect(try guest.run("ping -W 30 -c 20 -i 0.01 \(PrivateNetwork.host)").contains("20 received"))
        try guest.halt()
    }
}
