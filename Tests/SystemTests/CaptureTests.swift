// What a stranger sees on the wire: tshark reads the capture.

import Foundation
import Testing

private let hasTshark = (try? runOnHost(["tshark", "--version"]).status == 0) ?? false

@Suite struct CaptureTests {
    @Test(.enabled(if: hasTshark, "tshark is not installed (apt-get install tshark)"))
    func arpAndICMPAreWellFormedAsTsharkReadsThem() throws {
        let guest = try Guest()
        try guest.waitForShell()
        #expect(try guest.run("ping -c 3 -i 0.1 -s 333 10.0.2.2").contains("3 received"))
        try guest.halt()
        func frames(_ filter: String) throws -> [Substring] {
            let result = try runOnHost([
                "tshark", "-r", guest.capture.path, "-o", "ip.check_checksum:TRUE", "-Y", filter, "-T", "fields",
                "-e", "eth.src", "-e", "icmp.seq", "-e", "ip.len",
            ])
            return result.output.split(separator: "\n").filter { $0.contains(":") && !$0.contains("Running as") }
        }
        #expect(try frames("arp.opcode == 1 && eth.src == 52:54:00:73:77:66 && arp.dst.proto_ipv4 == 10.0.2.2").count == 1)
        #expect(try frames("icmp.type == 8 && icmp.checksum.status == 1 && ip.checksum.status == 1 && ip.len == 361").count == 3)
        #expect(try frames("icmp.type == 0 && eth.dst == 52:54:00:73:77:66").count == 3)
        #expect(try frames("_ws.malformed || icmp.checksum.status == 0 || ip.checksum.status == 0").isEmpty)
    }
}
