// The DHCP client: every change of state, with time passed in.

import Testing

@testable import NetStack

@Suite struct DHCPClientTests {
    @Test func fromNothingToALease() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        #expect(discover.type == .discover && discover.isBroadcastFrame)
        #expect(discover.source == 0 && discover.destination == 0xffff_ffff && discover.ciaddr == 0)
        #expect(discover.frame.count == 14 + 20 + 8 + 300)
        #expect(Array(discover.frame[70..<76]) == [0x52, 0x54, 0, 0x73, 0x77, 0x66])
        #expect(discover.options[61] == [1, 0x52, 0x54, 0, 0x73, 0x77, 0x66])
        #expect(discover.options[55] == [1, 121, 249, 3, 6, 15, 119, 26, 28, 42, 51, 58, 59])
        #expect(host.dhcp.state == .selecting)

        var offer = ServerReply(.offer)
        offer.destination = guestAddress  // unicast to an address that we do not have yet
        let answers = host.deliver(offer.frame(discover.transaction, to: guestHardware), at: second)
        let request = try #require(ClientMessage(answers[0]))
        #expect(request.type == .request && request.isBroadcastFrame && request.source == 0)
        #expect(request.transaction == discover.transaction && request.seconds == 1)
        #expect(request.options[50] == [10, 0, 2, 15] && request.options[54] == [10, 0, 2, 2])

        let probe = host.reply(ServerReply(.ack), to: request, at: second)
        #expect(
            probe.count == 1 && probe[0][12..<14] == [8, 6] && probe[0][28..<32] == [0, 0, 0, 0]
                && probe[0][38..<42] == [10, 0, 2, 15])
        #expect(host.dhcp.state == .probing && host.address == .any)
        #expect(host.deliver(at: second + DHCPTime.probeInterval).count == 1)
        let announcement = host.deliver(at: second + DHCPTime.probeInterval * 2)
        #expect(
            announcement.count == 1 && announcement[0][28..<32] == [10, 0, 2, 15]
                && announcement[0][38..<42] == [10, 0, 2, 15])
        #expect(host.deliver(at: 3 * second + DHCPTime.probeInterval * 2) == announcement)  // RFC 5227, 2.3

        #expect(host.dhcp.state == .bound && host.address == guestAddress)
        let lease = try #require(host.dhcp.lease)
        #expect(lease.prefixLength == 24 && lease.router == peerAddress && lease.server == serverAddress)
        #expect(lease.nameServers.count == 2 && lease.nameServers[0] == IPv4Address(10, 0, 2, 3))
        #expect(
            host.dhcp.renewsAt == 1801 * second && host.dhcp.rebindsAt == 3151 * second
                && host.dhcp.expiresAt == 3601 * second)
        check(host.stack.nextDeadline == 1801 * second)
        #expect(host.pool.pool.freeCount == 64)
        // The network works.
        let slot = try host.stack.startEcho(
            to: peerAddress, payloadCount: 0, sequence: 1, timeout: 1 * second, now: 2 * second)
        #expect(host.wire.takeOutgoing().count == 1)
        host.stack.cancelEcho(slot)
    }

    @Test func pollTellsOfChangesOnce() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        check(host.completions(at: 0) == [.lease(.card(0))])
        check(host.completions(at: 0).isEmpty)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func discoverIsRepeatedAtGrowingIntervals(seed: UInt64) {
        let host = TestHost.bare(seed: seed &* 0x9e37_79b9_7f4a_7c15)
        host.stack.startDHCP(.card(0), now: 0)
        host.wire.outgoing = []
        var last = Instant.start
        var transactions: Set<UInt32> = []
        // More than a word has bits: a silence that lasts.
        for wanted: UInt64 in [4, 8, 16, 32] + Array(repeating: 64, count: 66) {
            let due = host.stack.nextDeadline
            #expect(due - last >= (wanted - 1) * second && due - last <= (wanted + 1) * second)
            #expect(host.messages(at: due - 1).isEmpty)
            let messages = host.messages(at: due)
            #expect(
                messages.count == 1 && messages[0].type == .discover
                    && messages[0].seconds == Int(due.nanoseconds / second.nanoseconds))
            transactions.insert(messages[0].transaction)
            last = due
        }
        #expect(transactions.count == 1)
        #expect(host.dhcp.problem == .silence)
    }

    /// Machines that start together must not ask together (RFC 2131, 4.1).
    @Test func intervalsAreSpreadOverTwoSeconds() {
        let first = (1...50).map { (seed: UInt64) -> Instant in
            let host = TestHost.bare(seed: seed &* 0x9e37_79b9_7f4a_7c15)
            host.stack.startDHCP(.card(0), now: 0)
            return host.stack.nextDeadline
        }
        #expect(Set(first).count > 40)
        #expect(first.min()!.nanoseconds < 3_250_000_000 && first.max()!.nanoseconds > 4_750_000_000)
    }

    @Test func unansweredRequestsLeadBackToDiscover() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        host.reply(ServerReply(.offer), to: discover, at: 0)
        for _ in 0..<3 { #expect(host.messages(at: host.stack.nextDeadline).map(\.type) == [.request]) }
        let again = host.messages(at: host.stack.nextDeadline)
        try #require(again.map(\.type) == [.discover])
        #expect(again[0].transaction != discover.transaction)
        #expect(host.dhcp.state == .selecting)
    }

    @Test func renewalIsUnicastAndARenewedLeaseBeginsAnew() throws {
        let host = TestHost.bare()
        try host.bind()
        host.learn(now: 1800 * second)
        let renewal = host.messages(at: 1800 * second)
        try #require(renewal.count == 1)
        #expect(renewal[0].type == .request && !renewal[0].isBroadcastFrame)
        #expect(
            renewal[0].source == guestAddress.bits && renewal[0].ciaddr == guestAddress.bits
                && renewal[0].destination == serverAddress.bits)
        #expect(renewal[0].options[50] == nil && renewal[0].options[54] == nil)
        #expect(host.dhcp.state == .renewing && host.address == guestAddress)
        var ack = ServerReply(.ack)
        ack.destination = guestAddress
        #expect(host.deliver(ack.frame(renewal[0].transaction, to: guestHardware), at: 1801 * second) == [])
        #expect(host.dhcp.state == .bound && host.dhcp.expiresAt == 5400 * second)
    }

    @Test func renewalIsRepeatedAfterHalfTheTimeLeftAndSixtySecondsAtLeast() throws {
        let host = TestHost.bare()
        try host.bind()
        host.learn()
        var instants: [UInt64] = []
        while host.dhcp.state != .initial, host.dhcp.state != .selecting {
            let due = host.stack.withInterface(.card(0)) { $0.dhcp.deadline }!
            host.learn(now: due)
            if host.messages(at: due).contains(where: { $0.type == .request }) {
                instants.append(due.nanoseconds / second.nanoseconds)
                #expect(host.dhcp.problem == (instants.count > 1 ? .silence : .none))
            }
            if instants.count > 50 { break }
        }
        // T1 1800, T2 3150, end 3600.
        #expect(instants == [1800, 2475, 2812, 2981, 3065, 3125, 3150, 3375, 3487, 3547])
        #expect(host.dhcp.state == .selecting && host.address == .any && host.dhcp.problem == .expiry)
    }

    @Test func rebindingIsBroadcastAndTakesAnyServersAnswer() throws {
        let host = TestHost.bare()
        try host.bind()
        _ = host.deliver(at: 1800 * second)
        let rebind = host.messages(at: 3150 * second)
        try #require(rebind.count == 1)
        #expect(rebind[0].isBroadcastFrame && rebind[0].ciaddr == guestAddress.bits)
        #expect(host.dhcp.state == .rebinding)
        var ack = ServerReply(.ack)
        ack.server = IPv4Address(10, 0, 2, 9)
        host.reply(ack, to: rebind[0], at: 3151 * second)
        #expect(host.dhcp.state == .bound && host.dhcp.lease?.server == IPv4Address(10, 0, 2, 9))
    }

    @Test func expiryDropsTheAddressAndStartsAgain() throws {
        let host = TestHost.bare()
        try host.bind()
        _ = host.deliver(at: 1800 * second)
        _ = host.deliver(at: 3150 * second)
        #expect(host.address == guestAddress)
        let messages = host.messages(at: 3600 * second)
        try #require(messages.map(\.type) == [.discover])
        #expect(messages[0].ciaddr == 0 && messages[0].source == 0)
        #expect(host.address == .any && host.dhcp.lease == nil)
        #expect(throws: EchoError.noInterface) {
            try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: 0, timeout: 1, now: 0)
        }
    }

    @Test func refusalOfARequestStartsAgainAfterAPause() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        host.reply(ServerReply(.offer), to: discover, at: 0)
        #expect(host.reply(ServerReply(.nak), to: discover, at: 0) == [])
        #expect(host.dhcp.state == .initial && host.dhcp.problem == .refusal)
        #expect(host.messages(at: .start + DHCPTime.pauseAfterRefusal).map(\.type) == [.discover])
    }

    @Test(arguments: [1800, 3150]) func refusalOfARenewalDropsTheAddressAtOnce(instant: UInt64) throws {
        let host = TestHost.bare()
        try host.bind()
        host.learn(now: 1800 * second)
        var message = try #require(host.messages(at: 1800 * second).first)
        if instant > 1800 { message = try #require(host.messages(at: instant * second).first) }
        host.reply(ServerReply(.nak), to: message, at: instant * second)
        #expect(host.address == .any && host.dhcp.state == .initial)
    }

    @Test func releaseTellsTheServerAndDropsTheAddress() throws {
        let host = TestHost.bare()
        try host.bind()
        check(host.stack.releaseDHCP(.card(0), now: 5 * second))
        let frames = host.wire.takeOutgoing()
        let release = try #require(ClientMessage(frames[0]))
        #expect(
            frames.count == 1 && release.type == .release && Array(release.frame[..<6]) == [0x52, 0x55, 0x0a, 0, 2, 2])
        #expect(
            release.ciaddr == guestAddress.bits && release.source == guestAddress.bits
                && release.options[54] == [10, 0, 2, 2])
        #expect(release.options[50] == nil && release.options[55] == nil)
        #expect(host.address == .any && host.dhcp.state == .stopped && host.stack.nextDeadline == .never)
        try host.bind(at: 10 * second)
        #expect(host.address == guestAddress)
    }

    @Test func releaseWithoutALeaseOnlyStops() {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        host.wire.outgoing = []
        check(host.stack.releaseDHCP(.card(0), now: 1))
        #expect(host.wire.outgoing == [] && host.dhcp.state == .stopped)
        check(!host.stack.releaseDHCP(.card(1), now: 1))
        check(!host.stack.startDHCP(.loopback, now: 1))
    }

    @Test func addressGivenByHandEndsDHCPAndStays() throws {
        let host = TestHost.bare()
        try host.bind()
        host.stack.configure(.card(0), address: IPv4Address(10, 0, 2, 77), prefixLength: 24, gateway: nil)
        #expect(host.dhcp.state == .stopped)
        host.stack.startDHCP(.card(0), now: second)
        #expect(host.address == IPv4Address(10, 0, 2, 77))  // until a lease replaces it
        let discover = try #require(host.wire.takeOutgoing().compactMap { ClientMessage($0) }.last)
        #expect(discover.source == 0)
        host.reply(ServerReply(.offer), to: discover, at: second)
        host.reply(ServerReply(.ack), to: discover, at: second)
        _ = host.deliver(at: 2 * second)
        _ = host.deliver(at: 3 * second)
        #expect(host.address == guestAddress)
    }

    @Test func aLeaseForEverIsNeverRenewed() throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.lease = .max
        try host.bind(ack)
        _ = host.deliver(at: 10 * second)  // announces its address for the second time
        #expect(host.dhcp.state == .bound && host.stack.nextDeadline == .never)
        #expect(host.messages(at: Instant(nanoseconds: .max / 2)).isEmpty)
        // One that ends, though in more than a century.
        ack.lease = .max - 1
        let long = TestHost.bare()
        try long.bind(ack)
        let eighth = (UInt64(UInt32.max) - 1) * 1_000_000_000 / 8
        #expect(long.dhcp.expiresAt.nanoseconds - long.dhcp.rebindsAt.nanoseconds == eighth)
    }

    @Test func aYearOfRenewals() throws {
        let host = TestHost.bare()
        var now = try host.bind()
        var renewals = 0
        let year: Instant = 365 * 86400 * second
        while now < year {
            now = host.stack.withInterface(.card(0)) { $0.dhcp.deadline }!
            host.learn(now: now)
            let messages = host.messages(at: now)
            try #require(messages.count == 1)
            host.reply(ServerReply(.ack), to: messages[0], at: now)
            renewals += 1
        }
        #expect(renewals == 17520 && host.address == guestAddress && host.dhcp.state == .bound)
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test(arguments: [1, 2, 3, 7, 60] as [UInt32]) func shortLeasesDoNotMakeAStorm(lease: UInt32) throws {
        let host = TestHost.bare()
        var ack = ServerReply(.ack)
        ack.lease = lease
        var now = try host.bind(ack)
        var messages = 0
        while now < 600 * second {
            for message in host.messages(at: now) {
                messages += 1
                ack.type = message.type == .discover ? .offer : .ack
                host.reply(ack, to: message, at: now)
            }
            host.learn(now: now)
            now = max(now + 1, host.dhcp.deadline)
        }
        #expect(messages <= 3 * 600)
    }

    @Test func waitingForALeaseIsWorthItOnlyWhileItIsYoung() throws {
        let host = TestHost.bare()
        check(host.stack.leaseWait(to: IPAddress(peerAddress), now: 0) == nil)
        host.stack.startDHCP(.card(0), now: second)
        check(host.stack.leaseWait(to: IPAddress(peerAddress), now: second) == 7 * second)
        check(host.stack.leaseWait(to: IPAddress(.loopback), now: second) == nil)
        check(host.stack.leaseWait(to: IPAddress(peerAddress), now: 8 * second) == nil)
        let bound = TestHost.bare()
        try bound.bind()
        check(bound.stack.leaseWait(to: IPAddress(peerAddress), now: second) == nil)
    }
}
