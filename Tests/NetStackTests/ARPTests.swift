// ARP: answers, learning, and packets that wait.

import Testing

@testable import NetStack

@Suite struct ARPTests {
    @Test func arpReplyToACapturedRequestIsTheCapturedReply() {
        let peer = TestHost(peerAddress, peerHardware)
        #expect(peer.deliver(Captured.arpRequest) == [Captured.arpReply])
        #expect(peer.pool.pool.freeCount == 64)
    }

    @Test func arpReplyIsBuiltInTheBufferOfThePaddedRequest() {
        let host = TestHost(packets: 1)  // one packet: the reply has no other to use
        let request =
            arpFrame(.request, from: peerHardware, peerAddress, for: guestAddress) + [UInt8](repeating: 0, count: 18)
        #expect(host.deliver(request) == [Captured.arpReplyFromGuest])
    }

    @Test func requestsForOthersAreNotAnsweredAndNotLearned() {
        let host = TestHost()
        #expect(host.deliver(arpFrame(.request, from: peerHardware, peerAddress, for: IPv4Address(10, 0, 2, 77))) == [])
        #expect(host.stack.hardware(of: peerAddress) == nil)
    }

    @Test func stationThatAsksForUsIsLearned() {
        let host = TestHost()
        _ = host.deliver(arpFrame(.request, from: peerHardware, peerAddress, for: guestAddress))
        #expect(host.stack.hardware(of: peerAddress) == peerHardware)
    }

    @Test func conflictsAreCountedAndNeverLearned() {
        let host = TestHost()
        let defence = host.deliver(arpFrame(.request, from: peerHardware, guestAddress, for: guestAddress))
        #expect(defence == [arpFrame(.request, from: guestHardware, guestAddress, for: guestAddress)])
        #expect(host.drops(.arpConflict) == 1)
    }

    @Test func conflictProbesAreAnsweredAndNotLearned() {
        let host = TestHost()
        #expect(host.deliver(arpFrame(.request, from: peerHardware, .any, for: guestAddress)).count == 1)
        #expect(host.stack.hardware(of: .any) == nil)
    }

    @Test func malformedMessagesAndImpossibleSendersAreCounted() {
        let host = TestHost()
        var short = Captured.arpRequest
        short.removeLast()
        #expect(host.deliver(short).isEmpty)
        // Nor is any of them answered.
        for sender in [IPv4Address(192, 168, 1, 1), IPv4Address(10, 0, 2, 255)] {
            #expect(host.deliver(arpFrame(.request, from: peerHardware, sender, for: guestAddress)).isEmpty)
        }
        #expect(host.deliver(arpFrame(.request, from: .broadcast, peerAddress, for: guestAddress)).isEmpty)
        #expect(host.drops(.arpMalformed) == 4)
        let bare = TestHost.bare()
        #expect(bare.deliver(arpFrame(.request, from: peerHardware, peerAddress, for: guestAddress)).isEmpty)
        #expect(bare.drops(.noInterfaceAddress) == 1)
    }

    @Test func packetsWaitForTheAnswerAndLeaveInOrder() throws {
        let host = TestHost()
        for sequence: UInt16 in 1...3 {
            _ = try host.stack.startEcho(
                to: peerAddress, payloadCount: 56, sequence: sequence, timeout: 9 * second, now: 0)
        }
        #expect(host.wire.takeOutgoing() == [Captured.arpRequest])
        let sent = host.deliver(Captured.arpReply)
        #expect(sent.map { $0[41] } == [1, 2, 3])
        #expect(sent.allSatisfy { $0.prefix(14).elementsEqual(Captured.echoRequest.prefix(14)) })
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func fewPacketsWaitAndTheOldestGoFirst() throws {
        let host = TestHost(packets: 512), bound = 16
        for sequence in 1...UInt16(bound + 3) {
            let slot = try host.stack.startEcho(
                to: peerAddress, payloadCount: 0, sequence: sequence, timeout: 9 * second, now: 0)
            host.stack.cancelEcho(slot)
        }
        #expect(host.pool.pool.freeCount == 512 - bound)
        #expect(host.drops(.neighbourQueueFull) == 3)
        _ = host.wire.takeOutgoing()
        #expect(host.deliver(Captured.arpReply).map { Int($0[41]) } == Array(4...bound + 3))
    }

    @Test func packetsForManySilentNeighboursHoldABoundedShare() throws {
        let host = TestHost(packets: 400)
        let socket = try host.stack.openSocket()
        for neighbour: UInt8 in 100..<130 {
            for _ in 0..<16 {
                try host.stack.send(
                    host.pool.packet([1])!, from: socket, to: Endpoint(IPv4Address(10, 0, 2, neighbour), 9), now: 0)
            }
        }
        check(host.pool.pool.freeCount == 400 - NeighbourLimit.waitingInAll)
        check(host.stack.neighbours.waitingCount == NeighbourLimit.waitingInAll)
        // A datagram takes as many as it has buffers.
        let known = (UInt8(100)..<130).compactMap {
            host.stack.neighbours.find(IPAddress(IPv4Address(10, 0, 2, $0)), on: .card(0))
        }
        let full = try #require(known.first { host.stack.neighbours.entries[$0].waiting.count > 4 })
        var train = host.pool.packet([1])!
        for _ in 0..<3 { train.append(part: host.pool.packet([1])!) }
        let dropped = host.stack.neighbours.wait(train, at: full)
        check(dropped == 4 && host.stack.neighbours.waitingCount == NeighbourLimit.waitingInAll)
        check(host.pool.pool.freeCount == 400 - NeighbourLimit.waitingInAll)
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
        #expect(host.drops(.neighbourSilent) == 1)
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func silenceOfTheNeighbourFailsTheEchoAsUnreachable() throws {
        let host = TestHost()
        let slot = try host.stack.startEcho(
            to: IPv4Address(8, 8, 8, 8), payloadCount: 0, sequence: 1, timeout: 60 * second, now: 0)
        for i in 1...3 { _ = host.deliver(at: UInt64(i) * second) }
        check(host.stack.takeEcho(slot) == .failed(.hostUnreachable))
    }
}

/// A broadcast ARP frame from a station.
func arpFrame(
    _ operation: ARPMessage.Operation, from hardware: EthernetAddress, _ address: IPv4Address, for target: IPv4Address
) -> [UInt8] {
    let message = ARPMessage(
        operation: operation, senderHardware: hardware, senderProtocol: address, targetHardware: .zero,
        targetProtocol: target)
    return emitted(14) {
        EthernetHeader(destination: .broadcast, source: hardware, type: EtherType.arp).emit(to: &$0)
    } + emitted(28) { message.emit(to: &$0) }
}

extension Captured {
    static let arpReplyFromGuest = hex(
        "52550a000202 525400737766 0806 0001080006040002 525400737766 0a00020f 52550a000202 0a000202")
}
