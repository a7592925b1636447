// Segments that a card cuts or puts together: what the card is asked for, and that the wire sees what it would without.

import Testing

@testable import NetStack

@Suite struct LargeSegmentTests {
    private static let onlySegmentSize: [UInt8] = [2, 4, 5, 180]
    private static let timestampsAndSACK: [UInt8] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) } }

    private func bench(_ capabilities: NetworkCapabilities = [.checksumOut, .segmentation]) -> TCPBench {
        let bench = TCPBench(packets: 1024)
        // The card's capabilities are read when it is added: all tests' cards are the same but for these.
        _ = bench.host.stack.withInterface(.card(0)) { $0.capabilities = capabilities }
        return bench
    }

    @Test func whatTheWindowsAllowGoesOutAsOneFrameThatTheCardCuts() throws {
        let bench = bench()
        try bench.establish(options: Self.onlySegmentSize, window: 65_535)
        bench.host.wire.requests = []
        let sent = try bench.send(bytes(14_600 + 700))
        #expect(bench.host.wire.requests.count == 1)  // as much as the congestion window takes
        #expect(
            bench.host.wire.requests.first
                == OffloadRequest(
                    checksumStart: 34, checksumOffset: 16,
                    segmentation: .init(kind: .tcpIPv4, size: 1460, headerLength: 20)))
        #expect(sent.map(\.payload).flatMap { $0 } == Array(bytes(14_600)))
        #expect(sent.map(\.sequence) == (0..<10).map { bench.una &+ UInt32(1460 * $0) })
        #expect(bench.info.outstanding == 14_600)
        // Every segment has its own place in the queue: the third one is lost and sent again, alone.
        bench.host.wire.requests = []
        let first = bench.una
        #expect(bench.deliver(Segment(.ack, bench.r, first &+ 2920)).map(\.payload.count) == [])
        for _ in 0..<3 { bench.deliver(Segment(.ack, bench.r, first &+ 2920)) }
        #expect(bench.info.retransmissions == 1)
        #expect(bench.host.wire.requests.allSatisfy { $0.segmentation == nil })
    }

    @Test func aSmallLastSegmentGoesAlongWhenNothingHoldsItBack() throws {
        let bench = bench()
        try bench.establish(options: Self.timestampsAndSACK, window: 65_535)
        #expect(bench.set(.noDelay, 1))
        let size = bench.info.segmentSize
        let sent = try bench.send(bytes(3 * size + 100))
        #expect(bench.host.wire.requests.last?.segmentation?.headerLength == 32)
        #expect(sent.map(\.payload.count) == [size, size, size, 100])
        #expect(sent.map { $0.flags.contains(.psh) } == [false, false, false, true])
        #expect(bench.host.wire.requests.filter { $0.segmentation != nil }.count == 1)
    }

    @Test func aSmallLastSegmentWaitsAsNagleHasIt() throws {
        let bench = bench()
        try bench.establish(options: Self.onlySegmentSize, window: 65_535)
        #expect(try bench.send(bytes(3 * 1460 + 100)).map(\.payload.count) == [1460, 1460, 1460])
        let last = bench.deliver(Segment(.ack, bench.r, bench.una &+ 3 * 1460, window: 65_535))
        #expect(last.map(\.payload.count) == [100])
    }

    @Test func aFINGoesWithTheLastSegmentOnly() throws {
        let bench = bench()
        try bench.establish(options: Self.onlySegmentSize, window: 0)
        #expect(try bench.send(bytes(4000)).isEmpty)
        try bench.host.stack.shutdown(bench.socket, receiving: false, sending: true, now: 0)
        #expect(bench.sent().isEmpty)
        let sent = bench.deliver(Segment(.ack, bench.r, bench.una, window: 65_535))
        #expect(sent.map(\.payload.count) == [1460, 1460, 1080])
        #expect(sent.map { $0.flags.contains(.fin) } == [false, false, true])
        #expect(bench.state == .finWait1)
    }

    @Test func neitherWindowIsExceeded() throws {
        let bench = bench()
        try bench.establish(options: Self.onlySegmentSize, window: 5 * 1460)
        #expect(try bench.send(bytes(20 * 1460)).map(\.payload.count) == [Int](repeating: 1460, count: 5))
        // Ten segments at first (RFC 6928).
        let more = bench.deliver(Segment(.ack, bench.r, bench.una, window: 65_535))
        #expect(more.map(\.payload.count) == [Int](repeating: 1460, count: 5))
    }

    @Test func noPacketIsLongerThanIPv4Allows() throws {
        let bench = bench()
        try bench.establish(options: [2, 4, 5, 180, 1, 3, 3, 7], window: 65_535)
        #expect(bench.set(.sendBuffer, 1 << 20))
        let size = UInt32(bench.info.segmentSize)
        // The congestion window grows, and 90 segments wait.
        var now = bench.una
        _ = try bench.send(bytes(90 * Int(size)))
        var longest = 0
        while now != bench.una &+ 90 * size {
            bench.host.wire.requests = []
            let before = bench.info.outstanding
            now = min(now &+ UInt32(before), bench.una &+ 90 * size)
            let sent = bench.deliver(Segment(.ack, bench.r, now, window: 65_535))
            if bench.host.wire.requests.count == 1 { longest = max(longest, sent.count) }
            guard before > 0 else { break }
        }
        #expect(now == bench.una &+ 90 * size)
        #expect(longest > 20 && longest <= 44)
    }

    @Test func cwrGoesOutOnASegmentOfItsOwn() throws {
        let bench = bench()
        try bench.establish(options: Self.onlySegmentSize, window: 65_535, flags: [.syn, .ack, .ece])
        let sent = try bench.send(bytes(10 * 1460))
        #expect(sent.count == 10)
        bench.host.wire.requests = []
        let next =
            try bench.send(bytes(10 * 1460))
            + bench.deliver(Segment([.ack, .ece], bench.r, bench.una &+ 14_600, window: 65_535))
        #expect(next.map { $0.flags.contains(.cwr) }.filter { $0 }.count == 1 && next[0].flags.contains(.cwr))
        #expect(bench.host.wire.requests.first?.segmentation == nil && bench.host.wire.requests.count >= 2)
    }

    @Test func withoutTheCardEachSegmentIsAFrame() throws {
        let bench = bench([])
        try bench.establish(options: Self.onlySegmentSize, window: 65_535)
        #expect(try bench.send(bytes(14_600)).count == 10)
        #expect(bench.host.wire.requests.isEmpty)
    }

    // MARK: Received

    /// Three segments that the card put together: acknowledged at once, and the size of one is what counts as full.
    @Test func aMergedFrameIsAcknowledgedByItsSegments() throws {
        let pool = TestPool(64)
        var share = ReceiveShare(limit: 64)
        var receiver = TCPReceiver()
        receiver.start(at: SequenceNumber(99))
        _ = receiver.windowField(limit: 60_000)
        var train = pool.packet(bytes(1500))!
        train.append(part: pool.packet(bytes(1500))!)
        train.mergedSegmentSize = 1000
        check(train.isChecksumVerified && !train.hasOffload)
        _ = receiver.take(train, at: receiver.next, isLast: false, now: 0, &share)
        #expect(receiver.segmentSize == 1000 && receiver.available == 3000)
        // One buffer fits: it is taken as it is, nothing is copied.
        let free = pool.pool.freeCount
        guard let front = receiver.readAll(2000, pool.pool, &share) else { Issue.record("nothing to read"); return }
        check(front.totalCount == 1500 && front.partCount == 1)
        #expect(pool.pool.freeCount == free && receiver.available == 1500 && share.taken == 1)
    }

    @Test func switchesFollowTheCard() {
        let host = TestHost()
        let all: NetworkCapabilities = [.checksumOut, .checksumIn, .segmentation, .largeReceive]
        #expect(host.stack.use([.segmentation], at: .card(0)) == false)  // a card that cannot
        let wire = host.wire
        wire.capabilities = all.union(.eventIndex)
        let id = host.stack.addInterface(TestCard(wire: wire, pool: host.pool, hardwareAddress: guestHardware))!
        func used() -> NetworkCapabilities { host.stack.withInterface(id) { $0.capabilities }! }
        #expect(used() == all.union(.eventIndex))
        #expect(host.stack.use([.checksumOut, .checksumIn, .largeReceive], at: id) == true)
        #expect(used() == [.checksumOut, .checksumIn, .largeReceive, .eventIndex] && wire.switched.isEmpty)
        // Without its checksum a segment is not cut; without verified ones none are put together.
        #expect(host.stack.use([.segmentation, .largeReceive], at: id) == true)
        #expect(used() == [.eventIndex] && wire.switched == [[]])
        wire.isSwitchable = false
        #expect(host.stack.use(all, at: id) == false && used() == [.eventIndex])
        #expect(host.stack.use([.checksumOut, .segmentation], at: id) == true)
        #expect(host.stack.use([], at: .loopback) == nil && host.stack.use([], at: .card(3)) == nil)
    }
}
