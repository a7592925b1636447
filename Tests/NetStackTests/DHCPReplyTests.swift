// What a DHCP client makes of replies in each state, and which times and servers it holds to.

import Testing

@testable import NetStack

@Suite struct DHCPReplyTests {
    private static let other = IPv4Address(10, 0, 2, 66)

    /// The client's last message among the frames that go out.
    private func last(_ frames: [[UInt8]]) -> ClientMessage? { frames.compactMap { ClientMessage($0) }.last }

    private func refusal(by server: IPv4Address) -> ServerReply {
        var nak = ServerReply(.nak)
        (nak.server, nak.lease) = (server, nil)
        return nak
    }

    /// A host that asks for the offered address, and its request.
    private func requesting() throws -> (host: TestHost, request: ClientMessage) {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(last(host.wire.takeOutgoing()))
        let request = try #require(last(host.reply(ServerReply(.offer), to: discover, at: 0)))
        #expect(host.dhcp.state == .requesting)
        return (host, request)
    }

    /// A host with a lease whose link was away, and its request.
    private func rebooting(lease: UInt32 = 3600, at instant: Instant) throws -> (host: TestHost, request: ClientMessage)
    {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.lease = lease
        try host.bind(ack)
        host.wire.isLinkUp = false
        _ = host.deliver(at: instant - 2 * second)
        host.wire.isLinkUp = true
        let request = try #require(last(host.deliver(at: instant)))
        #expect(host.dhcp.state == .rebooting)
        return (host, request)
    }

    // MARK: Requests

    @Test func theRequestNamesTheServerOfTheOffer() throws {
        let (_, request) = try requesting()
        #expect(request.options[54] == [10, 0, 2, 2])
    }

    /// RFC 2131, 4.3.2: in INIT-REBOOT the address is named, and no server.
    @Test func afterTheLinkWasAwayNoServerIsNamed() throws {
        let (host, request) = try rebooting(at: 20 * second)
        #expect(request.type == .request && request.isBroadcastFrame && request.ciaddr == 0)
        #expect(request.options[50] == [10, 0, 2, 15] && request.options[54] == nil)
        #expect(host.address == guestAddress)
    }

    /// The next request would be due after the lease's end: there it ends.
    @Test func afterTheLinkWasAwayTheLeaseEndsInTime() throws {
        let (host, _) = try rebooting(lease: 20, at: 9 * second)
        #expect(host.messages(at: host.dhcp.deadline).map(\.type) == [.request])
        #expect(host.dhcp.state == .rebooting && host.dhcp.deadline == 20 * second && host.address == guestAddress)
        #expect(host.messages(at: 20 * second).map(\.type) == [.discover])
        #expect(host.address == .any && host.dhcp.problem == .expiry)
    }

    // MARK: Refusals

    /// All servers were asked: any may refuse.
    @Test func whileRebindingAnyServerMayRefuse() throws {
        let host = TestHost.bare()
        try host.bind()
        _ = host.deliver(at: 1800 * second)
        let request = try #require(host.messages(at: 3150 * second).first)
        #expect(host.dhcp.state == .rebinding)
        host.reply(refusal(by: Self.other), to: request, at: 3151 * second)
        #expect(host.dhcp.state == .initial && host.dhcp.problem == .refusal && host.address == .any)
    }

    @Test func afterTheLinkWasAwayAnyServerMayRefuse() throws {
        let (host, request) = try rebooting(at: 20 * second)
        host.reply(refusal(by: Self.other), to: request, at: 20 * second)
        #expect(host.dhcp.state == .initial && host.dhcp.problem == .refusal && host.address == .any)
    }

    @Test func whileRenewingOnlyTheServerMayRefuse() throws {
        let host = TestHost.bare()
        try host.bind()
        host.learn(now: 1800 * second)
        let request = try #require(host.messages(at: 1800 * second).first)
        host.reply(refusal(by: Self.other), to: request, at: 1801 * second)
        #expect(host.dhcp.state == .renewing && host.address == guestAddress && host.drops(.dhcpUnexpected) == 1)
    }

    // MARK: Out of turn

    /// Straight to the client: the stack lets nothing through then, unless the card has another address.
    @Test(arguments: [DHCPMessageType.offer, .ack, .nak]) func whileProbingNoReplyIsTaken(type: DHCPMessageType) throws
    {
        let (host, request) = try requesting()
        host.reply(ServerReply(.ack), to: request, at: 0)
        #expect(host.dhcp.state == .probing)
        let bytes = ServerReply(type).payload(request.transaction)
        let reply = try #require(withBytes(bytes) { try? DHCPReply(parsing: $0) })
        let isTaken = host.stack.withInterface(.card(0)) { $0.dhcp.receive(reply, from: serverHardware, now: tenth) }
        #expect(isTaken == false && host.dhcp.state == .probing)
    }

    @Test func whileRequestingNoOfferIsTaken() throws {
        let (host, request) = try requesting()
        var late = ServerReply(.offer)
        (late.server, late.address) = (Self.other, IPv4Address(10, 0, 2, 77))
        #expect(host.reply(late, to: request, at: 1) == [])
        #expect(host.drops(.dhcpUnexpected) == 1 && host.dhcp.state == .requesting)
        #expect(host.dhcp.lease?.server == serverAddress && host.dhcp.lease?.address == guestAddress)
    }

    // MARK: What a lease brings

    /// RFC 2131, 4.4.1: from when the request was sent that is answered, which is the last.
    @Test func timesCountFromTheLastRequest() throws {
        let (host, _) = try requesting()
        let sent = host.dhcp.deadline
        let again = try #require(host.messages(at: sent).first)
        #expect(again.type == .request && sent > 2 * second)
        host.reply(ServerReply(.ack), to: again, at: sent + second)
        for _ in 0..<2 { _ = host.deliver(at: host.dhcp.deadline) }
        #expect(host.dhcp.state == .bound)
        #expect(host.dhcp.renewsAt == sent + .seconds(1800) && host.dhcp.rebindsAt == sent + .seconds(3150))
        #expect(host.dhcp.expiresAt == sent + .seconds(3600))
    }

    @Test func aLeaseEndsTheProblem() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        _ = host.wire.takeOutgoing()
        let now = host.dhcp.deadline
        let discover = try #require(host.messages(at: now).first)
        #expect(host.dhcp.problem == .silence)
        let request = try #require(last(host.reply(ServerReply(.offer), to: discover, at: now)))
        host.reply(ServerReply(.ack), to: request, at: now)
        for _ in 0..<2 { _ = host.deliver(at: host.dhcp.deadline) }
        #expect(host.dhcp.state == .bound && host.dhcp.problem == .none)
    }

    /// A server that refused once and then granted a lease did not fail: its next offer is taken at once, and its next
    /// refusal is the first.
    @Test func aLeaseMakesUpForARefusal() throws {
        var (host, request) = try requesting()
        host.reply(refusal(by: serverAddress), to: request, at: 0)
        var now = host.dhcp.deadline
        #expect(now == second)
        let discover = try #require(host.messages(at: now).first)
        host.reply(ServerReply(.offer), to: discover, at: now)
        now = host.dhcp.deadline  // another's offer may come first
        request = try #require(host.messages(at: now).first)
        host.reply(ServerReply(.ack), to: request, at: now)
        for _ in 0..<2 { _ = host.deliver(at: host.dhcp.deadline) }
        #expect(host.dhcp.state == .bound)

        now = host.dhcp.expiresAt
        let again = try #require(host.messages(at: now).last)
        #expect(again.type == .discover)
        request = try #require(last(host.reply(ServerReply(.offer), to: again, at: now)))
        host.reply(refusal(by: serverAddress), to: request, at: now)
        #expect(host.dhcp.state == .initial && host.dhcp.deadline == now + second)
    }

    /// The station that the last reply came from is the way back: a relay's may change.
    @Test func theLeaseIsGivenBackToWhereTheLastReplyCameFrom() throws {
        let host = TestHost.bare()
        try host.bind()
        host.learn(now: 1800 * second)
        let renewal = try #require(host.messages(at: 1800 * second).first)
        var ack = ServerReply(.ack)
        ack.destination = guestAddress
        var frame = ack.frame(renewal.transaction, to: guestHardware)
        frame[11] = 7
        _ = host.deliver(frame, at: 1801 * second)
        #expect(host.dhcp.state == .bound)
        check(host.stack.releaseDHCP(.card(0), now: 1802 * second))
        let release = try #require(last(host.wire.takeOutgoing()))
        #expect(release.type == .release && Array(release.frame[..<6]) == [0x52, 0x55, 0x0a, 0, 2, 7])
    }
}
