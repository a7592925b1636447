// What a stranger sees on the wire: tshark reads the capture.

import Foundation
import Testing

@Suite(.keepsGuests) struct CaptureTests {
    @Test(needs("tshark")) func arpAndICMPAreWellFormedAsTsharkReadsThem() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("ping -W 30 -c 3 -i 0.1 -s 333 10.0.2.2").contains("3 received"))
        try guest.halt()
        func frames(_ filter: String) throws -> [Substring] {
            let result = try runOnHost([
                "tshark", "-r", guest.capture.path, "-o", "ip.check_checksum:TRUE", "-Y", filter, "-T", "fields",
                "-e", "eth.src", "-e", "icmp.seq", "-e", "ip.len",
            ])
            return result.output.split(separator: "\n").filter { $0.contains(":") && !$0.contains("Running as") }
        }
        #expect(
            try frames("arp.opcode == 1 && eth.src == 52:54:00:73:77:66 && arp.dst.proto_ipv4 == 10.0.2.2").count == 1)
        #expect(
            try frames("icmp.type == 8 && icmp.checksum.status == 1 && ip.checksum.status == 1 && ip.len == 361").count
                == 3)
        #expect(try frames("icmp.type == 0 && eth.dst == 52:54:00:73:77:66").count == 3)
        #expect(try frames("_ws.malformed || icmp.checksum.status == 0 || ip.checksum.status == 0").isEmpty)
    }

    /// On a tap QEMU puts a header of its own before the frames of a virtio card, which must not come into the capture.
    @Test(needsNetwork) func eachCardOnATapHasACaptureOfFrames() throws {
        let network = try PrivateNetwork()
        try network.serveAddresses()
        let guest = try Guest(["PCAP": "1", "NIC": "virtio,ne2k", "NET": "tap", "NET2": "tap"], network: network)
        try guest.waitForShell()
        #expect(try guest.run("ping -W 30 -c 1 \(PrivateNetwork.host)").contains("1 received"))
        try guest.halt()
        for (name, address) in [("packets.pcap", 0x66), ("packets.card2.pcap", 0x66)] {
            let bytes = try [UInt8](Data(contentsOf: guest.folder.appendingPathComponent(name)))
            // A header of 24 bytes, then each frame behind 16 bytes, whose third word is its length.
            var place = 24, own = 0
            while place + 30 <= bytes.count {
                let type = Int(bytes[place + 28]) << 8 | Int(bytes[place + 29])
                #expect([0x0800, 0x0806, 0x86dd].contains(type), "\(name): a frame of type \(String(type, radix: 16))")
                if bytes[(place + 22)..<(place + 25)].elementsEqual([0x52, 0x54, 0x00]),
                    Int(bytes[place + 27]) == address
                {
                    own += 1
                }
                place += 16 + (0..<4).reduce(0) { $0 | Int(bytes[place + 8 + $1]) << (8 * $1) }
            }
            #expect(own > 0, "\(name) holds no frame of the card's")
        }
    }
}
