// The network's programs against a station whose answers a test makes: what no real server says.

import Foundation
import Testing

@Suite(.keepsGuests, .serialized) struct NetworkProgramTests {
    private func guest(on station: Station, image: ImageFile? = nil, _ more: [String: String] = [:]) throws -> Guest {
        let guest = try Guest(station.options.merging(more) { $1 }, image: image?.url)
        try guest.waitForShell()
        return guest
    }

    @Test func pingShowsWhatIsDoubleChangedCutAndLate() throws {
        let late = Late()
        let station = try Station { packet in
            guard packet.isEchoRequest else { return [] }
            let sequence = packet.frame[41]
            var payload = packet.payload
            switch sequence {
            case 1: return [Station.echoReply(to: packet), Station.echoReply(to: packet)]
            case 2:
                payload[8] ^= 0xff
                return [Station.echoReply(to: packet, payload: payload)]
            case 3: return [Station.echoReply(to: packet, payload: Array(payload.dropLast(6)))]
            case 4:
                late.frame = Station.echoReply(to: packet)
                return []
            default: return [late.frame, Station.echoReply(to: packet)]
            }
        }
        let guest = try guest(on: station)
        let output = try guest.run("ping \(Station.address) -c 5 -i 0.3 -W 0.2 -t 9")
        for line in [
            "(DUP!)\n", "\nwrong data byte #8 should be 0x08 but was 0xf7\n", "58 bytes from 10.9.0.1: icmp_seq=3 ",
            "(truncated)\n", "\nno answer yet for icmp_seq=4\n", " bytes from 10.9.0.1: icmp_seq=4 ",
            "\n5 packets transmitted, 5 received, +1 duplicates, +1 corrupted, 0% packet loss",
        ] {
            #expect(output.contains(line), "\(output)")
        }
        let requests = station.frames.filter { $0.count > 42 && $0[23] == 1 && $0[34] == 8 }
        #expect(requests.count == 5 && Set(requests.map { Array($0[38..<40]) }).count == 1)
        #expect(requests.allSatisfy { $0[22] == 9 })
        #expect(
            try guest.run("ping -q -n -c 1 10.9.0.1").hasPrefix(
                "PING 10.9.0.1 (10.9.0.1): 56 data bytes\n\n--- 10.9.0.1"))
        let loop = try guest.run("ping -c 1 127.0.0.1")
        #expect(loop.contains(" time=") && !loop.contains(" time=0.000"), "\(loop)")
        try guest.halt()
    }

    private final class Late: @unchecked Sendable {  // used by the station's thread alone
        var frame: [UInt8] = []
    }

    /// A leap second's alarm, a time of 0, a refusal with ESC in it; and an answer that comes behind two that are none.
    @Test func ntpdateBelievesOnlyWhatIsATime() throws {
        let station = try Station { packet in
            guard packet.port == 123 else { return [] }
            var answer = [UInt8](repeating: 0, count: 48)
            (answer[0], answer[1]) = (0x24, 2)
            answer.replaceSubrange(24..<32, with: packet.payload[40..<48])
            answer.replaceSubrange(32..<40, with: packet.payload[40..<48])
            answer.replaceSubrange(40..<48, with: packet.payload[40..<48])
            var frames: [[UInt8]] = []
            switch packet.destination[3] {
            case 11: answer[0] = 0xe4
            case 12: answer.replaceSubrange(40..<48, with: [UInt8](repeating: 0, count: 8))
            case 13:
                answer[1] = 0
                answer.replaceSubrange(12..<16, with: [0x1b, 0x5b, 0x52, 0x44])
            default:
                var forged = answer
                forged[31] ^= 1
                frames = [forged, [UInt8](repeating: 0x24, count: 20)].map { Station.datagram($0, answering: packet) }
            }
            return frames + [Station.datagram(answer, answering: packet)]
        }
        let guest = try guest(on: station)
        for host in [11, 12] {
            #expect(
                try guest.run("ntpdate 10.9.0.\(host); echo $?")
                    == "ntpdate: 10.9.0.\(host): the server does not know the time: its clock is not synchronised\n1")
        }
        #expect(
            try guest.run("ntpdate 10.9.0.13") == "ntpdate: 10.9.0.13: the server refuses to tell the time (??RD)")
        let right = try guest.run("ntpdate 10.9.0.14; echo $?")
        #expect(right.hasPrefix("server 10.9.0.14, stratum 2, offset ") && right.hasSuffix("\n0"), "\(right)")
        try guest.halt()
    }

    /// Offers without a server's identifier are of no use, and dhcp says so.
    @Test func dhcpSaysWhatIsWrongWithOffers() throws {
        let station = try Station { packet in
            guard packet.port == 67 else { return [] }
            let question = packet.payload
            var offer = [UInt8](repeating: 0, count: 240)
            offer.replaceSubrange(0..<3, with: [2, 1, 6])
            offer.replaceSubrange(4..<8, with: question[4..<8])
            offer.replaceSubrange(16..<20, with: [10, 9, 0, 7])
            offer.replaceSubrange(28..<34, with: question[28..<34])
            offer.replaceSubrange(236..<240, with: [0x63, 0x82, 0x53, 0x63])
            offer += [53, 1, 2, 51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0, 255]
            return [Station.datagram(offer, answering: packet, from: [10, 9, 0, 1], to: [10, 9, 0, 7])]
        }
        let guest = try guest(on: station, ["IP": ""])
        let output = try guest.run("dhcp -W 3; echo $?")
        #expect(
            output.firstMatch(of: /no lease in time \(asking for a server; \d+ repl(y|ies) refused: no server/) != nil,
            "\(output)")
        #expect(output.hasSuffix("\n1"), "\(output)")
        try guest.halt()
    }

    @Test func ncSendsADatagramALineAndLooksWhetherAPortIsOpen() throws {
        let station = try Station()
        let guest = try guest(on: station)
        _ = try guest.run("echo one > f; echo two >> f; cat f | nc -u -w 0.5 10.9.0.1 7")
        func payloads(to port: Int) -> [String] {
            station.frames.filter { $0.count >= 42 && $0[23] == 17 }.map { Station.Packet(frame: $0) }
                .filter { $0.port == port }.map { String(decoding: $0.payload, as: UTF8.self) }
        }
        #expect(payloads(to: 7) == ["one\n", "two\n"])
        #expect(try guest.run("nc -u -z 127.0.0.1 9; echo $?") == "1")
        #expect(try guest.run("nc -u -z -w 0.3 10.9.0.1 9; echo $?") == "0")
        #expect(try guest.run("echo x | nc -u -w 0.3 10.9.0.255 8; echo $?").hasSuffix("\n1"))
        #expect(payloads(to: 8) == [])
        #expect(try guest.run("echo x | nc -u -b -w 0.3 10.9.0.255 8; echo $?") == "0")
        #expect(payloads(to: 8) == ["x\n"])
        try guest.halt()
    }

    /// Interfaces, routes and neighbours in the words in which their users know them from other systems.
    @Test func configurationTakesTheWordsThatUsersType() throws {
        let station = try Station()
        let guest = try guest(on: station, ["NAMESERVER": "10.9.0.53"])
        #expect(try guest.run("nameserver") == "10.9.0.53 by hand")
        #expect(try guest.run("ifconfig -a | grep -v packets") == guest.run("ifconfig | grep -v packets"))
        _ = try guest.run("ifconfig vt0 netmask 255.255.0.0")
        #expect(try guest.run("ifconfig vt0").contains("inet 10.9.0.2 netmask 255.255.0.0 broadcast 10.9.255.255"))
        _ = try guest.run("ifconfig vt0 10.9.0.2/31")
        #expect(try guest.run("ifconfig vt0 | grep inet") == "        inet 10.9.0.2 netmask 255.255.255.254")
        for (wrong, reason) in [
            ("10.9.0.0/24", "the address of the network"), ("10.9.0.255/24", "the broadcast address"),
            ("010.9.0.2", "not an address"), ("10.9.0.2 netmask 255.0.255.0", "not a mask"),
            ("mtu 20", "a number from"),
        ] {
            #expect(try guest.run("ifconfig vt0 \(wrong); echo $?").hasSuffix("\n1"), "\(wrong)")
            #expect(try guest.run("ifconfig vt0 \(wrong)").contains(reason), "\(wrong)")
        }
        _ = try guest.run("ifconfig vt0 10.9.0.2/24")
        _ = try guest.run("ifconfig vt0 down")
        let sent = station.frames.count
        #expect(try guest.run("ping -c 1 10.9.0.1; echo $?").hasSuffix("\n1"))
        #expect(station.frames.count == sent)
        _ = try guest.run("ifconfig vt0 up")

        _ = try guest.run("route add default gw 10.9.0.1; route add -net 10.4.0.0 netmask 255.255.0.0 gw 10.9.0.7")
        let routes = try guest.run("route -n")
        #expect(
            routes.contains("\ndefault             10.9.0.1 ") && routes.contains("\n10.4.0.0/16         10.9.0.7 "),
            "\(routes)")
        #expect(try guest.run("netstat -rn") == routes)
        #expect(try guest.run("route del -net 10.4.0.0 netmask 255.255.0.0; route del default; echo $?") == "0")
        #expect(try guest.run("route del default; echo $?") == "route: no such route\n1")
        // More than thirty.
        for number in 100..<140 { _ = try guest.run("echo 'route add 10.\(number).0.0/16 gw 10.9.0.9' >> many") }
        #expect(try guest.run("sh many; route | grep -c 10.9.0.9") == "40")

        _ = try guest.run("arp -s 10.9.0.77 52:54:00:12:34:56")
        let neighbours = try guest.run("arp -a -n")
        #expect(neighbours.contains("\n10.9.0.77        52:54:00:12:34:56  vt0        permanent"), "\(neighbours)")
        #expect(try guest.run("arp -d 10.9.0.77; arp -a").contains("10.9.0.77") == false)
        #expect(try guest.run("netstat -i").contains("\nvt0    1500 "))
        try guest.halt()
    }
}
