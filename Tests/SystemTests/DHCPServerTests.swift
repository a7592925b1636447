// Real DHCP servers: each gives a guest a lease, and each answers mistakes in its own way (Documentation/DHCP.md has
// the table).

import Foundation
import Testing

/// A DHCP server of the host's, on br0 of a private network, that gives 192.168.76.11 to .30.
enum DHCPServer: String, CaseIterable, CustomTestStringConvertible {
    case dnsmasq, udhcpd, dhcpd

    var testDescription: String { rawValue }
    var isInstalled: Bool { (try? runOnHost(["which", rawValue]).status) == 0 }
    static var installed: [DHCPServer] { allCases.filter(\.isInstalled) }

    func start(in network: PrivateNetwork) throws {
        let folder = network.folder.path
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
        }
        switch self {
        case .dnsmasq: try network.serveAddresses(from: 11, to: 30)
        case .udhcpd:
            try write("leases", "")
            try write(
                "udhcpd.conf",
                "start 192.168.76.11\nend 192.168.76.30\ninterface br0\nlease_file \(folder)/leases\npidfile \(folder)/pid\n"
                    + "option subnet 255.255.255.0\noption router 192.168.76.1\noption lease 3600\n")
            try network.start("udhcpd", "-f", "\(folder)/udhcpd.conf").wait(for: "started")
        case .dhcpd:
            try write("dhcpd.leases", "")
            try write(
                "dhcpd.conf",
                "authoritative; ping-check false; default-lease-time 3600;\n"
                    + "subnet 192.168.76.0 netmask 255.255.255.0 { range dynamic-bootp 192.168.76.11 192.168.76.30; option routers 192.168.76.1; }\n"
            )
            try network.start(
                "dhcpd", "-4", "-f", "-d", "--no-pid", "-cf", "\(folder)/dhcpd.conf", "-lf", "\(folder)/dhcpd.leases",
                "br0"
            ).wait(for: "Server starting service")
        }
    }
}

@Suite(.keepsGuests, .serialized, .enabled(if: PrivateNetwork.isPossible, "\(PrivateNetwork.obstacle ?? "")"))
struct DHCPServerTests {
    /// Says which servers the other tests leave out.
    @Test(
        .enabled(
            if: DHCPServer.installed.count == DHCPServer.allCases.count,
            "tried without \(DHCPServer.allCases.filter { !$0.isInstalled }.map(\.rawValue)), for lack of udhcpd or isc-dhcp-server"
        ))
    func allServersAreThere() {}

    @Test(arguments: DHCPServer.installed) func givesOurGuestALeaseAndTakesItBack(server: DHCPServer) throws {
        let network = try PrivateNetwork()
        try server.start(in: network)
        let guest = try Guest(["NET": "tap", "TAP": "tap0"], network: network)
        try guest.waitForShell()
        let lease = try guest.run("dhcp")
        #expect(
            lease.contains("vt0: bound") && lease.contains("lease        3600 s")
                && lease.contains("router       192.168.76.1"), "\(lease)")
        #expect(try guest.run("ping -W 30 -c 2 -i 0.1 \(PrivateNetwork.host)").contains("2 received"))
        #expect(try guest.run("dhcp -r; dhcp -s") == "vt0: no address")
        #expect(try guest.run("dhcp | head -n 1") == "vt0: bound")
        try guest.halt()
    }

    /// What each mistake leads to, as the table in Documentation/DHCP.md has it.
    private static let table: [DHCPServer: [String: String]] = [
        .dnsmasq: ["wrong-checksum": "silence", "no-cookie": "silence", "no-type": "silence"],
        .udhcpd: ["wrong-checksum": "silence", "no-cookie": "silence", "no-type": "silence"],
        .dhcpd: ["wrong-checksum": "silence"],
    ]

    @Test(arguments: DHCPServer.installed) func mistakesHaveTheEffectsOfTheTable(server: DHCPServer) throws {
        let network = try PrivateNetwork()
        try network.run("ip", "link", "add", "ve0", "type", "veth", "peer", "name", "ve1")
        try network.run("ip", "link", "set", "ve1", "master", "br0", "up")
        try network.run("ip", "link", "set", "ve0", "up")
        try server.start(in: network)
        let discover = projectFolder.appendingPathComponent("build/tools/release/discover").path
        var report = ""
        for mistake in [
            "none", "wrong-checksum", "no-checksum", "short", "no-cookie", "no-end", "other-chaddr", "no-type",
            "broadcast-flag", "swapped-xid",
        ] {
            let (_, output) = try runOnHost(network.entry + [discover, "ve0", mistake])
            let answer = output.trimmingCharacters(in: .whitespacesAndNewlines)
            report += "\(mistake): \(answer)\n"
            let isSilent = Self.table[server]?[mistake] == "silence"
            #expect((answer == "silence") == isSilent, "\(mistake): \(answer)")
        }
        print("\(server.rawValue)\n\(report)")
    }
}
