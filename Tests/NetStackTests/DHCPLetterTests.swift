// DHCP by the letter: what an ACK does not say, refusals of every kind, routes, search lists, short leases.

import Testing

@testable import NetStack

@Suite struct DHCPLetterTests {
    private let other = IPv4Address(10, 0, 2, 66)

    /// The client's last message among the frames that go out.
    private func last(_ frames: [[UInt8]]) -> ClientMessage? { frames.compactMap { ClientMessage($0) }.last }

    private func domains(_ host: TestHost) -> [String] {
        guard let domains = host.dhcp.lease?.domains else { return [] }
        return String(decoding: (0..<domains.count).map { domains[$0] }, as: UTF8.self).split(separator: " ").map(
            String.init)
    }

    /// An ACK that says no more than it must.
    private var bareAck: ServerReply {
        var ack = ServerReply(.ack)
        ack.isBare = true
        return ack
    }

    // MARK: What is absent stays

    @Test func renewalWithoutOptionsKeepsWhatIsKnown() throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = [15, 3, 97, 46, 98, 26, 2, 0x05, 0x14, 42, 4, 10, 0, 2, 5]
        try host.bind(ack)
        host.learn(now: 1800 * second)
        let renewal = try #require(last(host.deliver(at: 1800 * second)))
        var bare = bareAck
        bare.destination = guestAddress
        bare.server = nil
        _ = host.deliver(bare.frame(renewal.transaction, to: guestHardware), at: 1800 * second)
        #expect(host.dhcp.state == .bound && host.dhcp.expiresAt == 5400 * second)
        let lease = try #require(host.dhcp.lease)
        #expect(lease.prefixLength == 24 && lease.router == peerAddress && lease.nameServers.count == 2)
        #expect(lease.server == serverAddress && domains(host) == ["a.b"] && lease.timeServers.count == 1)
        check(host.stack.withInterface(.card(0)) { $0.mtu } == 1300)
        #expect(host.stack.route(to: IPAddress(IPv4Address(8, 8, 8, 8))) != nil)
    }

    @Test func acknowledgementWithoutOptionsKeepsWhatTheOfferSaid() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(last(host.wire.takeOutgoing()))
        let request = try #require(last(host.reply(ServerReply(.offer), to: discover, at: 0)))
        host.reply(bareAck, to: request, at: 0)
        for i: UInt64 in 1...2 { _ = host.deliver(at: Instant.start + DHCPTime.probeInterval * i) }
        #expect(
            host.dhcp.state == .bound && host.dhcp.lease?.router == peerAddress && host.dhcp.lease?.prefixLength == 24)
    }

    // MARK: Refusals

    @Test func refusalWithoutServerIdentifierCounts() throws {
        let host = TestHost.bare()
        try host.bind()
        host.wire.isLinkUp = false
        _ = host.deliver(at: 10 * second)
        host.wire.isLinkUp = true
        let request = try #require(last(host.deliver(at: 20 * second)))
        #expect(host.dhcp.state == .rebooting)
        var nak = bareAck
        (nak.type, nak.server, nak.lease) = (.nak, nil, nil)
        host.reply(nak, to: request, at: 20 * second)
        #expect(host.dhcp.state == .initial && host.dhcp.problem == .refusal && host.address == .any)
    }

    @Test func serverThatAlwaysRefusesIsAskedLessAndLess() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        var now = Instant.start
        var discover = try #require(last(host.wire.takeOutgoing()))
        var pauses: [UInt64] = []
        for _ in 0..<9 {
            var request = last(host.reply(ServerReply(.offer), to: discover, at: now))
            if request == nil {  // it waits for another server's offer first
                now = host.stack.nextDeadline
                request = last(host.deliver(at: now))
            }
            var nak = ServerReply(.nak)
            nak.lease = nil
            host.reply(nak, to: try #require(request), at: now)
            #expect(host.dhcp.state == .initial)
            let due = host.stack.nextDeadline
            pauses.append((due - now).nanoseconds / second.nanoseconds)
            now = due
            discover = try #require(last(host.deliver(at: now)))
        }
        #expect(pauses == [1, 2, 4, 8, 16, 32, 64, 64, 64])
    }

    @Test(arguments: ["refuses", "is silent", "is in conflict"]) func secondServerIsAskedAfterTheFirstFailed(
        how: String
    ) throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        var now = Instant.start
        let discover = try #require(last(host.wire.takeOutgoing()))
        var request = try #require(last(host.reply(ServerReply(.offer), to: discover, at: now)))
        switch how {
        case "refuses":
            var nak = ServerReply(.nak)
            nak.lease = nil
            host.reply(nak, to: request, at: now)
        case "is silent":
            while host.dhcp.state == .requesting {
                now = host.stack.nextDeadline
                host.wire.outgoing = host.deliver(at: now)
            }
        default:
            host.reply(ServerReply(.ack), to: request, at: now)
            _ = host.stack.withInterface(.card(0)) { $0.dhcp.loseAddress(now: now) }
            host.stack.runDHCP(.card(0), now: now)
        }
        while host.dhcp.state != .selecting {
            now = host.stack.nextDeadline
            host.wire.outgoing = host.deliver(at: now)
        }
        let again = try #require(last(host.wire.takeOutgoing()))
        #expect(again.type == .discover)
        // The first is faster again; the second one's offer is taken.
        #expect(last(host.reply(ServerReply(.offer), to: again, at: now)) == nil)
        var second = ServerReply(.offer)
        (second.server, second.address) = (other, IPv4Address(10, 0, 2, 77))
        request = try #require(last(host.reply(second, to: again, at: now + 1)))
        #expect(request.options[54] == [10, 0, 2, 66] && request.options[50] == [10, 0, 2, 77])
    }

    @Test func whatIsWrongWithRepliesIsSaid() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(last(host.wire.takeOutgoing()))
        func flaw(_ change: (inout ServerReply) -> Void) -> DHCPFlaw {
            var offer = ServerReply(.offer)
            change(&offer)
            host.reply(offer, to: discover, at: 0)
            return host.dhcp.flaw
        }
        #expect(flaw { $0.server = nil } == .noServer)
        #expect(flaw { $0.lease = nil } == .noLeaseTime)
        #expect(flaw { $0.address = IPv4Address(10, 0, 2, 255) } == .badAddress)
        #expect(flaw { $0.extra = [1, 4, 255, 0, 255, 0] } == .badMask)
        #expect(flaw { $0.extra = [1, 3, 255, 0, 255] } == .malformed)
        #expect(host.dhcp.flawCount == 5 && host.dhcp.state == .selecting)
        host.reply(ServerReply(.offer), to: discover, at: 0)
        #expect(host.dhcp.state == .requesting)
    }

    // MARK: Routes (RFC 3442)

    @Test(arguments: [UInt8(121), 249]) func classlessRoutesReplaceTheRouter(code: UInt8) throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = [code, 21, 0, 10, 0, 2, 9, 24, 192, 168, 7, 10, 0, 2, 8, 20, 172, 16, 16, 0, 0, 0, 0]
        try host.bind(ack)
        #expect(host.dhcp.lease?.router == IPv4Address(10, 0, 2, 9))
        func gateway(_ to: IPv4Address) -> IPAddress? {
            guard let route = host.stack.route(to: IPAddress(to)) else { return nil }
            guard case .line(let line) = route.hop else { return .unspecified }
            return host.stack.routes.gateway(line)
        }
        #expect(gateway(IPv4Address(8, 8, 8, 8)) == IPAddress(IPv4Address(10, 0, 2, 9)))
        #expect(gateway(IPv4Address(192, 168, 7, 7)) == IPAddress(IPv4Address(10, 0, 2, 8)))
        #expect(gateway(IPv4Address(172, 16, 17, 1)) == .unspecified)
        host.stack.releaseDHCP(.card(0), now: 5 * second)
        #expect(gateway(IPv4Address(192, 168, 7, 7)) == nil)
    }

    @Test func classlessRoutesMayNameNoDefaultAndComeInPieces() throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = [121, 3, 24, 192, 168, 121, 5, 7, 10, 0, 2, 8]
        try host.bind(ack)
        #expect(host.stack.route(to: IPAddress(IPv4Address(192, 168, 7, 7))) != nil)
        #expect(host.stack.route(to: IPAddress(IPv4Address(8, 8, 8, 8))) == nil)
    }

    @Test(arguments: [[33, 1, 2, 3, 4, 5, 6, 7, 8, 9], [24, 10, 0], [0, 10, 0, 2], [32]] as [[UInt8]])
    func malformedRoutesAreLeftOut(option: [UInt8]) throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = [121, UInt8(option.count)] + option
        try host.bind(ack)
        #expect(
            host.dhcp.state == .bound && host.dhcp.lease?.router == peerAddress && host.dhcp.lease?.routes.count == 0)
    }

    // MARK: Domains

    @Test func twoNamesInOption15AreASearchList() throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        let text = Array("one.example  two.example ".utf8)
        ack.extra = [15, UInt8(text.count)] + text
        try host.bind(ack)
        #expect(domains(host) == ["one.example", "two.example"])
    }

    @Test func searchOptionIsUnpackedAndComesFirst() throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        let list: [UInt8] =
            [3, 101, 110, 103, 5, 97, 112, 112, 108, 101, 3, 99, 111, 109, 0]
            + [9, 109, 97, 114, 107, 101, 116, 105, 110, 103, 0xc0, 4]
        // In two pieces (RFC 3396), with another option between.
        ack.extra = [119, 9] + list.prefix(9) + [15, 1, 120] + [119, UInt8(list.count - 9)] + list.dropFirst(9)
        try host.bind(ack)
        #expect(domains(host) == ["eng.apple.com", "marketing.apple.com"])
    }

    @Test(arguments: [[0xc0, 0], [5, 97], [3, 27, 91, 72, 0], [0xc0, 9, 0], [64, 1]] as [[UInt8]])
    func damagedSearchListIsHarmless(list: [UInt8]) throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = [119, UInt8(list.count)] + list
        try host.bind(ack)
        #expect(host.dhcp.state == .bound && domains(host) == [])
    }

    // MARK: Times and sizes

    @Test func leaseOfOneSecondIsRenewedAtHalf() throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.lease = 1
        try host.bind(ack)
        host.learn(now: 400_000_000)
        #expect(
            host.dhcp.renewsAt == 500_000_000 && host.dhcp.rebindsAt == 875_000_000 && host.dhcp.expiresAt == second)
        let renewal = try #require(last(host.deliver(at: 500_000_000)))
        #expect(renewal.type == .request && renewal.ciaddr == guestAddress.bits)
        ack.destination = guestAddress
        _ = host.deliver(ack.frame(renewal.transaction, to: guestHardware), at: 500_000_000)
        #expect(host.dhcp.state == .bound && host.dhcp.expiresAt == 1_500_000_000)
    }

    @Test func mtuIsObeyedAndGoesWithTheLease() throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = [26, 2, 2, 64]  // 576
        try host.bind(ack)
        host.learn(now: second)
        check(host.stack.withInterface(.card(0)) { $0.mtu } == 576)
        let socket = try host.stack.openSocket()
        try host.stack.send(
            host.pool.packet([UInt8](repeating: 0, count: 1000))!, from: socket, to: Endpoint(peerAddress, 7),
            now: second)
        #expect(host.wire.takeOutgoing().map { $0.count - 14 } == [572, 476])
        host.stack.releaseDHCP(.card(0), now: second)
        check(host.stack.withInterface(.card(0)) { $0.mtu } == 1500)
    }

    @Test(arguments: [[26, 2, 0, 67], [26, 1, 9], [26, 2, 0xff, 0xff]] as [[UInt8]]) func impossibleMTUIsNoNews(
        option: [UInt8]
    ) throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.extra = option
        try host.bind(ack)
        check(host.stack.withInterface(.card(0)) { $0.mtu } == 1500)
    }
}
