// Another station claims an address (RFC 5227, 2.4 (c)): it is given up only to a station that answers two questions of
// ours.

import Testing

@testable import NetStack

@Suite struct DHCPConflictTests {
    private static let rival = EthernetAddress(2, 0, 0, 0, 0, 9)

    /// What a station says that uses our address.
    private func claim(_ operation: ARPMessage.Operation, from hardware: EthernetAddress = rival) -> [UInt8] {
        arpFrame(operation, from: hardware, guestAddress, for: guestAddress)
    }

    /// The questions among frames: ARP probes to the rival alone.
    private func questions(_ frames: [[UInt8]]) -> Int {
        frames.count {
            $0[..<6] == [2, 0, 0, 0, 0, 9] && $0[12..<14] == [8, 6] && $0[28..<32] == [0, 0, 0, 0]
                && $0[38..<42] == [10, 0, 2, 15]
        }
    }

    private func hostThatProbes() throws -> TestHost {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        host.reply(ServerReply(.offer), to: discover, at: 0)
        host.reply(ServerReply(.ack), to: discover, at: 0)
        #expect(host.dhcp.state == .probing)
        return host
    }

    @Test(arguments: [false, true]) func conflictIsDeclinedAndAskedAboutAgainTenSecondsLater(isProbe: Bool) throws {
        let host = try hostThatProbes()
        let first = isProbe ? arpFrame(.request, from: Self.rival, .any, for: guestAddress) : claim(.reply)
        #expect(questions(host.deliver(first, at: tenth)) == 1)
        #expect(host.deliver(claim(.reply), at: 2 * tenth).isEmpty && host.dhcp.state == .probing)
        #expect(questions(host.deliver(at: 2 * tenth + second)) == 1)
        let decline = host.deliver(claim(.reply), at: 3 * tenth + second).compactMap { ClientMessage($0) }
        #expect(decline.map(\.type) == [.decline] && decline[0].isBroadcastFrame && decline[0].ciaddr == 0)
        #expect(
            decline[0].options[50] == [10, 0, 2, 15] && decline[0].options[54] == [10, 0, 2, 2]
                && decline[0].options[55] == nil)
        #expect(host.address == .any && host.dhcp.problem == .conflict)
        #expect(host.messages(at: 11 * second).isEmpty)
        #expect(host.messages(at: 11 * second + 3 * tenth).map(\.type) == [.discover])
    }

    /// A forged message: no station answers, and the address is taken after all.
    @Test(arguments: [false, true]) func conflictWithoutAStationBehindItIsNoReasonToDecline(isProbe: Bool) throws {
        let host = try hostThatProbes()
        let forged = isProbe ? arpFrame(.request, from: Self.rival, .any, for: guestAddress) : claim(.reply)
        #expect(questions(host.deliver(forged, at: tenth)) == 1)
        var messages: [ClientMessage] = []
        for i: UInt64 in 2...60 { messages += host.deliver(forged, at: i * tenth).compactMap { ClientMessage($0) } }
        #expect(messages.isEmpty && host.address == guestAddress && host.dhcp.state == .bound)
    }

    /// Two forged messages took a leased address away, and two for each lease kept it away.
    @Test func leasedAddressIsDefendedForEverAgainstForgedMessages() throws {
        let host = TestHost.bare()
        try host.bind()
        _ = host.deliver(at: 5 * second)
        var frames: [[UInt8]] = []
        for i: UInt64 in 60..<660 { frames += host.deliver(claim(.request), at: i * tenth) }  // a minute of them
        #expect(host.address == guestAddress && host.dhcp.state == .bound)
        #expect(frames.compactMap { ClientMessage($0) }.isEmpty)
        let defences = frames.count { $0[..<6] == [255, 255, 255, 255, 255, 255] && $0[28..<32] == [10, 0, 2, 15] }
        #expect(defences == 6 && questions(frames) == 6 && frames.count == 12)
    }

    @Test func leasedAddressIsGivenUpToAStationThatAnswersTwice() throws {
        let host = TestHost.bare()
        try host.bind()
        _ = host.deliver(at: 5 * second)
        let first = host.deliver(claim(.request), at: 6 * second)
        #expect(first.count == 2 && questions(first) == 1)
        // Another than was asked.
        _ = host.deliver(claim(.reply, from: EthernetAddress(2, 0, 0, 0, 0, 8)), at: 6 * second + tenth)
        _ = host.deliver(claim(.reply), at: 6 * second + tenth)
        #expect(host.address == guestAddress)
        #expect(questions(host.deliver(at: 7 * second + tenth)) == 1)
        let decline = host.deliver(claim(.reply), at: 7 * second + 2 * tenth).compactMap { ClientMessage($0) }
        #expect(decline.map(\.type) == [.decline] && decline[0].options[50] == [10, 0, 2, 15])
        #expect(host.address == .any && host.dhcp.problem == .conflict)
        check(host.stack.routes.count == 1)
        #expect(host.messages(at: 17 * second).isEmpty)
        #expect(host.messages(at: 17 * second + 2 * tenth).map(\.type) == [.discover])
        check(host.pool.pool.freeCount == 64)
    }

    @Test func addressByHandIsNeverGivenUp() {
        let host = TestHost()
        for i: UInt64 in 0..<100 { _ = host.deliver(claim(.request), claim(.reply), at: i * second) }
        #expect(host.address == guestAddress)
    }

    @Test func ownProbeThatComesBackIsNoConflict() throws {
        let host = TestHost.bare()
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        host.reply(ServerReply(.offer), to: discover, at: 0)
        let probe = host.reply(ServerReply(.ack), to: discover, at: 0)[0]
        _ = host.deliver(probe, at: 1)
        #expect(host.dhcp.state == .probing)
    }
}
