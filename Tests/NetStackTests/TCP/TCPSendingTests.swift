// What a sender sends and when: literal segments in virtual time.

import Testing

@testable import NetStack

@Suite struct TCPSendingTests {
    private static let timestampsAndSACK: [UInt8] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]
    private static let onlySACK: [UInt8] = [2, 4, 5, 180, 1, 1, 4, 2]
    private static let onlySegmentSize: [UInt8] = [2, 4, 5, 180]
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }
    private let millisecond = Instant(nanoseconds: 1_000_000)

    @Test func aSynOffersAllOptionsAndIsSentAgainWithTheTimeOutDoubled() throws {
        let bench = TCPBench(packets: 1024)
        bench.socket = try bench.host.stack.openStream()
        try bench.host.stack.connectSocket(bench.socket, to: Endpoint(peerAddress, 9), now: 0)
        let first = try #require(bench.sent().first)
        #expect(first.flags == [.syn, .ece, .cwr])
        #expect(Array(first.options.prefix(4)) == [2, 4, 5, 180])
        #expect(first.options.count == 20 && first.window == 65_535)
        var times: [UInt64] = []
        for tick in 1...200 {
            for segment in bench.poll(at: UInt64(tick) * second) {
                #expect(segment.sequence == first.sequence)
                times.append(UInt64(tick))
            }
        }
        #expect(times == [1, 3, 7, 15, 31, 63])  // RFC 6298, 5.5; after the seventh it is given up (R2, 9293 3.8.3)
        #expect(bench.error == .timedOut)
    }

    @Test func aTimeOutDoublesUntilSomethingIsAcknowledged() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        bench.now = 10 * millisecond
        let sent = try bench.send(bytes(100))
        #expect(sent.map(\.payload) == [bytes(100)] && sent[0].flags == [.ack, .psh])
        var times: [UInt64] = []
        for tick in 11...7000 {
            if !bench.poll(at: UInt64(tick) * millisecond).isEmpty { times.append(UInt64(tick) - 10) }
        }
        // The handshake took no time: the least time-out, 200 ms, doubled each time.
        #expect(times == [200, 600, 1400, 3000, 6200])
    }

    @Test func nagleHoldsASmallSegmentWhileSomethingIsOutstanding() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        #expect(try bench.send([1]).count == 1)
        #expect(try bench.send([2]).isEmpty)
        #expect(try bench.send([3]).isEmpty)
        let next = bench.deliver(Segment(.ack, bench.r, bench.una &+ 1))
        #expect(next.map(\.payload) == [[2, 3]])  // in one segment
        #expect(bench.set(.noDelay, 1))
        #expect(try bench.send([4]).map(\.payload) == [[4]])
    }

    @Test func anAckIsDelayedForFortyMillisecondsOrTwoSegments() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        for _ in 0..<8 {  // the first ones are acknowledged at once
            bench.deliver(Segment(.ack, bench.r, bench.una, payload: bytes(100)))
            bench.r &+= 100
        }
        #expect(bench.deliver(Segment(.ack, bench.r, bench.una, payload: bytes(100))).isEmpty)
        #expect(bench.poll(at: 39 * millisecond).isEmpty)
        let late = bench.poll(at: 40 * millisecond)
        #expect(late.map(\.acknowledgment) == [bench.r &+ 100])
        bench.r &+= 100
        #expect(bench.deliver(Segment(.ack, bench.r, bench.una, payload: bytes(1460))).isEmpty)
        bench.r &+= 1460
        #expect(bench.deliver(Segment(.ack, bench.r, bench.una, payload: bytes(1460))).count == 1)
    }

    @Test func aClosedWindowIsAskedForAgainAndAgain() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize, window: 0)
        #expect(try bench.send(bytes(10)).isEmpty)
        var times: [UInt64] = []
        for tick in 1...3000 {
            for probe in bench.poll(at: UInt64(tick) * millisecond) {
                #expect(probe.sequence == bench.una &- 1 && probe.payload.isEmpty)
                times.append(UInt64(tick))
                bench.deliver(Segment(.ack, bench.r, bench.una, window: 0))
            }
        }
        #expect(times == [200, 600, 1400, 3000])  // RFC 9293, 3.8.6.1: with back-off, and never an end
        let opened = bench.deliver(Segment(.ack, bench.r, bench.una, window: 100))
        #expect(opened.map(\.payload) == [bytes(10)])
    }

    @Test func aLostSegmentIsSentAgainAfterThreeSelectiveAcknowledgments() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySACK, after: 10 * millisecond)
        let sent = try bench.send(bytes(5 * 1460))
        #expect(sent.count == 5)
        var again: [Segment] = []
        for k: UInt32 in 2...4 {
            func be32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
            let block = be32(bench.una &+ 1460) + be32(bench.una &+ 1460 * k)
            bench.now = 20 * millisecond
            #expect(again.isEmpty, "sent again for \(k - 2) blocks")
            again += bench.deliver(Segment(.ack, bench.r, bench.una, options: [1, 1, 5, 10] + block))
        }
        #expect(again.count == 1)
        #expect(again.first?.sequence == bench.una && again.first?.payload == bytes(1460))
        let info = bench.info
        #expect(info.phase == 1 && info.lost == 1460 && info.retransmissions == 1)
        // 0.7 of the initial window of ten segments: CUBIC.
        #expect(info.slowStartThreshold == 10 * 1460 * 7 / 10 || info.slowStartThreshold == (5 + 2) * 1460 * 7 / 10)
    }

    @Test func withoutSACKTheThirdDuplicateSendsAgain() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        #expect(try bench.send(bytes(5 * 1460)).count == 5)
        for _ in 1..<3 { #expect(bench.deliver(Segment(.ack, bench.r, bench.una)).isEmpty) }
        let third = bench.deliver(Segment(.ack, bench.r, bench.una))
        #expect(third.map(\.sequence) == [bench.una])
        // A partial acknowledgment: the next one is lost too (RFC 6582, 3.2, step 5).
        let partial = bench.deliver(Segment(.ack, bench.r, bench.una &+ 1460))
        #expect(partial.map(\.sequence) == [bench.una &+ 1460])
    }

    @Test func aLostTailIsProbedForBeforeTheTimeOut() throws {
        let bench = TCPBench()
        try bench.connect()
        bench.now = 50 * millisecond
        bench.deliver(Segment([.syn, .ack], 5000, bench.next, options: Self.onlySACK))
        bench.una = bench.next
        #expect(try bench.send(bytes(3 * 1460)).count == 3)
        var found: (UInt64, UInt32)?
        for tick in 51...400 where found == nil {
            if let probe = bench.poll(at: UInt64(tick) * millisecond).first {
                found = (UInt64(tick) - 50, probe.sequence)
            }
        }
        // Two round trips of 50 ms: the last segment again (RFC 8985, 7.2), while the time-out is 150 or more.
        #expect(found?.0 == 100 && found?.1 == bench.una &+ 2 * 1460)
    }

    @Test func aSmallerPathIsObeyedAtOnceWithoutASmallerWindow() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySACK)
        let sent = try bench.send(bytes(1460))
        #expect(sent.count == 1)
        let frame = sent[0].frame(from: guestAddress, bench.port, to: peerAddress, TCPBench.peerPort)
        var icmp: [UInt8] = [3, 4, 0, 0, 0, 0, 0x03, 0xe8] + frame[14..<42]  // 1,000 bytes
        let sum = Segment.checksum(icmp)
        icmp[2] = UInt8(sum >> 8)
        icmp[3] = UInt8(sum & 255)
        var ip: [UInt8] = [0x45, 0, 0, UInt8(20 + icmp.count), 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 2, 2, 10, 0, 2, 15]
        let ipSum = Segment.checksum(ip)
        ip[10] = UInt8(ipSum >> 8)
        ip[11] = UInt8(ipSum & 255)
        let segments = bench.host.deliver(Array(frame[0..<14]) + ip + icmp, at: 0).compactMap { Segment($0) }
        #expect(segments.map(\.payload.count) == [960, 500])
        #expect(segments.first?.sequence == bench.una)
        #expect(bench.info.congestionWindow >= 10 * 960)
    }

    @Test func aCongestionMarkHalvesTheWindowOnceAndIsAnsweredWithCWR() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySACK, flags: [.syn, .ack, .ece])
        let sent = try bench.send(bytes(4 * 1460))
        #expect(sent.allSatisfy { $0.service & 3 == 2 })  // ECT(0)
        let before = bench.info.congestionWindow
        bench.deliver(Segment([.ack, .ece], bench.r, bench.una &+ 1460))
        bench.una &+= 1460
        let after = bench.info.congestionWindow
        #expect(after < before && after >= before * 3 / 10)
        bench.deliver(Segment([.ack, .ece], bench.r, bench.una &+ 1460))
        #expect(bench.info.congestionWindow == after)  // once a window
        bench.deliver(Segment(.ack, bench.r, bench.una &+ 3 * 1460))
        let next = try bench.send(bytes(1460))
        #expect(next.first?.flags.contains(.cwr) == true)
        // A mark on what comes is echoed until the peer says CWR (RFC 3168, 6.1.3).
        let echo = bench.deliver(Segment(.ack, bench.r, bench.una &+ 4 * 1460, payload: [1], service: 3))
        #expect(echo.last?.flags == [.ack, .ece])
        bench.r &+= 1
        let quiet = bench.deliver(Segment([.ack, .cwr], bench.r, bench.una &+ 4 * 1460, payload: [1], service: 2))
        #expect(quiet.last?.flags == .ack)
    }

    @Test func aFloodOfSynsLeavesARoomForAnHonestPeer() throws {
        let bench = TCPBench()
        try bench.listen()
        for i in 0..<2000 {  // from everywhere
            let from = IPv4Address(bits: 0x0a00_0210 + UInt32(i % 200))
            bench.host.stack.learn(IPAddress(from), peerHardware, now: 0)
            _ = bench.host.deliver(
                Segment(.syn, UInt32(i) &* 7919, options: Self.onlySegmentSize).frame(
                    from: from, UInt16(1000 + i), 80), at: 0)
        }
        #expect(bench.counters.cookiesSent > 1000)
        let answer = try #require(bench.deliver(Segment(.syn, 777, options: Self.onlySegmentSize)).last)
        #expect(answer.flags == [.syn, .ack] && answer.acknowledgment == 778)
        bench.deliver(Segment(.ack, 778, answer.sequence &+ 1, payload: bytes(10)))
        let accepted = try #require(try bench.accept())
        bench.socket = accepted
        #expect(try bench.receive() == bytes(10))
        #expect(bench.counters.cookiesTaken == 1)
        // A made-up one is refused.
        let refusal = bench.host.deliver(Segment(.ack, 900, 0x1234_5678).frame(10, 80), at: 0)
        #expect(refusal.compactMap { Segment($0) }.last?.flags == .rst)
    }

    @Test func aSilentPeerIsAskedNineTimesAndThenGivenUp() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        #expect(bench.set(.keepAlive, 1))
        var times: [UInt64] = []
        for tick in stride(from: 7100, to: 8000, by: 1) {
            for probe in bench.poll(at: UInt64(tick) * second) where !probe.flags.contains(.rst) {
                #expect(probe.sequence == bench.una &- 1)
                times.append(UInt64(tick))
            }
        }
        #expect(times == (0..<9).map { 7200 + 75 * $0 })
        #expect(bench.error == .timedOut)
    }

    @Test func aSpuriousTimeOutIsUndone() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.timestampsAndSACK)
        bench.now = 10 * millisecond
        let sent = try bench.send(bytes(4 * 1448))
        #expect(sent.count == 4)
        let before = bench.info.congestionWindow
        var again: [Segment] = []
        for tick in 11...400 where again.isEmpty { again = bench.poll(at: UInt64(tick) * millisecond) }
        for tick in 400...1000 { again += bench.poll(at: UInt64(tick) * millisecond) }
        #expect(bench.info.phase == 2)
        // An acknowledgment with the timestamp of the first copies (RFC 3522).
        let stamp = Array(sent[0].options.suffix(10).dropFirst(2).prefix(4))
        bench.deliver(Segment(.ack, bench.r, bench.una &+ 4 * 1448, options: [1, 1, 8, 10, 0, 0, 0, 2] + stamp))
        let info = bench.info
        #expect(info.phase == 0 && info.congestionWindow >= before)
    }
}
