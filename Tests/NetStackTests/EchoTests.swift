// Ping: slots, replies, errors, deadlines, loopback; and two whole stacks on one wire.

import Testing

@testable import NetStack

@Suite struct EchoTests {
    func start(
        _ host: TestHost, to address: IPv4Address = peerAddress, payload: Int = 56, sequence: UInt16 = 1,
        at now: Instant = 0
    ) throws -> (slot: Int, frame: [UInt8]) {
        let slot = try host.stack.startEcho(
            to: address, payloadCount: payload, sequence: sequence, timeout: 1 * second, now: now)
        return (slot, try #require(host.wire.takeOutgoing().last))
    }

    /// What an honest peer says to an echo request.
    func answer(_ request: [UInt8]) -> [UInt8] {
        var bytes = request
        bytes.replaceSubrange(0..<6, with: request[6..<12])
        bytes.replaceSubrange(6..<12, with: request[0..<6])
        bytes.replaceSubrange(26..<30, with: request[30..<34])
        bytes.replaceSubrange(30..<34, with: request[26..<30])
        bytes[34] = 0
        (bytes[24], bytes[25]) = (0, 0)
        let ipSum = ~naiveSum(Array(bytes[14..<34]))
        (bytes[24], bytes[25]) = (UInt8(ipSum >> 8), UInt8(ipSum & 255))
        let sum = ~naiveSum(Array([0, 0, 0, 0] + bytes[38...]))
        (bytes[36], bytes[37]) = (UInt8(sum >> 8), UInt8(sum & 255))
        return bytes
    }

    @Test func echoRequestIsWellFormed() throws {
        let host = TestHost()
        host.learn()
        let frame = try start(host, sequence: 0x1234).frame
        #expect(frame.count == 98)
        #expect(Array(frame.prefix(14)) == Array(Captured.echoRequest.prefix(14)))
        #expect(frame[34] == 8 && frame[40] == 0x12 && frame[41] == 0x34)
        #expect(naiveSum(Array(frame[14..<34])) == 0xffff)
        #expect(naiveSum(Array(frame[34...])) == 0xffff)
    }

    @Test func replyCompletesTheSlotWithTimeTTLAndBytes() throws {
        let host = TestHost()
        host.learn()
        let (slot, request) = try start(host, sequence: 3, at: 1000)
        check(host.stack.takeEcho(slot) == nil)
        host.wire.incoming = [answer(request)]
        #expect(host.completions(at: 413_000) == [.echo(slot)])
        check(
            host.stack.takeEcho(slot)
                == .reply(
                    EchoReply(roundTrip: Duration(nanoseconds: 412_000), timeToLive: 64, byteCount: 64, sequence: 3)))
        check(host.stack.takeEcho(slot) == nil)
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func repliesThatDoNotMatchAreNotBelieved() throws {
        let host = TestHost()
        host.learn()
        let (slot, request) = try start(host)
        for offset in [29, 39, 41] {  // source, identifier, sequence
            var wrong = request
            wrong[offset == 29 ? 33 : offset] ^= 1
            _ = host.deliver(answer(wrong))
        }
        var longer = request + [0, 0]
        longer[17] += 2
        _ = host.deliver(answer(longer))
        #expect(host.drops(.icmpUnexpectedReply) == 4)
        check(host.stack.takeEcho(slot) == nil)
        _ = host.deliver(answer(request))
        check(host.stack.takeEcho(slot) != nil)
        _ = host.deliver(answer(request))  // once more
        #expect(host.drops(.icmpUnexpectedReply) == 5)
    }

    @Test func lateReplyToAnEarlierUseOfTheSlotIsNotBelieved() throws {
        let host = TestHost()
        host.learn()
        let (first, request) = try start(host)
        host.stack.cancelEcho(first)
        let (slot, _) = try start(host)
        #expect(slot == first)
        _ = host.deliver(answer(request))
        check(host.stack.takeEcho(slot) == nil)
    }

    @Test func deadlineCompletesTheSlotAsTimedOut() throws {
        let host = TestHost()
        host.learn()
        let slot = try start(host, at: 5).slot
        check(host.stack.nextDeadline == second + 5)
        _ = host.deliver(at: second + 4)
        check(host.stack.takeEcho(slot) == nil)
        let result = host.stack.poll(now: second + 5, budget: 1)
        #expect(host.completions() == [.echo(slot)])
        #expect(result.nextDeadline == .never)
        check(host.stack.takeEcho(slot) == .failed(.timedOut))
    }

    @Test(
        arguments: [
            (3, 0, EchoError.networkUnreachable), (3, 1, .hostUnreachable), (3, 3, .unreachable),
            (11, 0, .timeExceeded),
        ] as [(UInt8, UInt8, EchoError)])
    func icmpErrorsAboutOurRequestCompleteTheSlot(type: UInt8, code: UInt8, error: EchoError) throws {
        let host = TestHost()
        host.learn()
        let (slot, request) = try start(host, to: IPv4Address(8, 8, 8, 8))
        let message = emitted(over: [UInt8](repeating: 0, count: 8) + request[14..<42]) {
            ICMPHeader(type: type, code: code).emit(to: &$0)
        }
        _ = host.deliver(frame(message, protocolNumber: IPProtocol.icmp))
        check(host.stack.takeEcho(slot) == .failed(error))
    }

    @Test func requestsThatCannotBeSentAreRefusedWithTheReason() {
        let host = TestHost(gateway: nil, packets: 512)
        func refusal(_ to: IPv4Address, _ payload: Int = 0) -> EchoError? {
            do throws(EchoError) {
                _ = try host.stack.startEcho(to: to, payloadCount: payload, sequence: 0, timeout: 1, now: 0)
            } catch { return error }
            return nil
        }
        #expect(refusal(IPv4Address(8, 8, 8, 8)) == .noRoute)
        #expect(refusal(.broadcast) == .badAddress)
        #expect(refusal(.any) == .badAddress)
        #expect(refusal(IPv4Address(224, 0, 0, 1)) == .badAddress)
        #expect(refusal(IPv4Address(10, 0, 2, 255)) == .badAddress)
        #expect(refusal(peerAddress, 65508) == .tooLarge)
        #expect(refusal(peerAddress, -1) == .tooLarge)
        #expect(refusal(peerAddress, 1472) == nil)
        for _ in 1..<StackLimit.echoes { #expect(refusal(peerAddress) == nil) }
        #expect(refusal(peerAddress) == .tooManyRequests)
        host.stack.configure(.card(0), address: .any, prefixLength: 0, gateway: nil)
        #expect(refusal(peerAddress) == .noInterface)
    }

    @Test func emptyPoolIsAnErrorAndNotATrap() throws {
        let host = TestHost(packets: 1)
        let taken = host.pool.pool.take()
        #expect(throws: EchoError.noMemory) {
            try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: 0, timeout: 1, now: 0)
        }
        check(taken != nil)
    }

    @Test(arguments: [IPv4Address.loopback, IPv4Address(127, 9, 9, 9), guestAddress])
    func loopbackAnswersAtOnceAndStaysOffTheWire(address: IPv4Address) throws {
        let host = TestHost()
        let slot = try host.stack.startEcho(to: address, payloadCount: 1000, sequence: 2, timeout: 1 * second, now: 77)
        check(
            host.stack.takeEcho(slot) == .reply(EchoReply(roundTrip: 0, timeToLive: 64, byteCount: 1008, sequence: 2)))
        #expect(host.wire.outgoing == [])
        check(host.stack.withInterface(.loopback) { $0.counters.packetsIn } == 2)
        #expect(host.pool.pool.freeCount == 64)
    }

    @Test func pollKeepsToItsBudgetAndSaysThatThereIsMore() {
        let host = TestHost()
        host.learn()
        host.wire.incoming = (0..<10).map { _ in echoRequest([]) }
        check(host.stack.poll(now: 0, budget: 4).hasMore)
        #expect(host.wire.outgoing.count == 4)
        #expect(!host.wire.isArmed)
        check(!host.stack.poll(now: 0, budget: 100).hasMore)
        #expect(host.wire.outgoing.count == 10)
        #expect(host.wire.flushes == 2)
    }

    @Test func frameThatArrivesJustBeforeRearmingIsNotLost() {
        let host = TestHost()
        host.learn()
        host.wire.late = [echoRequest([])]
        #expect(host.deliver(echoRequest([])).count == 2)
    }

    @Test func twoStacksResolveAndPingEachOtherThousandsOfTimes() throws {
        let a = TestHost(), b = TestHost(peerAddress, peerHardware)
        var now: Instant = 0
        for i in 0..<5000 {
            let (from, to) = i % 2 == 0 ? (a, peerAddress) : (b, guestAddress)
            let slot = try from.stack.startEcho(
                to: to, payloadCount: i % 1473, sequence: UInt16(truncatingIfNeeded: i), timeout: 1 * second, now: now)
            var rounds = 0
            while rounds < 10, !a.wire.outgoing.isEmpty || !b.wire.outgoing.isEmpty {
                now += 1_000_000
                a.wire.incoming += b.wire.takeOutgoing()
                b.wire.incoming += a.wire.takeOutgoing()
                _ = a.stack.poll(now: now, budget: 64)
                _ = b.stack.poll(now: now, budget: 64)
                rounds += 1
            }
            guard case .reply(let reply) = from.stack.takeEcho(slot) else {
                Issue.record("echo \(i) was lost")
                return
            }
            #expect(reply.byteCount == i % 1473 + 8)
        }
        #expect(a.pool.pool.freeCount == 64)
        #expect(b.pool.pool.freeCount == 64)
    }
}
