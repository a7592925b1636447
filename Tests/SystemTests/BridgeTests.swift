// Two guests and this machine on one bridge, in a private network namespace that qemu/pair makes and that ends with it.

import Foundation
import Testing

private let hasDnsmasq = (try? runOnHost(["dnsmasq", "--version"]).status == 0) ?? false
private let canMakeNamespace = (try? runOnHost(["unshare", "--net", "true"]).status == 0) ?? false
    || (try? runOnHost(["unshare", "--user", "--net", "--map-root-user", "true"]).status == 0) ?? false

@Suite struct BridgeTests {
    @Test(
        .enabled(if: canMakeNamespace, "a private network namespace cannot be made here"),
        .enabled(if: hasDnsmasq, "dnsmasq is not installed (apt-get install dnsmasq-base)"))
    func twoGuestsOnOneBridgeGetLeasesPingAndTalkToEachOther() throws {
        let pair = try Guest(["CPUS": "1"], script: "qemu/pair")
        try pair.wait(for: "| $ \n")
        try pair.wait(for: "| $ \n")
        // A ping waits for the lease that is asked for since the start.
        pair.type("ping -c 1 192.168.76.1\n")
        try pair.wait(for: "1 received")
        try pair.wait(for: "1 received")
        pair.type("1 dhcp -s\n2 dhcp -s\n")
        try pair.wait(for: "lease        3600 s")
        try pair.wait(for: "lease        3600 s")
        pair.type("1 ping -c 3 -i 0.1 192.168.76.12\n")
        try pair.wait(for: "1| 3 packets transmitted, 3 received, 0% packet loss")
        pair.type("2 ping -c 3 -i 0.1 192.168.76.1\n")
        try pair.wait(for: "2| 3 packets transmitted, 3 received, 0% packet loss")
        pair.type("2 iperf -u -s -1\n")
        try pair.wait(for: "2| Server listening on UDP port 5001\n")
        pair.type("1 iperf -u -c 192.168.76.12 -b 2m -t 1\n")
        try pair.wait(for: "1| [  1] Server Report:\n")
        try pair.wait(for: "(0.0%)\n")
        try pair.wait(for: "2| $ \n")
        pair.type("2 nc -u -l 7000 | cat\n")
        try pair.wait(for: "2| nc -u -l 7000 | cat\n")
        // The listener may not have its port yet: the first lines may be refused, so they are sent one by one until one arrives.
        for _ in 0..<20 {
            pair.type("1 echo over the bridge | nc -u -w 0.2 192.168.76.12 7000\n")
            try pair.wait(for: "1| $ \n")
            if pair.transcript.contains("2| over the bridge\n") { break }
        }
        #expect(pair.transcript.contains("2| over the bridge\n"))
        pair.type("2 \u{03}\n1 halt\n")
        pair.type("2 halt\n")
        #expect(try pair.exitStatus() == 0)
    }
}
