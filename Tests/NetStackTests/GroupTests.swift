// IGMP, and what a station says of an address that it has by hand.

import Testing

@testable import NetStack

@Suite struct GroupTests {
    private let group = IPv4Address(239, 1, 2, 3)

    private func igmp(_ type: UInt8, _ tenths: UInt8, _ group: IPv4Address, to destination: IPv4Address) -> [UInt8] {
        var message = [type, tenths, 0, 0] + ServerReply.word(group.bits)
        let sum = ~naiveSum(message)
        (message[2], message[3]) = (UInt8(sum >> 8), UInt8(sum & 255))
        return frame(
            message, protocolNumber: 2, destination: destination, hardware: EthernetAddress(group: destination))
    }

    /// The IGMP messages among frames: type and group.
    private func messages(_ frames: [[UInt8]]) -> [String] {
        frames.filter { $0.count >= 46 && $0[12...13] == [8, 0] && $0[23] == 2 }.map { frame in
            #expect(frame[14] == 0x46 && Array(frame[34..<38]) == [0x94, 4, 0, 0] && frame[22] == 1)
            #expect(naiveSum(Array(frame[14..<38])) == 0xffff && naiveSum(Array(frame[38..<46])) == 0xffff)
            return "\(frame[38]) \(frame[42]).\(frame[43]).\(frame[44]).\(frame[45]) to \(frame[33])"
        }
    }

    private func member(_ host: TestHost) throws -> Int {
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(group, 7))
        return socket
    }

    @Test func joiningIsReportedTwiceAndLeavingOnce() throws {
        let host = TestHost()
        let socket = try member(host)
        #expect(messages(host.deliver(at: 1 * second)) == ["22 239.1.2.3 to 3"])
        let due = host.stack.nextDeadline
        #expect(due <= 11 * second && messages(host.deliver(at: due)) == ["22 239.1.2.3 to 3"])
        #expect(messages(host.deliver(at: 100 * second)).isEmpty)
        let other = try host.stack.openSocket()
        host.stack.setReuse(socket, address: true)
        host.stack.setReuse(other, address: true)
        try host.stack.bindSocket(other, to: Endpoint(group, 7))
        host.stack.closeSocket(socket)
        #expect(messages(host.deliver(at: 101 * second)).isEmpty)
        host.stack.closeSocket(other)
        #expect(messages(host.deliver(at: 102 * second)) == ["23 239.1.2.3 to 2"])
        check(host.pool.pool.freeCount == 64)
        // And again.
        _ = try member(host)
        #expect(messages(host.deliver(at: 103 * second)) == ["22 239.1.2.3 to 3"])
    }

    @Test func queriesAreAnsweredInTimeUnlessAnotherMemberWasFaster() throws {
        let host = TestHost()
        _ = try member(host)
        for i: UInt64 in 1...30 { _ = host.deliver(at: i * second) }
        let all = IPv4Address(224, 0, 0, 1)
        for (asked, to) in [(IPv4Address.any, all), (group, group)] {
            #expect(messages(host.deliver(igmp(0x11, 20, asked, to: to), at: 40 * second)).isEmpty)
            let due = host.stack.nextDeadline
            #expect(due <= 42 * second)
            #expect(messages(host.deliver(at: due)) == ["22 239.1.2.3 to 3"])
        }
        _ = host.deliver(igmp(0x11, 20, .any, to: all), igmp(0x16, 0, group, to: group), at: 50 * second)
        #expect(messages(host.deliver(at: 60 * second)).isEmpty)
        // Version 1; another group; damage.
        _ = host.deliver(igmp(0x11, 0, .any, to: all), at: 70 * second)
        #expect(messages(host.deliver(at: 80 * second)) == ["18 239.1.2.3 to 3"])
        _ = host.deliver(igmp(0x11, 20, IPv4Address(239, 9, 9, 9), to: all), at: 90 * second)
        #expect(messages(host.deliver(at: 95 * second)).isEmpty)
        var damaged = igmp(0x11, 20, .any, to: all)
        damaged[36] ^= 1
        _ = host.deliver(damaged, at: 96 * second)
        #expect(host.drops(.igmpMalformed) == 1)
    }

    @Test func addressByHandIsProbedForAndItsDuplicateSaid() throws {
        let host = TestHost()
        host.stack.configure(.card(0), address: guestAddress, prefixLength: 24, gateway: peerAddress)
        let probe = host.deliver(at: 1)
        #expect(probe.count == 1 && probe[0][28..<32] == [0, 0, 0, 0] && probe[0][38..<42] == [10, 0, 2, 15])
        check(host.stack.withInterface(.card(0)) { $0.takeConflict() } == .some(nil))
        var reply = Captured.arpReply
        reply.replaceSubrange(28..<32, with: [10, 0, 2, 15])
        _ = host.deliver(reply, at: 2)
        check(host.stack.withInterface(.card(0)) { $0.takeConflict() } == .some(peerHardware))
        check(host.stack.withInterface(.card(0)) { $0.takeConflict() } == .some(nil))
        check(host.stack.withInterface(.card(0)) { $0.address } == guestAddress)  // it is kept
        // Then it is announced, as ever.
        var frames: [[UInt8]] = []
        for i: UInt64 in 1...30 { frames += host.deliver(at: i * tenth) }
        #expect(frames.count { $0[12...13] == [8, 6] && $0[28..<32] == [10, 0, 2, 15] } == 2)
        #expect(frames.count { $0[12...13] == [8, 6] && $0[28..<32] == [0, 0, 0, 0] } == 1)
    }

    @Test func echoOfAllZerosGetsAChecksumThatReceiversTake() {
        let host = TestHost()
        host.learn()
        let reply = host.deliver(echoRequest([0, 0, 0, 0], identifier: 0, sequence: 0))
        #expect(reply.count == 1 && Array(reply[0][34...]) == [0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0])
    }
}
