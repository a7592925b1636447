// What a DHCP client ignores, and that nothing from outside makes it trap.

import Testing

@testable import NetStack

@Suite struct DHCPRefusalTests {
    static let strangers: [(String, DropReason, @Sendable (inout ServerReply) -> Void)] = [
        ("a request", .dhcpMalformed, { $0.operation = 1 }),
        ("no cookie", .dhcpMalformed, { $0.cookie = [0, 0, 0, 0] }),
        ("another station's", .dhcpUnexpected, { $0.hardware = EthernetAddress(2, 0, 0, 0, 0, 1) }),
        ("no server", .dhcpUnexpected, { $0.server = nil }),
        ("an ACK out of turn", .dhcpUnexpected, { $0.type = .ack }),
        ("a NAK out of turn", .dhcpUnexpected, { $0.type = .nak }),
        ("a client's message", .dhcpUnexpected, { $0.type = .discover }),
        ("no lease time", .dhcpUnexpected, { $0.lease = nil }),
        ("a lease of nothing", .dhcpUnexpected, { $0.lease = 0 }),
        ("no address", .dhcpUnexpected, { $0.address = .any }),
        ("a group", .dhcpUnexpected, { $0.address = IPv4Address(224, 0, 0, 5) }),
        ("loopback", .dhcpUnexpected, { $0.address = .loopback }),
        ("the network's own address", .dhcpUnexpected, { $0.address = IPv4Address(10, 0, 2, 0) }),
        ("the network's broadcast", .dhcpUnexpected, { $0.address = IPv4Address(10, 0, 2, 255) }),
        ("a mask with holes", .dhcpUnexpected, { $0.extra = [1, 4, 255, 0, 255, 0] }),
        ("a short mask", .dhcpMalformed, { $0.extra = [1, 3, 255, 0, 255] }),
        ("a long type", .dhcpMalformed, { $0.extra = [53, 2, 2, 2] }),
        ("an unknown type", .dhcpMalformed, { $0.extra = [53, 1, 99] }),
        ("an overload of everything", .dhcpMalformed, { $0.extra = [52, 1, 4] }),
        ("an option beyond the end", .dhcpMalformed, { ($0.extra, $0.end) = ([15, 9, 97], []) }),
        ("an option without a length", .dhcpMalformed, { ($0.extra, $0.end) = ([15], []) }),
        ("from another port", .dhcpUnexpected, { $0.sourcePort = 1067 }),
    ]

    @Test(arguments: strangers.indices) func aReplyThatDoesNotFitIsCountedAndIgnored(index: Int) throws {
        let (name, reason, change) = Self.strangers[index]
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        var reply = ServerReply(.offer)
        change(&reply)
        #expect(host.reply(reply, to: discover, at: 0) == [], "\(name)")
        #expect(host.drops(reason) == 1, "\(name)")
        #expect(host.dhcp.state == .selecting)
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func foreignTransactionsAreIgnored() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        #expect(host.deliver(ServerReply(.offer).frame(discover.transaction.byteSwapped), at: 0) == [])
        #expect(host.drops(.dhcpUnexpected) == 1 && host.dhcp.state == .selecting)
    }

    /// A host that requests the address of an offer gets a reply that is not for it.
    private func ignoresWhileRequesting(_ type: DHCPMessageType, _ change: (inout ServerReply) -> Void) throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        host.reply(ServerReply(.offer), to: discover, at: 0)
        var reply = ServerReply(type)
        change(&reply)
        host.reply(reply, to: discover, at: 0)
        #expect(host.drops(.dhcpUnexpected) == 1 && host.dhcp.state == .requesting)
    }

    @Test func theGrantOfAnotherServerIsIgnored() throws {
        try ignoresWhileRequesting(.ack) { $0.server = IPv4Address(10, 0, 2, 66) }
    }

    @Test func theRefusalOfAnotherServerIsIgnored() throws {
        try ignoresWhileRequesting(.nak) { $0.server = IPv4Address(10, 0, 2, 66) }
    }

    @Test func theGrantOfAnotherAddressIsIgnored() throws {
        try ignoresWhileRequesting(.ack) { $0.address = IPv4Address(10, 0, 2, 16) }
    }

    @Test func withoutAnAddressNothingButTheServersReplyIsTaken() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 69))
        var frame = ServerReply(.offer).frame(discover.transaction)
        frame[37] = 69  // another port
        frame[40] = 0  // no checksum
        frame[41] = 0
        #expect(host.deliver(frame, at: 0) == [])
        check(!host.stack.isReadable(socket))
        #expect(host.drops(.noInterfaceAddress) == 1 && host.dhcp.state == .selecting)
        host.stack.releaseDHCP(.card(0), now: 0)
        _ = host.reply(ServerReply(.offer), to: discover, at: 0)
        #expect(host.drops(.noInterfaceAddress) == 2)
    }

    @Test func everyTruncationAndEveryChangedByteIsSurvived() throws {
        let whole = ServerReply(.offer).payload(1)
        for count in 0..<whole.count { _ = withBytes(Array(whole[..<count])) { try? DHCPReply(parsing: $0) } }
        var random = SeededRandom(seed: 7)
        for _ in 0..<50_000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 200..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            if let reply = withBytes(bytes, { try? DHCPReply(parsing: $0) }), let lease = DHCPLease(reply) {
                #expect(lease.address.isUnicast && lease.leaseTime > 0 && lease.renewalTime <= lease.rebindingTime)
            }
        }
    }
}
