// Two guests on a card of shared memory: traffic, and what happens when either of them ends in the middle of it.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct SharedMemoryCardTests {
    /// The folder that the region's file lies in.
    private let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
        "swiftlet-shm-\(UUID().uuidString)")

    private func guest(_ number: Int) throws -> Guest {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let guest = try Guest([
            "NIC": "shm", "GUEST": "\(number)", "CPUS": "2", "XDG_RUNTIME_DIR": folder.path, "PCAP": "",
        ])
        try guest.waitForShell()
        return guest
    }

    private func remove() { try? FileManager.default.removeItem(at: folder) }

    @Test func guestsTalkThroughSharedMemory() throws {
        defer { remove() }
        let one = try guest(1), two = try guest(2)
        #expect(try one.run("ifconfig shm0").contains("inet 192.168.76.11 "))
        #expect(try one.run("ping -W 30 -c 5 -i 0.1 192.168.76.12").contains(" 0% packet loss"))
        #expect(try two.run("ping -W 30 -c 5 -i 0.1 -s 1400 192.168.76.11").contains(" 0% packet loss"))
        two.type("nc -l 7000 > got\n")
        try two.wait(for: "got\n")
        // The listener is there when the connection is.
        let deadline = Date(timeIntervalSinceNow: Guest.patience)
        while try one.run("nc -w 1 192.168.76.12 7000 < usertests; echo $?").hasSuffix("0") == false, Date() < deadline
        {}
        try two.wait(for: "$ ")
        let counts = try two.run("wc got usertests").split(separator: "\n").map { $0.split(separator: " ").prefix(3) }
        #expect(counts.count == 3 && counts[0] == counts[1], "\(counts)")
        try one.halt()
        try two.halt()
    }

    /// Killed and started again under load, either one: the other goes on, and they talk again.
    @Test func eitherMayEndAndComeBack() throws {
        defer { remove() }
        let one = try guest(1)
        var two = try guest(2)
        // From its own shell nothing is heard of it: it has no end.
        one.type("ping -i 0.01 192.168.76.12 > /null &\n")
        try one.wait(for: "$ ")
        for _ in 0..<2 {
            two.cutPower(after: 0.5)
            try one.wait(for: "shm0: link down", seconds: 60)
            two = try guest(2)
            try one.wait(for: "shm0: link up", seconds: 60)
            #expect(try two.run("ping -W 30 -c 5 -i 0.1 192.168.76.11").contains(" 0% packet loss"))
            #expect(try one.run("ping -W 30 -c 5 -i 0.1 192.168.76.12").contains(" 0% packet loss"))
        }
        try one.halt()
        try two.halt()
    }
}
