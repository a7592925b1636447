// The network's programs as their users type them, against a real server's answers.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized, .enabled(if: PrivateNetwork.isPossible, "\(PrivateNetwork.obstacle ?? "")"))
struct NetworkToolTests {
    @Test func namesRoutesAndTimeServersOfALease() throws {
        let network = try PrivateNetwork()
        let server = try network.start(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--group=",
            "--interface=br0", "--bind-interfaces", "--dhcp-range=192.168.76.11,192.168.76.99,1h",
            "--dhcp-authoritative", "--dhcp-leasefile=\(network.folder.path)/leases", "--no-resolv", "--no-hosts",
            "--log-facility=-", "--no-ping", "--local=/lab.example/", "--local=/other.example/",
            "--dhcp-option=121,10.7.0.0/16,192.168.76.2,0.0.0.0/0,192.168.76.1",
            "--dhcp-option=119,lab.example,other.example", "--dhcp-option=42,192.168.76.5", "--dhcp-option=26,1400",
            "--host-record=server.lab.example,server,\(PrivateNetwork.host)",
            "--host-record=pc.other.example,192.168.76.7",
            "--cname=www.lab.example,server.lab.example", "--txt-record=server.lab.example,a\u{1b}b",
            "--mx-host=lab.example,server.lab.example,10")
        try server.wait(for: "DHCP, IP range")
        let guest = try Guest(["NET": "tap", "TAP": "tap0"], network: network)
        try guest.waitForShell()
        let lease = try guest.run("dhcp")
        #expect(
            lease.contains("  search       lab.example other.example\n")
                && lease.contains("  time server  192.168.76.5")
                && lease.contains("  mtu          1400") && lease.contains("  router       192.168.76.1"), "\(lease)")
        // The one that the lease names, where no host is.
        #expect(try guest.run("ntpdate -W 0.3; echo $?").contains("ntpdate: 192.168.76.5: "))
        #expect(try guest.run("route").contains("10.7.0.0/16         192.168.76.2"))
        #expect(try guest.run("ifconfig vt0 | head -n 1").hasSuffix("mtu 1400"))
        #expect(try guest.run("host pc") == "pc.other.example has address 192.168.76.7")
        #expect(
            try guest.run("host www")
                == "www.lab.example is an alias for server.lab.example.\nserver.lab.example has address 192.168.76.1")
        #expect(try guest.run("host 192.168.76.1").hasPrefix("1.76.168.192.in-addr.arpa domain name pointer server"))
        #expect(try guest.run("host server.lab.example -t txt") == #"server.lab.example descriptive text "a\027b""#)
        #expect(try guest.run("host -t mx lab.example") == "lab.example mail is handled by 10 server.lab.example.")
        #expect(try guest.run("host -t aaaa server.lab.example") == "host: server.lab.example: no AAAA record")
        #expect(try guest.run("host nosuch.lab.example 192.168.76.1; echo $?").hasSuffix("no such name\n1"))
        #expect(try guest.run("nameserver") == "192.168.76.1 from a lease")
        #expect(try guest.run("nameserver 192.168.76.9; nameserver; nameserver -d") == "192.168.76.9 by hand")
        try guest.halt()
    }

    /// 250 addresses of one name are 4 KB: they come over TCP, for a program that asks by itself and for the resolver.
    @Test func answersThatDoNotFitADatagramComeOverTCP() throws {
        let network = try PrivateNetwork()
        let hosts = network.folder.appendingPathComponent("hosts")
        let lines = (1...250).map { "10.9.0.\($0) big.example\n" }.joined()
        try lines.write(to: hosts, atomically: true, encoding: .utf8)
        let server = try network.start(
            "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--group=",
            "--listen-address=\(PrivateNetwork.host)", "--bind-interfaces", "--no-resolv", "--no-hosts",
            "--addn-hosts=\(hosts.path)", "--log-facility=-")
        try server.wait(for: "names")
        let guest = try Guest(["NET": "tap", "TAP": "tap0", "IP": "192.168.76.11/24"], network: network)
        try guest.waitForShell()
        #expect(try guest.run("nameserver \(PrivateNetwork.host)") == "")
        #expect(try guest.run("host big.example | grep -c address") == "250")
        // The system call keeps eight, and knows that those are not all only when the connection fails.
        let ping = try guest.run("ping -c 1 -W 0.2 big.example")
        #expect(ping.contains("10.9.0."), "\(ping)")
        let counters = try guest.run("netstat -s")
        #expect(counters.contains(" 2 connections begun here"), "\(counters)")
        try guest.halt()
    }

    @Test func pingSaysWhatIsWrongAndGivesItsStatistics() throws {
        let network = try PrivateNetwork()
        try network.serveAddresses()
        let guest = try Guest(["NET": "tap", "TAP": "tap0"], network: network)
        try guest.waitForShell()
        // The host forwards nothing there: it says so, and ping goes on.
        try network.run("ip", "route", "add", "unreachable", "10.9.0.0/16")
        try network.run("ip", "route", "add", "prohibit", "10.8.0.0/16")
        try network.run("ip", "route", "add", "10.5.0.0/16", "via", "192.168.76.250")
        // By itself it forwards nothing, and says so once a second only.
        try network.run(
            "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit")
        let host = try guest.run("ping 10.9.0.1 -c 2 -i 0.2")
        #expect(
            host.contains("From 192.168.76.1 icmp_seq=1 Destination Host Unreachable")
                && host.contains("2 packets transmitted, 0 received, +2 errors, 100% packet loss"), "\(host)")
        #expect(try guest.run("ping -c 1 10.8.0.1").contains("From 192.168.76.1 icmp_seq=1 Packet filtered"))
        #expect(try guest.run("ping -c 1 -t 1 10.5.0.1").contains("icmp_seq=1 Time to live exceeded"))
        let way = try guest.run("traceroute -q 1 10.9.0.1")
        // Linux holds errors back when there were many: the first probe may have no answer.
        #expect(way.contains(" 192.168.76.1  ") && way.hasSuffix("ms !H"), "\(way)")
        #expect(try guest.run("traceroute -q 1 10.8.0.1").hasSuffix("ms !X"))
        let silent = try guest.run("ping -c 2 -i 0.2 192.168.76.200")
        #expect(silent.contains("icmp_seq=2 Destination Host Unreachable"), "\(silent)")
        guest.type("ping -i 0.1 \(PrivateNetwork.host)\n")
        try guest.wait(for: "icmp_seq=5 ")
        guest.type("\u{03}")
        try guest.wait(for: "packet loss")
        try guest.wait(for: "$ ")
        try guest.halt()
    }

    @Test func aDuplicateOfAFixedAddressIsSaid() throws {
        let network = try PrivateNetwork()
        let guest = try Guest(["NET": "tap", "TAP": "tap0", "IP": "\(PrivateNetwork.host)/24"], network: network)
        try guest.waitForShell()
        try guest.wait(for: "vt0: 192.168.76.1 is the address of ")
        try guest.halt()
    }

    /// An NE2000 kept 8 frames where 19 fit: no datagram of more fragments ever arrived.
    @Test(arguments: [13_000, 27_000]) func ne2000CarriesLargeDatagramsBothWays(size: Int) throws {
        let network = try PrivateNetwork()
        let guest = try Guest(["NET": "tap", "TAP": "tap0", "NIC": "ne2k", "IP": "192.168.76.11/24"], network: network)
        try guest.waitForShell()
        #expect(try guest.run("ping -W 30 -c 5 -i 0.3 -s \(size) \(PrivateNetwork.host)").contains("5 received"))
        let pings = try network.run("ping", "-c", "5", "-i", "0.3", "-s", "\(size)", "192.168.76.11")
        #expect(pings.contains("5 received"), "\(pings)")
        // But for the bridge's own frames, whose type is IPv6.
        let counters = try guest.run("netstat -s | grep dropped")
        let reasons = counters.split(separator: "\n").filter { !$0.hasSuffix("unknown EtherType") }
        let foreign = counters.split(separator: "\n").first { $0.hasSuffix("unknown EtherType") }
        let count = foreign?.split(separator: " ").first ?? "0"
        #expect(
            try reasons.isEmpty && guest.run("ifconfig ne0 | grep dropped").hasSuffix(", \(count) dropped"),
            "\(counters)")
        try guest.halt()
    }

    @Test func framesOfNineThousandBytesGoBothWays() throws {
        let network = try PrivateNetwork()
        for device in ["tap0", "tap1", "br0"] { try network.run("ip", "link", "set", device, "mtu", "9000") }
        let guest = try Guest(
            [
                "NET": "tap", "TAP": "tap0", "IP": "192.168.76.11/24",
                "QEMUFLAGS": "-global virtio-net-device.host_mtu=9000",
            ], network: network)
        try guest.waitForShell()
        #expect(try guest.run("ifconfig vt0 | head -n 1").hasSuffix("mtu 9000"))
        #expect(try guest.run("ping -W 30 -c 3 -i 0.2 -s 8900 \(PrivateNetwork.host)").contains("3 received"))
        // Not to be fragmented.
        let pings = try network.run("ping", "-c", "3", "-i", "0.2", "-M", "do", "-s", "8900", "192.168.76.11")
        #expect(pings.contains("3 received"), "\(pings)")
        #expect(try guest.run("ifconfig vt0 mtu 1400; ifconfig vt0 | head -n 1").hasSuffix("mtu 1400"))
        #expect(try guest.run("ifconfig vt0 mtu 9001").contains("a number from 68 to 9000, or 0, is wanted"))
        try guest.halt()
    }
}
