// How connections begin in the rarer ways: both sides at once, with oneself, again after TIME-WAIT.

import Testing

@testable import NetStack

@Suite struct TCPOpeningTests {
    @Test func bothSidesMayOpenAtOnce() throws {
        let bench = TCPBench()
        try bench.connect()
        let answer = bench.deliver(Segment(.syn, 5000))
        #expect(answer.map(\.flags) == [[.syn, .ack]] && bench.state == .synReceived)
        #expect(answer.first?.sequence == bench.una && answer.first?.acknowledgment == 5001)
        // The peer has done the same: its SYN and ACK cross ours (RFC 9293, 3.5, figure 8).
        let last = bench.deliver(Segment([.syn, .ack], 5000, bench.next))
        #expect(last.map(\.flags) == [.ack] && last.first?.sequence == bench.next)
        bench.deliver(Segment(.ack, 5001, bench.next))
        #expect(bench.state == .established)
    }

    @Test func aSocketMayConnectToItself() throws {
        let bench = TCPBench()
        bench.socket = try bench.host.stack.openStream()
        let own = Endpoint(.loopback, 7777)
        try bench.host.stack.bindSocket(bench.socket, to: own)
        try bench.host.stack.connectSocket(bench.socket, to: own, now: 0)
        bench.port = 7777
        bench.poll(at: 0)
        #expect(bench.state == .established)
        try bench.send([1, 2, 3])
        #expect(try bench.receive() == [1, 2, 3])
    }

    @Test func aConnectionInTimeWaitIsOpenedAgainByANewerSyn() throws {
        let bench = TCPBench()
        try bench.listen()
        let stamp: (UInt32) -> [UInt8] = { [1, 1, 8, 10, 0, 0, UInt8($0 >> 8), UInt8($0 & 255), 0, 0, 0, 0] }
        let answer = try #require(bench.deliver(Segment(.syn, 5000, options: stamp(10))).last)
        bench.deliver(Segment(.ack, 5001, answer.sequence &+ 1, options: stamp(11)))
        let listener = bench.socket
        bench.socket = try #require(try bench.accept())
        try bench.host.stack.shutdown(bench.socket, receiving: false, sending: true, now: 0)
        bench.sent()
        bench.deliver(Segment([.fin, .ack], 5001, answer.sequence &+ 2, options: stamp(12)))
        bench.host.stack.closeSocket(bench.socket)
        bench.socket = listener
        // An older SYN, and an old segment, are answered with where it stood (RFC 9293, 3.10.7.4).
        #expect(bench.deliver(Segment(.syn, 4000, options: stamp(9))).last?.flags == .ack)
        // A newer one opens anew, though its number is lower (RFC 6191).
        let again = bench.deliver(Segment(.syn, 4000, options: stamp(13)))
        #expect(again.last?.flags == [.syn, .ack] && again.last?.acknowledgment == 4001)
    }

    @Test func aFullBacklogTakesNoMoreUntilOneIsAccepted() throws {
        let bench = TCPBench()
        try bench.listen()  // four
        for port: UInt16 in 100..<104 {
            let answer = bench.host.deliver(Segment(.syn, 1).frame(port, 80), at: 0).compactMap { Segment($0) }
            let number = try #require(answer.last).sequence
            _ = bench.host.deliver(Segment(.ack, 2, number &+ 1).frame(port, 80), at: 0)
        }
        #expect(bench.deliver(Segment(.syn, 5000)).isEmpty)
        #expect(bench.counters.backlogFull == 1)
        #expect(try bench.accept() != nil)
        #expect(bench.deliver(Segment(.syn, 5000)).last?.flags == [.syn, .ack])
    }

    /// A listener whose half-open connections are all in use: whoever comes now gets a cookie.
    private func listenerWithoutRoom(_ bench: TCPBench) throws {
        try bench.listen()  // four may wait
        for i in 0..<1000 {
            let from = IPv4Address(bits: 0x0a00_0210 + UInt32(i % 200))
            bench.host.stack.learn(IPAddress(from), peerHardware, now: 0)
            _ = bench.host.deliver(
                Segment(.syn, UInt32(i) &* 7919, options: segmentSize).frame(from: from, UInt16(1000 + i), 80), at: 0)
        }
    }

    /// The cookies that ports 50,001 to 50,005 of a peer's get from such a listener.
    private func fiveCookies(_ bench: TCPBench) throws -> [UInt32] {
        try listenerWithoutRoom(bench)
        return try (50_001...50_005 as ClosedRange<UInt16>).map {
            try #require(deliver(Segment(.syn, 777, options: segmentSize), $0, bench).last).sequence
        }
    }

    private let segmentSize: [UInt8] = [2, 4, 5, 180]

    private func deliver(_ segment: Segment, _ port: UInt16, _ bench: TCPBench) -> [Segment] {
        bench.host.deliver(segment.frame(port, 80), at: 0).compactMap { Segment($0) }
    }

    /// A peer that got a cookie takes the connection for established: while others wait to be accepted its segments are
    /// dropped, not refused, and the next one opens the connection.
    @Test func aCookieThatComesBackToAFullBacklogIsNotRefused() throws {
        let bench = TCPBench()
        let cookies = try fiveCookies(bench)
        for (port, cookie) in zip((50_001 as UInt16)..., cookies) {
            #expect(deliver(Segment(.ack, 778, cookie &+ 1), port, bench).isEmpty, "port \(port)")
        }
        #expect(bench.counters.cookiesTaken == 4 && bench.counters.backlogFull == 1)
        // The program is through with one: the data, sent again, opens the connection.
        #expect(try bench.accept() != nil)
        #expect(!deliver(Segment(.ack, 778, cookies[4] &+ 1, payload: [1, 2, 3]), 50_005, bench).isEmpty)
        #expect(bench.counters.cookiesTaken == 5)
    }

    /// A peer sent its SYN twice before an answer came: the first is answered with a cookie, and for the second there is
    /// room. The peer goes by the first answer (RFC 9293, 3.10.7.3), so its ACK is the cookie's.
    @Test func aCookieIsTakenWhenTheSynCameAgainAndWasKept() throws {
        let bench = TCPBench()
        try listenerWithoutRoom(bench)
        let cookie = try #require(deliver(Segment(.syn, 777, options: segmentSize), 50_001, bench).last).sequence
        let sent = bench.counters.cookiesSent
        let from = IPv4Address(bits: 0x0a00_0210)
        _ = bench.host.deliver(Segment(.rst, 1).frame(from: from, 1000, 80), at: 0)
        let kept = try #require(deliver(Segment(.syn, 777, options: segmentSize), 50_001, bench).last).sequence
        try #require(kept != cookie && bench.counters.cookiesSent == sent)
        // What nobody here sent is refused, and the half-open connection stays.
        #expect(deliver(Segment(.ack, 778, kept &+ 9), 50_001, bench).map(\.flags) == [.rst])
        _ = deliver(Segment(.syn, 555, options: segmentSize), 50_004, bench)
        #expect(bench.counters.cookiesSent == sent + 1)
        #expect(deliver(Segment(.ack, 778, cookie &+ 1), 50_001, bench).isEmpty)
        #expect(bench.counters.cookiesTaken == 1 && bench.counters.resetsSent == 1)
        #expect(
            deliver(Segment(.ack, 778, cookie &+ 1, payload: [1, 2, 3]), 50_001, bench).last?.acknowledgment == 781)
        bench.socket = try #require(try bench.accept())
        #expect(try bench.receive() == [1, 2, 3])
        // The half-open record is free again: one more has room, and the next gets a cookie.
        _ = deliver(Segment(.syn, 999, options: segmentSize), 50_002, bench)
        #expect(bench.counters.cookiesSent == sent + 1)
        _ = deliver(Segment(.syn, 999, options: segmentSize), 50_003, bench)
        #expect(bench.counters.cookiesSent == sent + 2)
    }

    /// A cookie is proved by the first segment alone. When that was dropped for want of room, those behind it are
    /// dropped too, though there is room again: a reset would end what the first, sent again, opens.
    @Test func whatFollowsACookieWithoutRoomIsNotRefused() throws {
        let bench = TCPBench()
        let cookies = try fiveCookies(bench)
        // Nothing has been dropped yet: what no cookie proves is refused.
        #expect(deliver(Segment(.ack, 781, cookies[0] &+ 1, payload: [4]), 50_001, bench).last?.flags == .rst)
        for (port, cookie) in zip((50_001 as UInt16)..., cookies) {
            #expect(deliver(Segment(.ack, 778, cookie &+ 1, payload: [1, 2, 3]), port, bench).last?.flags != .rst)
        }
        #expect(try bench.accept() != nil)
        #expect(deliver(Segment(.ack, 781, cookies[4] &+ 1, payload: [4, 5]), 50_005, bench).isEmpty)
        let answer = deliver(Segment(.ack, 778, cookies[4] &+ 1, payload: [1, 2, 3]), 50_005, bench)
        #expect(answer.last?.acknowledgment == 781)
        // Another listener has not been overrun: it refuses what nobody knows.
        let second = try bench.host.stack.openStream()
        try bench.host.stack.bindSocket(second, to: Endpoint(.any, 81))
        try bench.host.stack.listen(second, backlog: 4)
        let refused = bench.host.deliver(Segment(.ack, 781, 1).frame(50_009, 81), at: 0)
        #expect(refused.compactMap { Segment($0) }.map(\.flags) == [.rst])
        // Long after, what nobody knows is refused again.
        let late = bench.host.deliver(
            Segment(.ack, 781, cookies[4] &+ 1, payload: [4]).frame(50_009, 80), at: 200_000_000_000)
        #expect(late.compactMap { Segment($0) }.contains { $0.flags == .rst })
    }

    /// RFC 9293, 3.6.1: what opens where a connection was in TIME-WAIT begins above all that the old one sent.
    @Test func aConnectionAfterTimeWaitBeginsAboveTheOldNumbers() throws {
        let bench = TCPBench()
        try bench.establish()
        try bench.shut()
        bench.acknowledgeAll()
        bench.finish()
        #expect(bench.state == .timeWait)
        let listener = try bench.host.stack.openStream()
        check(bench.host.stack.setStream(listener, .reuseAddress, 1, now: bench.now))
        try bench.host.stack.bindSocket(listener, to: Endpoint(.any, bench.port))
        try bench.host.stack.listen(listener, backlog: 4)
        let answer = try #require(bench.deliver(Segment(.syn, bench.r &+ 1000)).last)
        #expect(answer.flags.isSuperset(of: [.syn, .ack]))
        #expect(Int32(bitPattern: answer.sequence &- bench.next) > 0)
    }

    @Test func theLastEighthOfTheSocketsIsKnown() throws {
        let host = TestHost()  // 64 sockets
        var opened: [Int] = []
        while !host.stack.hasFewSockets { opened.append(try host.stack.openSocket()) }
        #expect(opened.count == 56)
        host.stack.closeSocket(opened[0], now: 0)
        check(!host.stack.hasFewSockets)
        _ = try host.stack.openStream()
        check(host.stack.hasFewSockets)
    }
}
