// Links that go and come, and what cards are told to let through.

import Testing

@testable import NetStack

@Suite struct LinkTests {
    @Test func linkThatGoesAndComesIsToldOnce() {
        let host = TestHost(guestAddress, gateway: nil)
        check(host.completions(at: 0).isEmpty)
        host.wire.isLinkUp = false
        check(host.completions(at: 1) == [.link(.card(0))])
        check(host.completions(at: 2).isEmpty)
        _ = host.wire.takeOutgoing()
        host.wire.isLinkUp = true
        check(host.completions(at: 3) == [.link(.card(0))])
        _ = host.deliver(at: 4)
        // The address is announced anew, by hand as it is (RFC 5227, 2.3).
        let announcements = (host.wire.takeOutgoing() + host.deliver(at: 5 * second)).filter { $0[12..<14] == [8, 6] }
        #expect(announcements.allSatisfy { $0[28..<32] == [10, 0, 2, 15] && $0[38..<42] == [10, 0, 2, 15] })
    }

    /// RFC 2131, 3.2: a broadcast request with the address, without a server and without ciaddr.
    @Test func afterTheLinkWasAwayTheLeaseIsAskedForAgain() throws {
        let host = TestHost.bare()
        let bound = try host.bind()
        cutLink(host, at: bound + second)
        let asked = host.messages(at: 10 * second)
        #expect(asked.map(\.type) == [.request] && asked[0].isBroadcastFrame)
        #expect(asked[0].options[50] == [10, 0, 2, 15] && asked[0].options[54] == nil && asked[0].ciaddr == 0)
        #expect(host.dhcp.state == .rebooting && host.address == guestAddress)
        var ack = ServerReply(.ack)
        ack.server = IPv4Address(10, 0, 2, 9)
        host.reply(ack, to: asked[0], at: 11 * second)
        #expect(host.dhcp.state == .bound && host.address == guestAddress && host.dhcp.lease?.server == ack.server)
        #expect(host.dhcp.renewsAt == 1810 * second)
    }

    @Test func elsewhereTheAddressIsRefusedAndAnotherAskedFor() throws {
        let host = TestHost.bare()
        cutLink(host, at: try host.bind())
        let asked = host.messages(at: 10 * second)
        var nak = ServerReply(.nak)
        nak.server = IPv4Address(192, 168, 7, 1)
        host.reply(nak, to: asked[0], at: 11 * second)
        #expect(host.address == .any && host.dhcp.problem == .refusal)
        #expect(host.messages(at: 12 * second).map(\.type) == [.discover])
    }

    @Test func withoutAnAnswerTheLeaseIsStillGood() throws {
        let host = TestHost.bare()
        cutLink(host, at: try host.bind())
        var requests = 0
        var now: Instant = 10 * second
        for _ in 0..<10 where host.dhcp.state != .bound {
            requests += host.messages(at: now).count
            now = host.stack.nextDeadline
        }
        #expect(requests == DHCPTime.rebootRequests || host.dhcp.state == .bound)
        #expect(host.dhcp.state == .bound && host.address == guestAddress && host.dhcp.renewsAt == 1800 * second)
    }

    @Test func leaseThatRanOutMeanwhileIsGivenUp() throws {
        let host = TestHost.bare()
        cutLink(host, at: try host.bind())
        let messages = host.messages(at: 4000 * second)
        #expect(messages.last?.type == .discover && host.address == .any)
    }

    @Test func whoStillAsksBeginsAnew() {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        _ = host.deliver(at: 60 * second)
        cutLink(host, at: 61 * second)
        let messages = host.messages(at: 62 * second)
        #expect(messages.map(\.type) == [.discover] && messages[0].seconds == 0)
    }

    private func cutLink(_ host: TestHost, at instant: Instant) {
        host.wire.isLinkUp = false
        _ = host.stack.poll(now: instant, budget: 10)
        host.wire.isLinkUp = true
        _ = host.wire.takeOutgoing()
    }

    // MARK: What cards let through

    @Test func cardsAreToldWhatSocketsAndCapturesWant() throws {
        let host = TestHost(guestAddress, gateway: nil)
        #expect(host.wire.filters == [ReceiveFilter()])
        #expect(ReceiveFilter()[0] == EthernetAddress(1, 0, 0x5e, 0, 0, 1) && ReceiveFilter().groupCount == 1)
        let group = try host.stack.openSocket()
        try host.stack.bindSocket(group, to: Endpoint(IPv4Address(239, 1, 2, 3), 7000))
        #expect(host.wire.filters.count == 2 && host.wire.filters[1].groupCount == 2)
        #expect(host.wire.filters[1][1] == EthernetAddress(1, 0, 0x5e, 1, 2, 3) && !host.wire.filters[1].takesAllGroups)
        let capture = try host.stack.openCapture()
        #expect(host.wire.filters.count == 3 && host.wire.filters[2].isPromiscuous)
        host.stack.closeSocket(capture)
        host.stack.closeSocket(group)
        #expect(host.wire.filters.count == 5 && host.wire.filters[4] == ReceiveFilter())
        let any = try host.stack.openSocket()
        try host.stack.bindSocket(any, to: Endpoint(.any, 7000))
        #expect(host.wire.filters.last?.takesAllGroups == true)
        let own = try host.stack.openSocket()
        try host.stack.bindSocket(own, to: Endpoint(guestAddress, 7001))
        #expect(host.wire.filters.count == 6)
    }

    /// A card with little memory of its own comes before one that can wait, whatever their order.
    @Test(arguments: [0, 1]) func cardsThatCannotWaitAreDrainedFirst(which: Int) throws {
        let host = TestHost()
        let other = TestWire()
        _ = host.stack.addInterface(
            TestCard(wire: other, pool: host.pool, hardwareAddress: EthernetAddress(2, 0, 0, 0, 0, 9)))
        let wires = [host.wire, other]
        wires[which].isDrainedFirst = true
        var order: [Int] = []
        for (number, wire) in wires.enumerated() {
            wire.incoming = [Captured.echoReply, Captured.echoReply]
            wire.frameTaken = { order.append(number) }
        }
        _ = host.stack.poll(now: 0, budget: 100)
        #expect(order == [which, which, 1 - which, 1 - which])
    }

    @Test func moreGroupsThanACardIsToldAreAllGroups() throws {
        let host = TestHost(guestAddress, gateway: nil)
        for i in 0..<UInt8(8) {
            let socket = try host.stack.openSocket()
            try host.stack.bindSocket(socket, to: Endpoint(IPv4Address(239, 1, 2, i), 7000))
        }
        #expect(host.wire.filters.last?.takesAllGroups == true)
    }
}
