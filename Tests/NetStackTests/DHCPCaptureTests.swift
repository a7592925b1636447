// DHCP as real servers speak it: dnsmasq 2.90 and QEMU 7.2's user network, captured, and our own messages as both took
// them.

import Testing

@testable import NetStack

@Suite struct DHCPCaptureTests {
    static let zeros = [UInt8](repeating: 0, count: 192)

    /// A unicast ACK to a host that has no address yet.
    static let dnsmasqACK =
        hex(
            """
            525400737766 321dedc08f14 0800 45c00155918500004011cdcdc0a84c01c0a84c33 00430044014109a5
            02010600795d1caf000a000000000000c0a84c33c0a84c010000000052540073776600000000000000000000
            """) + zeros
        + hex(
            """
            63825363 350105 3604c0a84c01 330400000078 3a0400000006 3b040000005a 0104ffffff00 1c04c0a84cff
            0f0b6c61622e6578616d706c65 060cc0a84c010909090901010101 0304c0a84c01 ff
            """)

    /// A broadcast OFFER, padded to a BOOTP message of its own taste.
    static let qemuOffer =
        hex(
            """
            ffffffffffff 52550a000202 0800 451002400000000040116c9c0a000202ffffffff 00430044022c4024
            02010600323305a900000000000000000a00020f0a0002020000000052540073776600000000000000000000
            """) + zeros + hex("63825363 350102 36040a000202 0104ffffff00 03040a000202 06040a000203 330400015180 ff")
        + [UInt8](repeating: 0, count: 548 - 236 - 38)

    static let discover =
        hex("01010600323305a9000000000000000000000000000000000000000052540073776600000000000000000000") + zeros
        + hex("63825363 350101 3d0701525400737766 390205dc 0c0873776966746c6574 370d0179f903060f771a1c2a333a3b ff")
        + [UInt8](repeating: 0, count: 18)

    static let decline =
        hex("01010600560cca0d000000000000000000000000000000000000000052540073776600000000000000000000") + zeros
        + hex("63825363 350104 3d0701525400737766 3204c0a84c32 3604c0a84c01 ff") + [UInt8](repeating: 0, count: 35)

    func reply(in frame: [UInt8]) throws -> DHCPReply {
        try withBytes(Array(frame[42...])) { bytes in Result { try DHCPReply(parsing: bytes) } }.get()
    }

    @Test func dnsmasqsLease() throws {
        #expect(Self.dnsmasqACK.count == 355)
        let reply = try reply(in: Self.dnsmasqACK)
        #expect(reply.type == .ack && reply.transaction == 0x795d_1caf && reply.hardware == guestHardware)
        let granted = DHCPLease(reply)
        let lease = try #require(granted)
        #expect(lease.address == IPv4Address(192, 168, 76, 51) && lease.prefixLength == 24)
        #expect(lease.router == IPv4Address(192, 168, 76, 1) && lease.server == IPv4Address(192, 168, 76, 1))
        #expect(
            (0..<3).map { lease.nameServers[$0] } == [
                IPv4Address(192, 168, 76, 1), IPv4Address(9, 9, 9, 9), IPv4Address(1, 1, 1, 1),
            ])
        #expect(String(decoding: (0..<lease.domains.count).map { lease.domains[$0] }, as: UTF8.self) == "lab.example")
        #expect(lease.leaseTime == 120 && lease.renewalTime == 6 && lease.rebindingTime == 90)
    }

    @Test func qemusLease() throws {
        #expect(Self.qemuOffer.count == 590)
        let reply = try reply(in: Self.qemuOffer)
        #expect(reply.type == .offer && reply.transaction == 0x3233_05a9)
        let granted = DHCPLease(reply)
        let lease = try #require(granted)
        #expect(
            lease.address == guestAddress && lease.router == peerAddress
                && lease.nameServers[0] == IPv4Address(10, 0, 2, 3))
        #expect(lease.leaseTime == 86400 && lease.renewalTime == 43200 && lease.rebindingTime == 75600)
    }

    @Test func ourMessagesAreThoseThatRealServersTook() {
        let discover = DHCPMessage(type: .discover, transaction: 0x3233_05a9, seconds: 0, hardware: guestHardware)
        #expect(emitted(300) { discover.emit(to: &$0) } == Self.discover)
        var decline = DHCPMessage(type: .decline, transaction: 0x560c_ca0d, seconds: 0, hardware: guestHardware)
        decline.requestedAddress = IPv4Address(192, 168, 76, 50)
        decline.server = IPv4Address(192, 168, 76, 1)
        #expect(emitted(300) { decline.emit(to: &$0) } == Self.decline)
    }

    @Test func capturedRepliesLeadToALease() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        // The captured frame with the exchange's own xid, and no checksum, which covers the xid.
        func fitted(_ frame: [UInt8], _ type: DHCPMessageType) -> [UInt8] {
            var frame = frame
            frame.replaceSubrange(40..<42, with: [0, 0])
            frame.replaceSubrange(46..<50, with: ServerReply.word(discover.transaction))
            frame[284] = type.rawValue
            return frame
        }
        #expect(
            host.deliver(fitted(Self.dnsmasqACK, .offer), at: 0).compactMap { ClientMessage($0) }.map(\.type) == [
                .request
            ])
        #expect(host.deliver(fitted(Self.qemuOffer, .ack), at: 0) == [])  // another server's
        #expect(host.deliver(fitted(Self.dnsmasqACK, .ack), at: 0).count == 1)
        _ = host.deliver(at: second)
        _ = host.deliver(at: 2 * second)
        #expect(host.address == IPv4Address(192, 168, 76, 51) && host.dhcp.state == .bound)
    }

    @Test func damagedChecksumIsNoReply() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        host.wire.outgoing = []
        var frame = Self.qemuOffer
        frame[300] ^= 1
        #expect(host.deliver(frame, at: 0) == [])
        #expect(host.drops(.udpMalformed) == 1 && host.dhcp.state == .selecting)
    }
}
