// What a side says of its room when a connection begins, and what a peer does that was told of none.

import Testing

@testable import NetStack

@Suite struct TCPFirstWindowTests {
    private let segmentSize: [UInt8] = [2, 4, 5, 180]

    /// Others hold all that may wait in sockets.
    private func takeAllRoom(_ bench: TCPBench) {
        let share = bench.host.stack.sockets.share
        check(bench.host.stack.sockets.share.take(share.limit - share.taken, held: 0))
        #expect(bench.host.stack.receiveLimit(0) == 0)
    }

    private func deliver(_ segment: Segment, _ port: UInt16, _ bench: TCPBench) -> [Segment] {
        bench.host.deliver(segment.frame(port, 80), at: 0).compactMap { Segment($0) }
    }

    /// The half-open connections of a listener's are all in use, and four connections wait to be accepted: what comes now
    /// gets a cookie, and its ACK finds no room.
    private func aCookieOfAFullListener(_ bench: TCPBench) throws -> UInt32 {
        try answerOfAFullListener(bench, segmentSize).sequence
    }

    private func answerOfAFullListener(_ bench: TCPBench, _ options: [UInt8]) throws -> Segment {
        try bench.listen()
        let first = try (1...4 as ClosedRange<UInt16>).map { try #require(deliver(Segment(.syn, 1), $0, bench).last) }
        for i in 0..<1000 {
            let from = IPv4Address(bits: 0x0a00_0210 + UInt32(i % 200))
            bench.host.stack.learn(IPAddress(from), peerHardware, now: 0)
            let syn = Segment(.syn, 9, options: segmentSize).frame(from: from, UInt16(1000 + i), 80)
            _ = bench.host.deliver(syn, at: 0)
        }
        let answer = try #require(deliver(Segment(.syn, 777, options: options), 50_001, bench).last)
        #expect(answer.window >= 1460)
        for (port, answer) in zip((1 as UInt16)..., first) {
            _ = deliver(Segment(.ack, 2, answer.sequence &+ 1), port, bench)
        }
        #expect(deliver(Segment(.ack, 778, answer.sequence &+ 1), 50_001, bench).isEmpty)
        #expect(bench.counters.backlogFull == 1)
        return answer
    }

    /// The window of the segment that brings a cookie back is scaled, unlike a SYN's.
    @Test func aProbesWindowIsScaled() throws {
        let bench = TCPBench()
        let clock: [UInt8] = [1, 1, 8, 10, 0, 0, 0, 9]
        let answer = try answerOfAFullListener(bench, segmentSize + clock + [0, 0, 0, 0, 1, 3, 3, 7])
        let place = try #require(answer.options.firstIndex(of: 8))
        let echo = Array(answer.options[place + 2..<place + 6])
        for _ in 0..<4 { #expect(try bench.accept() != nil) }
        _ = deliver(Segment(.ack, 777, answer.sequence &+ 1, window: 40, options: clock + echo), 50_001, bench)
        bench.socket = try #require(try bench.accept())
        #expect(try bench.send([UInt8](repeating: 7, count: 2896)).reduce(0) { $0 + $1.payload.count } == 2896)
    }

    /// A peer that is told of no room sends nothing, and no record is there that would tell it of some later: it waited
    /// until the program gave the connection up.
    @Test func aCookieIsSentWithRoomForASegment() throws {
        let bench = TCPBench()
        takeAllRoom(bench)
        let cookie = try aCookieOfAFullListener(bench)
        for _ in 0..<4 { #expect(try bench.accept() != nil) }
        bench.host.stack.sockets.share.giveBack(100)
        #expect(
            deliver(Segment(.ack, 778, cookie &+ 1, payload: [1, 2, 3]), 50_001, bench).last?.acknowledgment == 781)
        bench.socket = try #require(try bench.accept())
        #expect(try bench.receive() == [1, 2, 3])
    }

    /// A peer whose protocol has the other side speak first has nothing to send: it asks in time with the number before
    /// its next one (RFC 9293, 3.8.4), alone or with a byte of it.
    @Test(arguments: [[], [0]] as [[UInt8]]) func aProbeBringsACookieBack(payload: [UInt8]) throws {
        let bench = TCPBench()
        let cookie = try aCookieOfAFullListener(bench)
        // A number further back proves nothing, nor does the probe of a cookie that nobody sent.
        for _ in 0..<4 { #expect(try bench.accept() != nil) }
        #expect(deliver(Segment(.ack, 776, cookie &+ 1, payload: payload), 50_001, bench).isEmpty)
        #expect(deliver(Segment(.ack, 777, cookie &+ 2, payload: payload), 50_001, bench).isEmpty)
        #expect(bench.counters.cookiesTaken == 0)
        let answer = deliver(Segment(.ack, 777, cookie &+ 1, payload: payload), 50_001, bench)
        #expect(answer.map(\.flags) == [.ack] && answer.last?.acknowledgment == 778)
        bench.socket = try #require(try bench.accept())
        #expect(try bench.send([1, 2, 3]).last?.payload == [1, 2, 3])
    }

    @Test func aHandshakeIsCompletedThoughThereIsNoRoom() throws {
        let bench = TCPBench()
        takeAllRoom(bench)
        try bench.listen()
        let answer = try #require(bench.deliver(Segment(.syn, 5000, options: segmentSize)).last)
        #expect(answer.window >= 1460)
        #expect(bench.deliver(Segment(.ack, 5001, answer.sequence &+ 1)).isEmpty)
        // What comes now is dropped and counted; sent again, it is taken.
        _ = bench.deliver(Segment(.ack, 5001, answer.sequence &+ 1, payload: [1, 2, 3]))
        bench.socket = try #require(try bench.accept())
        #expect(try bench.receive() == nil)
        bench.host.stack.sockets.share.giveBack(100)
        _ = bench.deliver(Segment(.ack, 5001, answer.sequence &+ 1, payload: [1, 2, 3]))
        #expect(try bench.receive() == [1, 2, 3])
    }

    @Test func aSynIsSentWithRoomForASegment() throws {
        let bench = TCPBench()
        takeAllRoom(bench)
        bench.socket = try bench.host.stack.openStream()
        try bench.host.stack.connectSocket(bench.socket, to: Endpoint(peerAddress, TCPBench.peerPort), now: 0)
        #expect(try #require(bench.host.wire.takeOutgoing().compactMap { Segment($0) }.last).window >= 1460)
    }
}
