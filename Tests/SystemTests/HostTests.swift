// The guest as a host among hosts: Linux, its tools and its DHCP server on one bridge with it.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized, .enabled(if: PrivateNetwork.isPossible, "\(PrivateNetwork.obstacle ?? "")"))
struct HostTests {
    /// A network with a server, and a guest in it that has its address, 192.168.76.11.
    private func bridgedGuest(_ options: [String: String] = [:]) throws -> (PrivateNetwork, Guest) {
        let network = try PrivateNetwork()
        try network.serveAddresses()
        let guest = try Guest(["NET": "tap", "TAP": "tap0"].merging(options) { $1 }, network: network)
        try guest.waitForShell()
        #expect(try guest.run("dhcp | grep address") == "  address      192.168.76.11/24")
        return (network, guest)
    }
    private let address = "192.168.76.11"

    /// Free packets when all is quiet. What was sent last is given back when the card is looked at the next time,
    /// within a second.
    private func freePackets(_ guest: Guest) throws -> String {
        let count = "netstat -s | grep free$ | head -n 1"
        var last = try guest.run(count)
        for _ in 0..<20 {
            _ = try guest.run("sleep 1.5")
            let now = try guest.run(count)
            if now == last { break }
            last = now
        }
        return last
    }

    @Test(arguments: [1, 2]) func linuxPings20000TimesAndEveryOneIsAnswered(harts: Int) throws {
        let (network, guest) = try bridgedGuest(["CPUS": "\(harts)"])
        let result = try network.run("ping", "-q", "-w", "100", "-c", "20000", "-i", "0.001", address)
        #expect(result.contains("20000 packets transmitted, 20000 received, 0% packet loss"), "\(result)")
        let counters = try guest.run("netstat -s")
        #expect(!counters.contains("ring full") && counters.contains(" 0 times none was free"), "\(counters)")
        try guest.halt()
    }

    @Test(needs("traceroute", "arping")) func linuxToolsFindIt() throws {
        let (network, guest) = try bridgedGuest()
        let trace = try network.run("traceroute", "-n", address)
        #expect(trace.contains(" 1  \(address)"), "\(trace)")
        #expect(try network.run("arping", "-c", "3", "-I", "br0", address).contains("Received 3 response(s)"))
        #expect(try network.run("ping", "-c", "3", "-i", "0.1", "-s", "65507", address).contains("3 received"))
        #expect(try guest.run("traceroute -q 1 \(PrivateNetwork.host)").contains(" 1  \(PrivateNetwork.host)  "))
        #expect(try guest.run("ping -W 30 -c 2 -i 0.1 -s 65507 \(PrivateNetwork.host)").contains("2 received"))
        #expect(
            try guest.run("host www")
                == "www.lab.example is an alias for server.lab.example.\nserver.lab.example has address \(PrivateNetwork.host)"
        )
        #expect(try guest.run("host nobody.lab.example; echo $?") == "host: nobody.lab.example: no such name\n1")
        #expect(try guest.run("ping -W 30 -c 1 server").contains("1 received"))
        try guest.halt()
    }

    @Test(needs("socat")) func datagramsOfEverySizeComeBackWhole() throws {
        let (network, guest) = try bridgedGuest()
        guest.type("nc -u -l -e 7\n")
        try guest.wait(for: "nc -u -l -e 7\n")
        var random = SystemRandomNumberGenerator()
        for size in [1, 2, 100, 1471, 1472, 1473, 1480, 2953, 8192, 30_000, 59_999, 60_000] {
            let sent = network.folder.appendingPathComponent("sent"),
                back = network.folder.appendingPathComponent("back")
            let bytes = Data((0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
            try bytes.write(to: sent)
            // The first may come before the listener has its port.
            for _ in 0..<10 {
                try network.run(
                    "sh", "-c",
                    "socat -b 65536 -t 0.5 - UDP:\(address):7,sndbuf=262144,rcvbuf=262144 < \(sent.path) > \(back.path) || true"
                )
                if (try? Data(contentsOf: back)) == bytes { break }
                guard size == 1 else { break }
            }
            #expect(try Data(contentsOf: back) == bytes, "\(size) bytes")
        }
        guest.type("\u{03}")
        try guest.halt()
    }

    @Test(needs("iperf")) func iperfRunsBothWaysWithoutLoss() throws {
        let (network, guest) = try bridgedGuest()
        guest.type("iperf -u -s -1\n")
        try guest.wait(for: "listening on UDP port 5001\n")
        let sent = try network.run("iperf", "-c", address, "-u", "-b", "7m", "-t", "3")
        #expect(
            sent.contains("Server Report:")
                && sent.range(of: #" 0/1[78]\d\d \(0%\)"#, options: .regularExpression) != nil, "\(sent)")
        try guest.wait(for: "(0.0%)\n$ ")
        let server = try network.start("iperf", "-s", "-u", "-P", "1")
        try server.wait(for: "listening")
        // A rate at which Linux's buffer of 208 KB holds a second: a busy host does not run its iperf for that long.
        let received = try guest.run("iperf -u -c \(PrivateNetwork.host) -b 1m -t 3")
        #expect(received.contains("Server Report:") && received.contains("(0.0%)"), "\(received)")
        let served = try server.end()
        #expect(served.contains("(0%)"))
        // The datagrams carry the time of day, as Linux's own do: against its clock they have no hours of jitter.
        let jitter = #"Mbits/sec +\d{1,3}\.\d+ ms"#
        #expect(served.range(of: jitter, options: .regularExpression) != nil, "\(served)")
        try guest.halt()
    }

    /// A datagram with the greatest number that there is, one from a port that cannot be answered: the next client is
    /// served as ever.
    @Test(needs("socat", "iperf", "mausezahn")) func noDatagramEndsAServer() throws {
        let (network, guest) = try bridgedGuest()
        guest.type("iperf -u -s\n")
        try guest.wait(for: "listening on UDP port 5001\n")
        let zeros = #"\0\0\0\0\0\0\0\0"#
        let numbered = #"\377\377\377\377"# + zeros + #"\177\377\377\377\010\0\0\0"#
        let last = #"\0\0\0\0"# + zeros + #"\200\0\0\0\010\0\0\0"#
        let sending = "{ printf '\(numbered)'; sleep 0.3; printf '\(last)'; sleep 0.3; }"
        try network.run("sh", "-c", "\(sending) | socat - UDP:\(address):5001 >/dev/null")
        try guest.wait(for: "9223372036854775806/9223372036854775807 (100.0%)\n")
        let result = try network.run("iperf", "-c", address, "-u", "-b", "1m", "-t", "1")
        #expect(result.contains("Server Report:"), "\(result)")
        guest.type("\u{03}")
        try guest.wait(for: "$ ")
        guest.type("nc -u -l -e 7\n")
        try guest.wait(for: "nc -u -l -e 7\n")
        let echo =
            "for i in 1 2 3 4 5; do echo abc | socat -t 1 - UDP:\(address):7 2>/dev/null | grep abc && exit; done"
        #expect(try network.run("sh", "-c", echo) == "abc\n")
        try network.run("mausezahn", "br0", "-q", "-c", "3", "-B", address, "-t", "udp", "sp=0,dp=7", "-P", "nobody")
        #expect(try network.run("sh", "-c", echo) == "abc\n", "after datagrams from port 0")
        guest.type("\u{03}")
        try guest.halt()
    }

    /// As fast as the host can send, to a program that reads, with fragments and pings between.
    @Test(needs("iperf"), arguments: [1, 2]) func floodStopsNeitherTheShellNorWhatComesAfterAndLosesNoPacket(harts: Int)
        throws
    {
        let (network, guest) = try bridgedGuest(["CPUS": "\(harts)"])
        let before = try freePackets(guest)
        guest.type("iperf -u -s &\n")
        try guest.wait(for: "listening on UDP port 5001\n")
        let flood = try network.start("iperf", "-c", address, "-u", "-l", "64", "-b", "40000pps", "-t", "4")
        let fragments = try network.start("ping", "-q", "-f", "-w", "4", "-s", "20000", address)
        // The server in the background prints too, perhaps in the middle of what is typed.
        guest.type("echo status $?\n")
        try guest.wait(for: "status 0\n")
        _ = try flood.end()
        _ = try fragments.end()
        try guest.wait(for: "%)\n")
        #expect(
            try network.run("ping", "-q", "-c", "200", "-i", "0.002", "-w", "20", address).contains(" 0% packet loss"))
        // Fragments whose neighbours were lost are kept for 30 seconds.
        let deadline = Date(timeIntervalSinceNow: 60)
        var after = try freePackets(guest)
        while after != before, Date() < deadline {
            _ = try guest.run("sleep 1")
            after = try freePackets(guest)
        }
        #expect(after == before, "\(before) became \(after)")
        let packets = try guest.run("netstat -s | grep 'packets in'")
        #expect((Int(packets.drop { $0 == " " }.prefix { $0 != " " }) ?? 0) > 20_000, "\(packets)")
        try guest.halt()
    }

    /// 100,000 frames, ten kinds at 3,000 a second each or so, one of them sound; then the sound ones are answered as
    /// before, and no packet is missing.
    @Test(needs("mausezahn"), arguments: [1, 2]) func malformedFramesAtWireRateCostNothingButTheirCounters(harts: Int)
        throws
    {
        let (network, guest) = try bridgedGuest(["CPUS": "\(harts)"])
        let before = try freePackets(guest)
        let ethernet: [UInt8] = [0x52, 0x54, 0, 0x73, 0x77, 0x66, 2, 0, 0, 0, 0, 9]
        func packet(_ change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
            var bytes: [UInt8] = [
                0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 192, 168, 76, 1, 192, 168, 76, 11, 8, 0, 0xf7, 0xfe, 0, 0, 0,
                1,
            ]
            change(&bytes)
            let sum = stride(from: 0, to: 20, by: 2).reduce(0) { $0 + Int(bytes[$1]) << 8 + Int(bytes[$1 + 1]) }
            let checksum = ~(sum & 0xffff + sum >> 16)
            if bytes[10] == 0, bytes[11] == 0 {
                (bytes[10], bytes[11]) = (UInt8(checksum >> 8 & 255), UInt8(checksum & 255))
            }
            return ethernet + [8, 0] + bytes
        }
        let frames: [[UInt8]] = [
            packet(),
            packet { $0[11] = 1 },  // header checksum
            packet { $0[0] = 0x44 },  // header length
            packet { $0[3] = 200 },  // total length
            packet { $0[22] = 0 },  // ICMP checksum
            packet { ($0[9], $0[24]) = (17, 0xff) },  // UDP length
            packet { $0[6] = 0x20 },  // a first fragment of 8 bytes
            packet { $0[12] = 255 },  // impossible source
            ethernet + [8, 6] + [UInt8](repeating: 0xa5, count: 46),  // ARP
            ethernet + [0x12, 0x34] + [UInt8](repeating: 0, count: 46),  // unknown EtherType
        ]
        let senders = try frames.map { frame in
            try network.start(
                "mausezahn", "br0", "-q", "-c", "10000", "-d", "200u",
                frame.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " "))
        }
        #expect(try guest.run("echo alive").contains("alive"))
        for sender in senders { _ = try sender.end() }
        // Linux has a queue of its own, that has to empty
        try network.run("ping", "-q", "-c", "1", "-w", "20", address)
        let (_, pings) = try runOnHost(network.entry + ["ping", "-q", "-c", "200", "-i", "0.002", "-w", "20", address])
        #expect(pings.contains(" 0% packet loss"), "\(pings)")
        let counters = try guest.run("netstat -s")
        for reason in [
            "bad IP header checksum", "bad IP header length", "bad IP total length", "bad ICMP checksum",
            "malformed ARP message",
        ] {
            #expect(counters.contains("dropped: \(reason)"), "\(counters)")
        }
        let deadline = Date(timeIntervalSinceNow: 60)
        var after = try freePackets(guest)
        while after != before, Date() < deadline {  // fragments are kept for 30 seconds
            _ = try guest.run("sleep 1")
            after = try freePackets(guest)
        }
        #expect(after == before, "\(before) became \(after)")
        try guest.halt()
    }

    @Test(needs("tshark")) func tcpdumpAndTsharkTellTheSameStory() throws {
        let (network, guest) = try bridgedGuest()
        let shark = try network.start(
            "tshark", "-l", "-n", "-i", "br0", "-f", "icmp", "-T", "fields", "-e", "ip.src", "-e", "ip.dst",
            "-e", "icmp.type", "-e", "icmp.ident", "-e", "icmp.seq")
        try shark.wait(for: "Capturing on 'br0'")
        // Both begin to look some time after they say so: pings go on until both have seen enough, tshark the first.
        let pings = try network.start("ping", "-q", "-i", "0.2", "-w", "60", address)
        try shark.wait(for: "\t8\t")
        guest.type("tcpdump -q -c 10 icmp\n")
        try guest.wait(for: "tcpdump -q -c 10 icmp\n")
        let console = try guest.wait(for: "\n$ ")
        try network.run("ping", "-q", "-c", "3", "-i", "0.2", "-w", "10", address)
        pings.stop()
        shark.stop()
        let guestStory = console.split(separator: "\n").map {
            String($0.drop { $0 == " " }.drop { $0 != " " }.dropFirst())
        }
        let sharkStory = shark.output.split(separator: "\n").map { $0.split(separator: "\t") }.filter { $0.count == 5 }
            .map { fields in
                let kind = fields[2] == "8" ? "request" : "reply"
                let (identifier, sequence) = (number(fields[3]), number(fields[4]))
                return "IP \(fields[0]) > \(fields[1]): ICMP echo \(kind), id \(identifier), seq \(sequence), length 64"
            }
        let begin = sharkStory.firstIndex(of: guestStory.first ?? "") ?? sharkStory.endIndex
        #expect(
            guestStory.count == 10 && Array(sharkStory[begin...].prefix(10)) == guestStory,
            "\(guestStory)\n\(sharkStory)")
        try guest.halt()
    }

    /// tshark gives the first of two numbers, in decimal or hexadecimal.
    private func number(_ text: Substring) -> Int {
        let first = text.split(separator: ",")[0]
        return first.hasPrefix("0x") ? Int(first.dropFirst(2), radix: 16)! : Int(first)!
    }

    @Test func addressThatSomebodyHasIsDeclined() throws {
        let network = try PrivateNetwork()
        let image = network.folder.appendingPathComponent("fs.img")
        try FileManager.default.copyItem(at: projectFolder.appendingPathComponent("build/fs.img"), to: image)
        let squatter = try Guest(
            ["NET": "tap", "TAP": "tap1", "GUEST": "2", "IP": "192.168.76.11/24", "CPUS": "1"], image: image,
            network: network)
        try squatter.waitForShell()
        let server = try network.serveAddresses(from: 11, to: 12)
        let guest = try Guest(["NET": "tap", "TAP": "tap0"], network: network)
        try guest.waitForShell()
        #expect(try guest.run("dhcp -W 30 | grep address") == "  address      192.168.76.12/24")
        #expect(server.output.contains("DHCPDECLINE(br0) 192.168.76.11"))
        #expect(try guest.run("ping -W 30 -c 1 \(PrivateNetwork.host)").contains("1 received"))
        try guest.halt()
        try squatter.halt()
    }

    /// RFC 2131, 4.4.5, with a lease of 20 seconds: T1 after 10, T2 after 17.5.
    @Test(needs("udhcpd")) func leaseWithoutItsServerIsRenewedReboundLostAndGotAgain() throws {
        let network = try PrivateNetwork()
        let configuration = network.folder.appendingPathComponent("udhcpd.conf")
        let leases = network.folder.appendingPathComponent("udhcpd.leases")
        _ = FileManager.default.createFile(atPath: leases.path, contents: nil)
        let text = """
            start 192.168.76.11
            end 192.168.76.12
            interface br0
            lease_file \(leases.path)
            pidfile \(network.folder.path)/udhcpd.pid
            min_lease 10
            option subnet 255.255.255.0
            option router 192.168.76.1
            option lease 20

            """
        try text.write(to: configuration, atomically: true, encoding: .utf8)
        func serve() throws -> PrivateNetwork.Server { try network.start("udhcpd", "-f", configuration.path) }
        let first = try serve()
        let guest = try Guest(["NET": "tap", "TAP": "tap0"], network: network)
        try guest.waitForShell()
        let lease = try guest.run("dhcp")
        #expect(lease.contains("vt0: bound") && lease.contains("lease        20 s"), "\(lease)")
        // With its server: still bound long after the first lease would have ended.
        _ = try guest.run("sleep 12")
        #expect(try guest.run("dhcp -s").hasPrefix("vt0: bound"))
        first.stop()
        var states: [String] = []
        let deadline = Date(timeIntervalSinceNow: 60)
        while states.last != "asking for a server", Date() < deadline {
            let state = try guest.run("dhcp -s | head -n 1").replacingOccurrences(of: "vt0: ", with: "")
            if states.last != state { states.append(state) }
            _ = try guest.run("sleep 0.3")
        }
        #expect(
            states.drop { $0 == "about to ask" } == ["bound", "renewing", "rebinding", "asking for a server"],
            "\(states)")
        #expect(try guest.run("ping -c 1 \(PrivateNetwork.host)").contains("network is down"))
        _ = try serve()
        #expect(try guest.run("dhcp -W 90").hasPrefix("vt0: bound"))
        #expect(try guest.run("ping -W 30 -c 1 \(PrivateNetwork.host)").contains("1 received"))
        try guest.halt()
    }
}
