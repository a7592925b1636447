// ARP: answers, learning, aging, and packets that wait.

import Testing

@testable import NetStack

@Suite struct ARPTests {
    /// An ARP frame from somebody.
    func frame(_ operation: ARPMessage.Operation, from hardware: EthernetAddress, _ address: IPv4Address, for target: IPv4Address) -> [UInt8] {
        let message = ARPMessage(
            operation: operation, senderHardware: hardware, senderProtocol: address, targetHardware: .zero, targetProtocol: target)
        return emitted(14) {
            EthernetHeader(destination: .broadcast, source: hardware, type: EtherType.arp).emit(to: &$0)
        } + emitted(28) { message.emit(to: &$0) }
    }

    @Test func arpReplyToACapturedRequestIsTheCapturedReply() {
        let peer = TestHost(peerAddress, peerHardware)
        #expect(peer.deliver(Captured.arpRequest) == [Captured.arpReply])
        #expect(peer.pool.pool.freeCount == 64)
    }

    @Test func arpReplyIsBuiltInTheBufferOfThePaddedRequest() {
        let host = TestHost(packets: 1)  // one packet: the reply has no other to use
        let request = frame(.request, from: peerHardware, peerAddress, for: guestAddress) + [UInt8](repeating: 0, count: 18)
        #expect(host.deliver(request) == [Captured.arpReplyFromGuest])
    }

    @Test func requestsForOthersAreNotAnsweredAndNotLearned() {
        let host = TestHost()
        #expect(host.deliver(frame(.request, from: peerHardware, peerAddress, for: IPv4Address(10, 0, 2, 77))) == [])
        #expect(host.stack.withInterface(0) { $0.neighbours.lookUp(peerAddress) } == .some(nil))
    }

    @Test func whoAsksForUsIsLearned() {
        let host = TestHost()
        _ = host.deliver(frame(.request, from: peerHardware, peerAddress, for: guestAddress))
        #expect(host.stack.withInterface(0) { $0.neighbours.lookUp(peerAddress) } == peerHardware)
    }

    @Test func unsolicitedRepliesTeachNothingButRefreshWhatIsKnown() {
        let host = TestHost()
        let other = EthernetAddress(2, 0, 0, 0, 0, 9)
        _ = host.deliver(frame(.reply, from: other, peerAddress, for: guestAddress))
        #expect(host.stack.withInterface(0) { $0.neighbours.lookUp(peerAddress) } == .some(nil))
        #expect(host.drops(.arpUnsolicited) == 1)
        host.learn()
        _ = host.deliver(frame(.reply, from: other, peerAddress, for: guestAddress))
        #expect(host.stack.withInterface(0) { $0.neighbours.lookUp(peerAddress) } == other)
    }

    @Test func conflictsAreCountedAndNeverLearned() {
        let host = TestHost()
        let defence = host.deliver(frame(.request, from: peerHardware, guestAddress, for: guestAddress))
        #expect(defence == [frame(.request, from: guestHardware, guestAddress, for: guestAddress)])
        #expect(host.drops(.arpConflict) == 1)
    }

    @Test func conflictProbesAreAnsweredAndNotLearned() {
        let host = TestHost()
        #expect(host.deliver(frame(.request, from: peerHardware, .any, for: guestAddress)).count == 1)
        #expect(host.stack.withInterface(0) { $0.neighbours.lookUp(.any) } == .some(nil))
    }

    @Test func malformedMessagesAndImpossibleSendersAreCounted() {
        let host = TestHost()
        var short = Captured.arpRequest
        short.removeLast()
        _ = host.deliver(short)
        _ = host.deliver(frame(.request, from: .broadcast, peerAddress, for: guestAddress))
        _ = host.deliver(frame(.request, from: peerHardware, IPv4Address(192, 168, 1, 1), for: guestAddress))
        _ = host.deliver(frame(.request, from: peerHardware, IPv4Address(10, 0, 2, 255), for: guestAddress))
        #expect(host.drops(.arpMalformed) == 4)
    }

    @Test func packetsWaitForTheAnswerAndLeaveInOrder() throws {
        let host = TestHost()
        for sequence: UInt16 in 1...3 {
            _ = try host.stack.startEcho(to: peerAddress, payloadCount: 56, sequence: sequence, timeout: 9 * second, now: 0)
        }
        #expect(host.wire.takeOutgoing() == [Captured.arpRequest])
        let sent = host.deliver(Captured.arpReply)
        #expect(sent.map { $0[41] } == [1, 2, 3])
        #expect(sent.allSatisfy { $0.prefix(14).elementsEqual(Captured.echoRequest.prefix(14)) })
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func fewPacketsWaitAndTheOldestGoFirst() throws {
        let host = TestHost()
        for sequence: UInt16 in 1...19 {
            let slot = try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: sequence, timeout: 9 * second, now: 0)
            host.stack.cancelEcho(slot)
        }
        #expect(host.pool.pool.freeCount == 64 - 16)
        #expect(host.drops(.arpQueueFull) == 3)
        _ = host.wire.takeOutgoing()
        #expect(host.deliver(Captured.arpReply).map { Int($0[41]) } == Array(4...19))
    }

    @Test func packetsForManySilentNeighboursHoldABoundedShare() throws {
        let host = TestHost(packets: 400)
        let socket = try host.stack.openSocket()
        for neighbour: UInt8 in 100..<130 {
            for _ in 0..<16 {
                try host.stack.send(host.pool.packet([1])!, from: socket, to: SocketAddress(IPv4Address(10, 0, 2, neighbour), 9), now: 0)
            }
        }
        check(host.pool.pool.freeCount == 400 - ARPLimit.waitingInAll)
    }

    @Test func requestsAreRepeatedOnceASecondAndThenGivenUp() throws {
        let host = TestHost()
        let slot = try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: 1, timeout: 60 * second, now: 0)
        var requests = host.wire.takeOutgoing().count
        var now: Instant = 0
        var steps = 0
        while host.stack.takeEcho(slot) == nil, steps < 100 {
            check(host.stack.nextDeadline > now)
            now = host.stack.nextDeadline
            requests += host.deliver(at: now).count
            steps += 1
            if now < 3 * second { #expect(now == UInt64(steps) * second) }
        }
        #expect(now == 3 * second)
        #expect(requests == 3)
        #expect(host.drops(.arpTimedOut) == 1)
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func silenceOfTheNeighbourFailsTheEchoAsUnreachable() throws {
        let host = TestHost()
        let slot = try host.stack.startEcho(to: IPv4Address(8, 8, 8, 8), payloadCount: 0, sequence: 1, timeout: 60 * second, now: 0)
        for i in 1...3 { _ = host.deliver(at: UInt64(i) * second) }
        check(host.stack.takeEcho(slot) == .failed(.hostUnreachable))
    }

    @Test func agedEntriesAreUsedWhileTheNeighbourIsAskedAgain() throws {
        let host = TestHost()
        host.learn(now: 0)
        func ping(_ now: Instant) throws -> [[UInt8]] {
            let slot = try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: 1, timeout: 1, now: now)
            host.stack.cancelEcho(slot)
            return host.wire.takeOutgoing()
        }
        let aged = Instant.start + ARPLimit.reachableTime
        #expect(try ping(aged - 1).count == 1)
        let sent = try ping(aged)
        #expect(sent.count == 2)
        #expect(Array(sent[1].prefix(6)) == [0x52, 0x55, 0x0a, 0, 2, 2])  // asked directly
        #expect(try ping(aged + 1).count == 1)
        _ = host.deliver(Captured.arpReply, at: aged + 2)
        #expect(try ping(aged + 5 * second).count == 1)
        #expect(host.stack.withInterface(0) { $0.neighbours.lookUp(peerAddress) } == peerHardware)
    }

    @Test func agedEntriesWithoutAnAnswerAreForgotten() throws {
        let host = TestHost()
        host.learn(now: 0)
        let start = Instant.start + ARPLimit.reachableTime
        _ = try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: 1, timeout: 90 * second, now: start)
        for i: UInt64 in 1...3 { _ = host.deliver(at: start + i * second) }
        #expect(host.stack.withInterface(0) { $0.neighbours.lookUp(peerAddress) } == .some(nil))
    }

    @Test func fullTableMakesRoomFromTheLeastRecentlyUsed() {
        let host = TestHost()
        for i: UInt8 in 0..<40 {
            _ = host.deliver(frame(.request, from: EthernetAddress(2, 0, 0, 0, 0, i), IPv4Address(10, 0, 2, 100 + i), for: guestAddress), at: Instant(nanoseconds: UInt64(i)))
        }
        func knows(_ i: UInt8) -> Bool { host.stack.withInterface(0) { $0.neighbours.lookUp(IPv4Address(10, 0, 2, 100 + i)) }! != nil }
        #expect(knows(39) && knows(8) && !knows(7) && !knows(0))
    }
}

extension Captured {
    static let arpReplyFromGuest = hex("52550a000202 525400737766 0806 0001080006040002 525400737766 0a00020f 52550a000202 0a000202")
}
