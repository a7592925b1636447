// Two guests and this machine on one bridge, in a private network namespace that qemu/pair makes and that ends with it.

import Foundation
import Testing

/// How root becomes an ordinary user, for whom the namespaces are a user's own.
private let asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
private let nobodyMakesTaps =
    getuid() == 0
    && (try? runOnHost(
        asNobody + ["unshare", "--net", "--user", "--map-root-user", "ip", "tuntap", "add", "tap0", "mode", "tap"]
    ).status) == 0

@Suite(.keepsGuests) struct BridgeTests {
    /// dnsmasq may neither write its pid file nor change its group there.
    @Test(
        needsNetwork,
        .enabled(if: nobodyMakesTaps, "only root becomes another user, and /dev/net/tun must be open to that one"))
    func guestsOfAnOrdinaryUserGetLeases() throws {
        let pair = try Guest(["CPUS": "1"], script: "qemu/pair", entry: asNobody)
        try pair.wait(for: "| $ \n")
        try pair.wait(for: "| $ \n")
        pair.type("ping -c 1 192.168.76.1\n")
        try pair.wait(for: "1 received")
        try pair.wait(for: "1 received")
        pair.type("1 dhcp -s\n2 dhcp -s\n")
        try pair.wait(for: "lease        3600 s")
        try pair.wait(for: "lease        3600 s")
        pair.type("halt\n")
        #expect(try pair.exitStatus() == 0)
    }

    /// A server that ends at once: its reason is shown, and the guests have fixed addresses.
    @Test(needsNetwork) func pairWithoutItsServerSaysSo() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = folder.appendingPathComponent("dnsmasq")
        try "#!/bin/sh\necho no luck today\nexit 1\n".write(to: server, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: server.path)
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let pair = try Guest(["CPUS": "1", "PATH": "\(folder.path):\(path)"], script: "qemu/pair")
        try pair.wait(for: "the DHCP server did not come up (\(pair.folder.path)/dnsmasq.log says why)")
        try pair.wait(for: "no luck today\n")
        try pair.wait(for: "| $ \n")
        try pair.wait(for: "| $ \n")
        pair.type("1 ping -c 1 192.168.76.12\n")
        try pair.wait(for: "1 received")
        pair.type("\u{1c}")
        #expect(try pair.exitStatus() != 0)
    }

    @Test(needsNetwork)
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
        // The listener may not have its port yet: the first lines may be refused, so they are sent one by one until one
        // arrives.
        for _ in 0..<20 {
            pair.type("1 echo over the bridge | nc -u -w 0.2 192.168.76.12 7000\n")
            try pair.wait(for: "1| $ \n")
            if pair.transcript.contains("2| over the bridge\n") { break }
        }
        #expect(pair.transcript.contains("2| over the bridge\n"))
        pair.type("2 \u{03}")  // at once: no line has to end
        try pair.wait(for: "2| ^C\n")
        pair.type("1 halt\n")
        pair.type("2 halt\n")
        #expect(try pair.exitStatus() == 0)
    }
}
