// What the tests of TCP against Linux share.

import Foundation
import Testing

enum StreamGuest {
    static let address = "192.168.76.11"

    /// A private network, and a guest on its bridge whose shell is ready.
    /// - Parameter queues: pairs of queues, from 2 on of a card on PCI.
    static func start(_ options: [String: String] = [:], queues: Int = 1) throws -> (PrivateNetwork, Guest) {
        let network = try PrivateNetwork(queues: queues)
        var own = ["NET": "tap", "TAP": "tap0", "IP": "\(address)/24"]
        if queues > 1 { own.merge(["QUEUES": "\(queues)", "NIC": "virtio-pci"]) { $1 } }
        let guest = try Guest(own.merging(options) { $1 }, network: network)
        try guest.waitForShell()
        return (network, guest)
    }

    /// Waits until a program of the guest's listens.
    static func waitForListener(_ guest: Guest, _ port: Int) throws {
        for _ in 0..<50 where !(try guest.run("netstat -t")).contains("*:\(port) ") { _ = try guest.run("sleep 0.2") }
        #expect(try guest.run("netstat -t").contains("*:\(port) "))
    }

    /// A file of random bytes, a multiple of eight.
    static func random(_ network: PrivateNetwork, _ count: Int) throws -> URL {
        let file = network.folder.appendingPathComponent("random")
        var generator = SystemRandomNumberGenerator()
        var data = Data(capacity: count)
        for _ in 0..<count / 8 {
            let word = generator.next() as UInt64
            for shift in stride(from: UInt64(0), to: 64, by: 8) {
                data.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        try data.write(to: file)
        return file
    }
}
