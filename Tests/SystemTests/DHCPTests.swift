// An address from a DHCP server: QEMU's own.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct DHCPTests {
    /// Boots without an address in the boot arguments: of several -append options QEMU takes the last.
    func guestThatAsks(_ options: [String: String] = [:]) throws -> Guest {
        let guest = try Guest(["QEMUFLAGS": "-append nothing"].merging(options) { $1 })
        try guest.waitForShell()
        return guest
    }

    @Test(arguments: [1, 3]) func firstCommandAfterBootFindsANetwork(harts: Int) throws {
        let guest = try guestThatAsks(["CPUS": "\(harts)"])
        let ping = try guest.run("ping -W 30 -c 3 10.0.2.2; echo status $?")
        #expect(ping.contains("3 packets transmitted, 3 received, 0% packet loss") && ping.hasSuffix("status 0"))
        try guest.halt()
        // What went over the wire, as another program reads it: sound messages, and probes before the address was used.
        let list = try runOnHost(
            [
                "tshark", "-r", guest.capture.path, "-Y", "dhcp or arp.opcode == 1", "-o", "udp.check_checksum:TRUE",
                "-T", "fields", "-e", "dhcp.option.dhcp", "-e", "udp.checksum.status", "-e", "arp.src.proto_ipv4", "-e",
                "arp.dst.proto_ipv4",
            ])
        let lines = list.output.split(separator: "\n").map(String.init).filter { $0.contains("\t") }
        #expect(
            Array(lines.prefix(7)) == [
                "1\t1\t\t", "2\t1\t\t", "3\t1\t\t", "5\t1\t\t",
                "\t\t0.0.0.0\t10.0.2.15", "\t\t0.0.0.0\t10.0.2.15", "\t\t10.0.2.15\t10.0.2.15",
            ], "\(list.output)")
    }

    @Test func leaseIsShownReleasedAndGotBack() throws {
        let guest = try guestThatAsks()
        let lease = try guest.run("dhcp; echo status $?")
        for line in [
            "vt0: bound", "  address      10.0.2.15/24", "  mask         255.255.255.0", "  router       10.0.2.2",
            "  name server  10.0.2.3", "  server       10.0.2.2", "  lease        86400 s, ", "status 0",
        ] {
            #expect(lease.contains(line), "\(lease)")
        }
        #expect(try guest.run("dhcp -s").hasPrefix("vt0: bound\n  address      10.0.2.15/24"))
        #expect(try guest.run("dhcp -r; echo status $?") == "status 0")
        #expect(
            try guest.run("ping -c 1 10.0.2.2; echo status $?").hasPrefix(
                "PING 10.0.2.2 (10.0.2.2): 56 data bytes\nping: 10.0.2.2: network is down\n"))
        #expect(try guest.run("ping -W 30 -c 1 127.0.0.1").contains("1 received"))
        #expect(try guest.run("dhcp -s; echo status $?") == "vt0: no address\nstatus 1")
        #expect(try guest.run("dhcp | grep address") == "  address      10.0.2.15/24")
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        #expect(try guest.run("dhcp -i 3; echo status $?") == "dhcp: 3: no such interface\nstatus 1")
        #expect(try guest.run("dhcp --help").hasPrefix("usage: dhcp"))
        try guest.halt()
    }

    @Test func addressInTheBootArgumentsIsNotAskedFor() throws {
        let guest = try Guest(["QEMUFLAGS": "-append ip=10.0.2.15/24"])
        try guest.waitForShell()
        #expect(
            try guest.run("dhcp -s")
                == "vt0: configured by hand\n  address      10.0.2.15/24\n  mask         255.255.255.0")
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        try guest.halt()
        #expect(
            try runOnHost(["tshark", "-r", guest.capture.path, "-Y", "dhcp", "-T", "fields", "-e", "dhcp.id"]).output
                .contains("0x") == false)
    }

    @Test func withoutAServerTheReasonIsNamed() throws {
        let guest = try guestThatAsks([
            "QEMUFLAGS": "-append nothing -netdev hubport,id=n1,hubid=0 -device virtio-net-device,netdev=n1"
        ])
        let both = try guest.run("dhcp -i 0 -W 2; dhcp -i 1 -W 2")
        #expect(both.contains("no lease in time (asking for a server); asking goes on in the background"), "\(both)")
        #expect(both.contains(": bound\n  address      10.0.2.15/24"), "\(both)")
        #expect(try guest.run("ping -W 30 -c 1 10.0.2.2").contains("1 received"))
        try guest.halt()
    }
}
