// tcpdump on capture files that a test makes: what each kind of frame is called, and frames that were made to hurt.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct CaptureFileTests {
    private let header: [UInt8] = [1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 1]

    /// pcap, little-endian, microseconds.
    private func capture(_ frames: [[UInt8]]) -> [UInt8] {
        func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        var bytes: [UInt8] = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0] + word(0) + word(0) + word(262_144) + word(1)
        for (index, frame) in frames.enumerated() {
            bytes += word(index) + word(5) + word(frame.count) + word(frame.count) + frame
        }
        return bytes
    }

    private func ipv4(_ protocolNumber: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let length = 20 + payload.count
        var head: [UInt8] = [0x45, 0, UInt8(length >> 8), UInt8(length & 255), 0, 7, 0x40, 0, 64, protocolNumber, 0, 0]
        head += [10, 0, 0, 1, 10, 0, 0, 2]
        let sum = stride(from: 0, to: 20, by: 2).reduce(0) { $0 + Int(head[$1]) << 8 + Int(head[$1 + 1]) }
        let checksum = ~(sum & 0xffff + sum >> 16)
        (head[10], head[11]) = (UInt8(checksum >> 8 & 255), UInt8(checksum & 255))
        return header + [8, 0] + head + payload
    }

    @Test func framesOfEveryKindHaveTheirWords() throws {
        let ipv6: [UInt8] =
            header + [0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 58, 255] + [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [1]
            + [0xff, 2] + [UInt8](repeating: 0, count: 13) + [2]
        let solicitation: [UInt8] = [135, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [9]
        let stp: [UInt8] =
            [0, 38, 0x42, 0x42, 3, 0, 0, 0, 0, 0, 0x80, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0x80, 1, 2, 0, 0, 0, 0, 2]
            + [0x80, 3, 0, 0, 20, 0, 2, 0, 15, 0]
        let lldp: [UInt8] =
            [0x88, 0xcc, 2, 2, 7, 1, 4, 2, 7, 1, 6, 2, 0, 120, 10, 5, 0x61, 0x1b, 0x5b, 0x48, 0x62, 0, 0]
        let question: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0x61, 5, 0x6c, 0x6f, 0x63, 0x61, 0x6c, 0]
        let mdns: [UInt8] = [0x14, 0xe9, 0x14, 0xe9, 0, 33, 0, 0] + question + [0, 1, 0, 1]
        let quoted: [UInt8] =
            [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 2, 8, 8, 8, 8, 8, 0, 0, 0, 0, 1, 0, 1]
        let frames: [[UInt8]] = [
            header + [0x81, 0, 0xa0, 5, 8, 6] + [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1]
                + [0, 0, 0, 0, 0, 0, 10, 0, 0, 2],
            header + stp, header + lldp, ipv6 + solicitation,
            ipv4(17, mdns),
            ipv4(17, [0, 7, 0, 9, 0, 9, 0x12, 0x34, 1]),
            ipv4(6, [0, 80, 0, 81] + [0, 0, 0, 1] + [0, 0, 0, 2] + [0x50, 0x12, 1, 0, 9, 9, 0, 0]),
            ipv4(1, [8, 0, 1, 2, 0, 1, 0, 2]),
            ipv4(1, [5, 1, 0, 0, 10, 0, 0, 9] + quoted),
            ipv4(2, [0x16, 0, 0xf8, 0xfa, 239, 1, 2, 3]),
        ]
        let image = try ImageFile("dump", capture(frames))
        let guest = try Guest(image: image.url)
        try guest.waitForShell()
        let lines = try guest.run("tcpdump -q -r dump").split(separator: "\n").map { $0.dropFirst(13) }
        #expect(
            lines.map(String.init) == [
                "vlan 5, p 5, ARP, Request who-has 10.0.0.2 tell 10.0.0.1",
                "STP 802.1d, Config, bridge-id 8001.02:00:00:00:00:02.8003, root 8000.02:00:00:00:00:01, cost 4",
                "LLDP, ttl 120, name a.[Hb, length 21",
                "IP6 fe80::1 > ff02::2: ICMP6, neighbor solicitation, who has fe80::9, length 24",
                "IP 10.0.0.1.5353 > 10.0.0.2.5353: mDNS 0 A? a.local. (25)",
                "IP 10.0.0.1.7 > 10.0.0.2.9: UDP, length 1, bad udp cksum",
                "IP 10.0.0.1.80 > 10.0.0.2.81: Flags [S.], seq 1, ack 2, win 256, length 0, bad tcp cksum",
                "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 8, bad icmp cksum",
                "IP 10.0.0.1 > 10.0.0.2: ICMP redirect 8.8.8.8 to host 10.0.0.9, length 36, bad icmp cksum",
                "IP 10.0.0.1 > 10.0.0.2: igmp v2 report 239.1.2.3",
            ], "\(lines)")
        #expect(
            try guest.run("tcpdump -q -v -c 1 -r dump icmp").hasSuffix(
                "IP (tos 0x0, ttl 64, id 7, offset 0, flags [DF], proto ICMP (1), length 28) 10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 2, length 8, bad icmp cksum"
            ))
        // What is read can be written, and is the same.
        #expect(
            try guest.run("tcpdump -q -r dump -w copy; tcpdump -q -r copy udp > a; tcpdump -q -r dump udp > b") == "")
        let both = try guest.run("cat a; echo; cat b").split(separator: "\n\n")
        #expect(both.count == 2 && both[0] == both[1] && both[0].contains("mDNS"), "\(both)")
        try guest.halt()
    }

    /// Numbers of TCP count from the start of their connection, -S shows those of the wire; options are named, and
    /// malformed ones end.
    @Test func numbersOfTCPCountFromTheStart() throws {
        func segment(
            _ numbers: [UInt8], _ flags: UInt8, _ rest: [UInt8] = [], header: Int = 20, isBack: Bool = false
        ) -> [UInt8] {
            let ports: [UInt8] = isBack ? [0, 81, 0, 80] : [0, 80, 0, 81]
            var frame = ipv4(6, ports + numbers + [UInt8(header / 4) << 4, flags, 1, 0, 9, 9, 0, 0] + rest)
            if isBack { frame.replaceSubrange(26..<34, with: frame[30..<34] + frame[26..<30]) }
            return frame
        }
        let frames = [
            segment(
                [0, 0, 3, 232, 0, 0, 0, 0], 0x02, [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 0, 1, 3, 3, 6],
                header: 40),
            segment([0, 0, 7, 208, 0, 0, 3, 233], 0x12, isBack: true), segment([0, 0, 3, 233, 0, 0, 7, 209], 0x10),
            segment([0, 0, 3, 233, 0, 0, 7, 209], 0x18, [0x61, 0x62]),
            segment(
                [0, 0, 7, 209, 0, 0, 3, 235], 0x10, [1, 1, 5, 10, 0, 0, 4, 0, 0, 0, 4, 8], header: 32, isBack: true),
            segment([0, 0, 7, 209, 0, 0, 3, 235], 0x11, [8, 9, 1, 1], header: 24, isBack: true),
            segment([0, 0, 3, 235, 0, 0, 7, 210], 0x04), segment([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 5], 0xc2),
        ]
        let image = try ImageFile("dump", capture(frames))
        let guest = try Guest(image: image.url)
        try guest.waitForShell()
        func lines(_ command: String) throws -> [String] {
            try guest.run(command).split(separator: "\n").map { line in
                line.components(separatedBy: "Flags ").last?.replacingOccurrences(of: ", bad tcp cksum", with: "") ?? ""
            }
        }
        let relative = try lines("tcpdump -q -r dump")
        #expect(
            relative == [
                "[S], seq 1000, win 256, options [mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 6], length 0",
                "[S.], seq 2000, ack 1001, win 256, length 0", "[.], ack 1, win 256, length 0",
                "[P.], seq 1:3, ack 1, win 256, length 2",
                "[.], ack 3, win 256, options [nop,nop,sack 1 {24:32}], length 0",
                "[F.], seq 1, ack 3, win 256, options [malformed], length 0", "[R], seq 3, win 256, length 0",
                "[SEW], seq 4294967295, win 256, length 0",
            ], "\(relative)")
        let absolute = try lines("tcpdump -q -S -r dump")
        #expect(absolute[3] == "[P.], seq 1001:1003, ack 2001, win 256, length 2")
        #expect(absolute[4].contains("sack 1 {1024:1032}"))
        try guest.halt()
    }

    /// Tags in tags to the end of a frame took a part of the stack each; a clock before 1970 is a number with the top
    /// bit set; damaged files end with their reason.
    @Test func framesAndClocksThatWereMadeToHurt() throws {
        var tags = header
        for _ in 0..<15_000 { tags += [0x81, 0, 0, 1] }
        let dump = capture([tags, header + [8, 0, 0x45], ipv4(1, [8, 0, 1, 2, 0, 1, 0, 2])])
        let image = try ImageFile("dump", Array(dump.dropLast(3)))
        let guest = try Guest(["QEMUFLAGS": "-rtc base=1969-12-31T12:00:00"], image: image.url)
        try guest.waitForShell()
        let output = try guest.run("tcpdump -r dump; echo $?")
        #expect(output.contains("vlan 1, p 0, vlan 1, p 0, vlan 1, p 0, vlan 1, p 0, more tags, length "), "\(output)")
        #expect(output.hasSuffix("\ntcpdump: dump: the file ends within a frame\n1"), "\(output)")
        #expect(try guest.run("date; echo $?") == "date: no such device\n1")
        #expect(
            try guest.run("tcpdump -q -c 1 -w live icmp & ping -q -c 2 -i 0.5 10.0.2.2; wait $!; echo $?").hasSuffix(
                "\n0"))
        #expect(try guest.run("tcpdump -q -r live").contains("ICMP echo request"))
        try guest.halt()
    }
}
