// The neighbour cache: states, the messages that it believes, and the entries that make room.

import Testing

@testable import NetStack

@Suite struct NeighbourTests {
    private let other = EthernetAddress(2, 0, 0, 0, 0, 9)

    /// Sends an empty echo request at an instant; returns the frames that go out.
    private func ping(_ host: TestHost, _ address: IPv4Address = peerAddress, at now: Instant) throws -> [[UInt8]] {
        let slot = try host.stack.startEcho(to: address, payloadCount: 0, sequence: 1, timeout: 1, now: now)
        host.stack.cancelEcho(slot)
        return host.wire.takeOutgoing()
    }

    // MARK: States (RFC 4861, 7.3)

    @Test func staleNeighbourIsUsedAndAskedAfterFiveSeconds() throws {
        let host = TestHost()
        host.learn(now: 0)
        let aged = Instant.start + NeighbourLimit.reachableTime
        #expect(try ping(host, at: aged - 1).count == 1)
        check(
            host.stack.state(of: peerAddress, now: aged - 1) == .reachable
                && host.stack.state(of: peerAddress, now: aged) == .stale)
        #expect(try ping(host, at: aged).count == 1)  // sent at once, and no question yet
        check(host.stack.state(of: peerAddress, now: aged) == .delay)
        #expect(host.deliver(at: aged + 4 * second).isEmpty)
        let question = host.deliver(at: aged + 5 * second)
        #expect(question.count == 1 && Array(question[0].prefix(6)) == [0x52, 0x55, 0x0a, 0, 2, 2])  // unicast
        check(host.stack.state(of: peerAddress, now: aged + 5 * second) == .probe)
        #expect(try ping(host, at: aged + 5 * second).count == 1)
        _ = host.deliver(Captured.arpReply, at: aged + 6 * second)
        check(host.stack.state(of: peerAddress, now: aged + 6 * second) == .reachable)
        #expect(host.deliver(at: aged + 30 * second).isEmpty)
    }

    @Test func staleNeighbourThatIsNotUsedIsNotAsked() {
        let host = TestHost()
        host.learn(now: 0)
        check(host.stack.nextDeadline == .never)
        #expect(host.deliver(at: 1000 * second).isEmpty)
        check(host.stack.state(of: peerAddress, now: 1000 * second) == .stale)
    }

    @Test func neighbourThatDoesNotAnswerProbesIsForgotten() throws {
        let host = TestHost()
        host.learn(now: 0)
        let start = Instant.start + NeighbourLimit.reachableTime
        _ = try ping(host, at: start)
        var questions = 0
        for i: UInt64 in 1...9 { questions += host.deliver(at: start + i * second).count }
        #expect(questions == 3)
        check(host.stack.state(of: peerAddress) == nil)
    }

    @Test func furtherProbesGoToTheNeighbourAloneToo() throws {
        let host = TestHost()
        host.learn(now: 0)
        let start = Instant.start + NeighbourLimit.reachableTime
        _ = try ping(host, at: start)
        for i: UInt64 in 1...5 { _ = host.deliver(at: start + i * second) }  // the first one is among these
        let areUnicast = (6...7).flatMap { host.deliver(at: start + $0 * second).map { $0[0] & 1 == 0 } }
        #expect(areUnicast == [true, true])
    }

    // MARK: What it believes (once: an unsolicited reply re-pointed the router)

    @Test func unsolicitedRepliesTeachNothing() {
        let host = TestHost()
        _ = host.deliver(arpFrame(.reply, from: other, peerAddress, for: guestAddress))
        check(host.stack.state(of: peerAddress) == nil)
        #expect(host.drops(.arpUnsolicited) == 1)
        // Nor is one that agrees with what is known younger for it.
        host.learn()
        _ = host.deliver(Captured.arpReply, at: 20 * second)
        #expect(host.drops(.arpUnsolicited) == 2)
        check(host.stack.state(of: peerAddress, now: 29 * second) == .reachable)
        check(host.stack.state(of: peerAddress, now: 31 * second) == .stale)
    }

    @Test(arguments: [ARPMessage.Operation.reply, .request]) func contradictionOnlyStartsAUnicastProbeOfTheOldAddress(
        operation: ARPMessage.Operation
    ) {
        let host = TestHost()
        host.learn()
        let target = operation == .reply ? guestAddress : peerAddress
        let sent = host.deliver(arpFrame(operation, from: other, peerAddress, for: target), at: second)
        #expect(
            sent.count == 1 && Array(sent[0].prefix(6)) == [0x52, 0x55, 0x0a, 0, 2, 2]
                && sent[0][38..<42] == [10, 0, 2, 2])
        check(host.stack.hardware(of: peerAddress) == peerHardware)
        // The false station's answer to that question does not count; the true one's does.
        _ = host.deliver(arpFrame(.reply, from: other, peerAddress, for: guestAddress), at: second)
        check(host.stack.hardware(of: peerAddress) == peerHardware && host.stack.state(of: peerAddress) == .probe)
        _ = host.deliver(Captured.arpReply, at: second)
        check(host.stack.state(of: peerAddress, now: second) == .reachable)
    }

    @Test func contradictionsMakeOneQuestionASecond() {
        let host = TestHost()
        host.learn()
        var sent = 0
        for _ in 0..<20 {
            sent += host.deliver(arpFrame(.reply, from: other, peerAddress, for: guestAddress), at: second).count
            _ = host.deliver(Captured.arpReply, at: second)
        }
        #expect(sent == 1)
    }

    /// The second of silence begins with the last question, not with the first, and an answer does not end it.
    @Test func contradictionAfterALateAnswerMakesNoSecondQuestionWithinASecond() {
        let host = TestHost()
        host.learn()
        func contradict(at now: Instant) -> Int {
            host.deliver(arpFrame(.reply, from: other, peerAddress, for: guestAddress), at: now).count
        }
        #expect(contradict(at: second) == 1)
        #expect(host.deliver(at: 2 * second).count == 1)  // no answer: the second question
        _ = host.deliver(Captured.arpReply, at: 2 * second + 1 * tenth)
        check(host.stack.state(of: peerAddress, now: 2 * second + 1 * tenth) == .reachable)
        #expect(contradict(at: 2 * second + 2 * tenth) == 0)
        #expect(contradict(at: 3 * second) == 1)
    }

    @Test func contradictionWithinASecondOfTheFirstQuestionAsksNothing() throws {
        let host = TestHost()
        #expect(try ping(host, at: 0).count == 1)
        _ = host.deliver(Captured.arpReply, at: 1 * tenth)
        #expect(host.deliver(arpFrame(.reply, from: other, peerAddress, for: guestAddress), at: 2 * tenth).isEmpty)
        #expect(host.deliver(arpFrame(.reply, from: other, peerAddress, for: guestAddress), at: second).count == 1)
    }

    @Test func neighbourThatHasAnotherCardIsFoundAfterThreeQuestions() throws {
        let host = TestHost()
        host.learn()
        _ = host.deliver(arpFrame(.request, from: other, peerAddress, for: peerAddress), at: 0)
        for i: UInt64 in 1...3 { _ = host.deliver(at: i * second) }
        #expect(try ping(host, at: 4 * second).map { Array($0.prefix(6)) } == [[255, 255, 255, 255, 255, 255]])
        _ = host.deliver(arpFrame(.reply, from: other, peerAddress, for: guestAddress), at: 4 * second)
        check(host.stack.hardware(of: peerAddress) == other)
    }

    @Test func messageWithOurOwnHardwareAddressTeachesNothing() {
        let host = TestHost()
        #expect(host.deliver(arpFrame(.request, from: guestHardware, peerAddress, for: guestAddress)).isEmpty)
        check(host.stack.state(of: peerAddress) == nil)
        #expect(host.drops(.arpFromOurself) == 1)
    }

    // MARK: Room (once: spoofed requests evicted the router)

    /// An echo request from a local address that may not exist, in a frame from the peer.
    private func echoRequest(from source: IPv4Address) -> [UInt8] {
        let message = emitted(16) { ICMPHeader(type: ICMPType.echoRequest, identifier: 1, sequence: 1).emit(to: &$0) }
        let packet = emitted(over: [UInt8](repeating: 0, count: 20) + message) {
            IPv4Header(
                payloadCount: 16, identification: 1, protocolNumber: IPProtocol.icmp, source: source,
                destination: guestAddress
            ).emit(to: &$0)
        }
        return emitted(over: [UInt8](repeating: 0, count: 14) + packet) {
            EthernetHeader(destination: guestHardware, source: peerHardware, type: EtherType.ipv4).emit(to: &$0)
        }
    }

    @Test func echoRepliesGoBackToTheirStationWithoutAnEntry() {
        let host = TestHost()
        for i: UInt8 in 3..<254 where i != 15 {
            let sent = host.deliver(echoRequest(from: IPv4Address(10, 0, 2, i)))
            #expect(sent.count == 1 && Array(sent[0].prefix(6)) == [0x52, 0x55, 0x0a, 0, 2, 2] && sent[0][34] == 0)
        }
        check((0..<StackLimit.neighbours).allSatisfy { host.stack.neighbour($0, now: 0) == nil })
    }

    /// Datagrams to addresses that do not answer: each needs an entry.
    private func flood(_ host: TestHost, _ count: Int, at now: Instant) throws {
        let socket = try host.stack.openSocket()
        for i in 0..<count {
            let address = IPv4Address(10, 0, UInt8(2), UInt8(16 + i % 230))
            try host.stack.send(host.pool.packet([1])!, from: socket, to: Endpoint(address, 9), now: now)
        }
        host.stack.closeSocket(socket)
        _ = host.wire.takeOutgoing()
    }

    @Test func incompleteEntriesHaveASmallShareAndTheOldestLeavesFirst() throws {
        let host = TestHost(packets: 300)
        host.learn()
        try flood(host, 230, at: 0)
        let states = (0..<StackLimit.neighbours).compactMap { host.stack.neighbour($0, now: 0) }
        #expect(states.count { $0.state == .incomplete } == 32)
        check(host.stack.state(of: peerAddress) == .reachable)
        check(
            host.stack.state(of: IPv4Address(10, 0, 2, 245)) == .incomplete
                && host.stack.state(of: IPv4Address(10, 0, 2, 16)) == nil)
    }

    @Test func gatewayThatIsBeingAskedForIsNotPushedOut() throws {
        let host = TestHost(packets: 300)
        let socket = try host.stack.openSocket()
        try host.stack.send(host.pool.packet([1])!, from: socket, to: Endpoint(IPv4Address(8, 8, 8, 8), 9), now: 0)
        try flood(host, 230, at: 0)
        check(host.stack.state(of: peerAddress) == .incomplete)
        #expect(host.deliver(Captured.arpReply).count == 1)
    }

    @Test func fullTableMakesRoomFromTheStaleThatWasNotUsedForLongest() {
        let host = TestHost(IPv4Address(10, 0, 0, 1), gateway: nil)
        host.stack.configure(
            .card(0), address: IPv4Address(10, 0, 0, 1), prefixLength: 16, gateway: IPv4Address(10, 0, 9, 9))
        func address(_ i: Int) -> IPv4Address { IPv4Address(10, 0, UInt8(1 + i / 200), UInt8(1 + i % 200)) }
        host.learn(address(0), other)
        for i in 1..<StackLimit.neighbours + 40 {
            _ = host.deliver(
                arpFrame(
                    .request, from: EthernetAddress(2, 0, 0, 0, 1, UInt8(i & 255)), address(i),
                    for: IPv4Address(10, 0, 0, 1)),
                at: Instant(nanoseconds: UInt64(i)))
        }
        func knows(_ i: Int) -> Bool { host.stack.hardware(of: address(i)) != nil }
        #expect(knows(0) && !knows(1) && !knows(40) && knows(41) && knows(StackLimit.neighbours + 39))
    }

    @Test func fullTableKeepsTheStaleNeighbourThatIsUsed() throws {
        let host = TestHost(IPv4Address(10, 0, 0, 1), gateway: nil)
        host.stack.configure(.card(0), address: IPv4Address(10, 0, 0, 1), prefixLength: 16, gateway: nil)
        func address(_ i: Int) -> IPv4Address { IPv4Address(10, 0, UInt8(1 + i / 200), UInt8(1 + i % 200)) }
        func hear(_ i: Int, at now: Instant) {
            let hardware = EthernetAddress(2, 0, 0, 0, 1, UInt8(i & 255))
            _ = host.deliver(arpFrame(.request, from: hardware, address(i), for: IPv4Address(10, 0, 0, 1)), at: now)
        }
        for i in 0..<StackLimit.neighbours { hear(i, at: Instant(nanoseconds: UInt64(i))) }
        // The first, the oldest of all, is used, and confirmed; then it is stale again.
        #expect(try ping(host, address(0), at: second).count == 1)
        _ = host.deliver(at: 6 * second)
        let first = EthernetAddress(2, 0, 0, 0, 1, 0)
        _ = host.deliver(arpFrame(.reply, from: first, address(0), for: IPv4Address(10, 0, 0, 1)), at: 6 * second)
        for i in 0..<2 { hear(StackLimit.neighbours + i, at: 60 * second) }
        check(host.stack.state(of: address(0), now: 60 * second) == .stale)
        check(host.stack.state(of: address(1)) == nil && host.stack.state(of: address(2)) == nil)
        check(host.stack.state(of: address(3)) == .stale)
    }

    // MARK: What is a neighbour (once: on the link was decided by the prefix alone)

    @Test func routerOutsideOfTheNetworkIsANeighbour() throws {
        let host = TestHost(gateway: nil)
        let router = IPv4Address(192, 168, 9, 1)
        host.stack.configure(.card(0), address: guestAddress, prefixLength: 32, gateway: router)
        host.stack.timers.cancel(.claim(.card(0)))
        let asked = try ping(host, IPv4Address(8, 8, 8, 8), at: 0)
        #expect(asked.count == 1 && asked[0][38..<42] == [192, 168, 9, 1])
        #expect(host.deliver(arpFrame(.reply, from: other, router, for: guestAddress)).count == 1)
        check(host.stack.hardware(of: router) == other)
        // The router asks for us, and is answered.
        #expect(host.deliver(arpFrame(.request, from: other, router, for: guestAddress)).count == 1)
    }

    @Test func hostRouteNamesANeighbour() throws {
        let host = TestHost()
        let far = IPv4Address(192, 168, 9, 1)
        try host.stack.addRoute(to: far, prefixLength: 32, gateway: nil, interface: 0)
        _ = try ping(host, far, at: 0)
        _ = host.deliver(arpFrame(.reply, from: other, far, for: guestAddress))
        check(host.stack.hardware(of: far) == other)
        #expect(host.drops(.arpMalformed) == 0)
    }

    // MARK: By hand

    @Test func permanentEntryIsNeitherAskedNorOverwritten() throws {
        let host = TestHost()
        check(host.stack.addNeighbour(IPAddress(peerAddress), other, now: 0))
        #expect(host.deliver(arpFrame(.reply, from: peerHardware, peerAddress, for: guestAddress)).isEmpty)
        #expect(try ping(host, at: 5000 * second).map { Array($0.prefix(6)) } == [[2, 0, 0, 0, 0, 9]])
        check(host.stack.state(of: peerAddress, now: 5000 * second) == .permanent && host.stack.nextDeadline == .never)
        check(host.stack.forgetNeighbour(IPAddress(peerAddress)))
        check(host.stack.state(of: peerAddress) == nil && !host.stack.forgetNeighbour(IPAddress(peerAddress)))
    }

    @Test func permanentEntriesAreForNeighboursAndHaveAShare() {
        let host = TestHost(IPv4Address(10, 0, 0, 1), gateway: nil)
        host.stack.configure(.card(0), address: IPv4Address(10, 0, 0, 1), prefixLength: 16, gateway: nil)
        check(!host.stack.addNeighbour(IPAddress(IPv4Address(8, 8, 8, 8)), other, now: 0))
        check(!host.stack.addNeighbour(IPAddress(IPv4Address(10, 0, 0, 1)), other, now: 0))
        check(!host.stack.addNeighbour(IPAddress(IPv4Address(10, 0, 0, 2)), .broadcast, now: 0))
        for i in 0..<NeighbourLimit.permanent {
            check(host.stack.addNeighbour(IPAddress(IPv4Address(10, 0, 1, UInt8(i))), other, now: 0))
        }
        check(!host.stack.addNeighbour(IPAddress(IPv4Address(10, 0, 2, 1)), other, now: 0))
        check(host.stack.addNeighbour(IPAddress(IPv4Address(10, 0, 1, 1)), peerHardware, now: 0))
    }

    @Test func packetsThatWaitLeaveWhenTheNeighbourIsMadeKnownByHand() throws {
        let host = TestHost()
        _ = try ping(host, at: 0)
        check(host.stack.addNeighbour(IPAddress(peerAddress), other, now: 0))
        #expect(host.wire.takeOutgoing().map { Array($0.prefix(6)) } == [[2, 0, 0, 0, 0, 9]])
        check(host.pool.pool.freeCount == 64)
    }
}
