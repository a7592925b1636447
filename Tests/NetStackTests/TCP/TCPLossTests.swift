// What a sender takes for lost, and what not yet: by time, by duplicates, by blocks.

import Testing

@testable import NetStack

@Suite struct TCPLossTests {
    private static let timestampsAndSACK: [UInt8] = [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7]
    private static let onlySACK: [UInt8] = [2, 4, 5, 180, 1, 1, 4, 2]
    private static let onlySegmentSize: [UInt8] = [2, 4, 5, 180]
    private let millisecond = Instant(nanoseconds: 1_000_000)
    private func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }

    /// The option for one block, between bytes that count from the first that is not acknowledged.
    private func block(_ bench: TCPBench, _ start: Int, _ end: Int) -> [UInt8] {
        func be32(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
        return [1, 1, 5, 10] + be32(bench.una &+ UInt32(start)) + be32(bench.una &+ UInt32(end))
    }

    private func recovery(_ bench: TCPBench) -> LossRecovery {
        let record = bench.host.stack.stream(bench.socket)!
        return bench.host.stack.tcp[record].value.sender.recovery
    }

    // MARK: By time

    /// RFC 8985, 6.2, step 5: the timer is for the last of those that may be lost yet, so that it fires once.
    @Test func theReorderingTimerWaitsForTheLatest() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySACK, after: 100 * millisecond)
        for tick: UInt64 in [100, 105, 110] {
            bench.now = tick * millisecond
            #expect(try bench.send(bytes(1460)).count == 1)
        }
        bench.now = 210 * millisecond
        #expect(bench.deliver(Segment(.ack, bench.r, bench.una, options: block(bench, 2 * 1460, 3 * 1460))).isEmpty)
        // A round trip of 100 ms and a quarter of it: they are due at 225 and 230.
        for tick: UInt64 in 211..<230 { #expect(bench.poll(at: tick * millisecond).isEmpty, "at \(tick) ms") }
        let again = bench.poll(at: 230 * millisecond)
        #expect(again.map(\.sequence) == [bench.una] && bench.info.lost == 2 * 1460)
    }

    /// RFC 8985, 6.2, step 2: the acknowledgment came sooner after the copy than any ever did: it is of the first one,
    /// and says nothing of what was sent between the two.
    @Test func anAcknowledgmentTooSoonAfterACopyIsOfTheFirst() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySACK, after: 100 * millisecond)
        #expect(try bench.send(bytes(4 * 1460)).count == 4)
        bench.now = 110 * millisecond
        #expect(try bench.send(bytes(2 * 1460)).count == 2)
        bench.now = 200 * millisecond
        let copy = bench.deliver(Segment(.ack, bench.r, bench.una, options: block(bench, 1460, 4 * 1460)))
        #expect(copy.map(\.sequence) == [bench.una])
        bench.now = 205 * millisecond
        #expect(bench.deliver(Segment(.ack, bench.r, bench.una &+ 4 * 1460)).isEmpty)
        #expect(bench.info.lost == 0 && bench.info.retransmissions == 1)
    }

    /// The same, told by the timestamp that the acknowledgment echoes: it is of the first copy, not of the second.
    @Test func anAcknowledgmentThatEchoesAnEarlierCopyIsOfThat() throws {
        let bench = TCPBench()
        let size = 1448
        try bench.establish(options: Self.timestampsAndSACK, after: 100 * millisecond)
        func deliver(_ number: Int, of copy: Segment, _ block: [UInt8] = []) -> [Segment] {
            let stamp = [1, 1, 8, 10, 0, 0, 0, 2] + Array(copy.options.suffix(10).dropFirst(2).prefix(4))
            return bench.deliver(Segment(.ack, bench.r, bench.una &+ UInt32(number), options: stamp + block))
        }
        let sent = try bench.send(bytes(6 * size))
        #expect(sent.count == 6)
        bench.now = 200 * millisecond
        let first = deliver(0, of: sent[0], block(bench, size, 4 * size))
        #expect(first.map(\.sequence) == [bench.una])
        bench.now = 210 * millisecond
        #expect(deliver(0, of: sent[0], block(bench, size, 6 * size)).isEmpty)
        #expect(try bench.send(bytes(size)).count == 1)
        bench.now = 305 * millisecond
        #expect(try bench.send(bytes(size)).count == 1)
        bench.now = 310 * millisecond  // what was sent after the copy is there
        let second = deliver(0, of: sent[0], block(bench, size, 7 * size))
        #expect(second.map(\.sequence) == [bench.una])
        bench.now = 415 * millisecond
        let copy = try #require(first.first)
        #expect(deliver(7 * size, of: copy).isEmpty)
        #expect(bench.info.lost == 0 && bench.info.retransmissions == 2)
    }

    // MARK: By duplicates

    /// RFC 5681, 3.2: three in a row.
    @Test func duplicatesAreCountedAnewAfterProgress() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        #expect(try bench.send(bytes(6 * 1460)).count == 6)
        let limit = 3, progress = bench.una &+ 1460
        for number in Array(repeating: bench.una, count: limit - 1) + Array(repeating: progress, count: limit) {
            #expect(bench.deliver(Segment(.ack, bench.r, number)).isEmpty)
        }
        #expect(bench.deliver(Segment(.ack, bench.r, progress)).map(\.sequence) == [progress])
    }

    /// RFC 6582, 3.2: once in a recovery.
    @Test func theFourthDuplicateSendsNothingAgain() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        #expect(try bench.send(bytes(6 * 1460)).count == 6)
        var again: [UInt32] = []
        for _ in 0..<5 { again += bench.deliver(Segment(.ack, bench.r, bench.una)).map(\.sequence) }
        #expect(again == [bench.una] && bench.info.retransmissions == 1)
    }

    // MARK: The sums

    /// A copy that arrived is not in flight: neither by its mark nor by the sum.
    @Test func aBlockOverACopyEndsItsFlight() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySACK, after: 100 * millisecond)
        #expect(try bench.send(bytes(6 * 1460)).count == 6)
        bench.now = 200 * millisecond
        // The first and the second are lost, and sent again; the second's copy arrives.
        var copies = bench.deliver(Segment(.ack, bench.r, bench.una, options: block(bench, 2 * 1460, 6 * 1460)))
        copies += bench.deliver(Segment(.ack, bench.r, bench.una, options: block(bench, 2 * 1460, 6 * 1460)))
        #expect(copies.map(\.sequence).contains(bench.una))
        bench.now = 300 * millisecond
        bench.deliver(Segment(.ack, bench.r, bench.una, options: block(bench, 1460, 6 * 1460)))
        func sums() -> [Int] {
            let recovery = recovery(bench)
            return [recovery.sacked, recovery.lost, recovery.resent]
        }
        #expect(sums() == [5 * 1460, 1460, 1460])
        bench.deliver(Segment(.ack, bench.r, bench.una &+ 6 * 1460))
        #expect(sums() == [0, 0, 0] && bench.info.outstanding == 0)
    }

    /// RFC 6937, 3.1: DeliveredData counts each byte once: by a block, or by the acknowledgment, not by both.
    @Test func aByteIsDeliveredOnce() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySACK, after: 100 * millisecond)
        #expect(try bench.send(bytes(8 * 1460)).count == 8)
        bench.now = 200 * millisecond
        bench.deliver(Segment(.ack, bench.r, bench.una, options: block(bench, 1460, 4 * 1460)))
        bench.deliver(Segment(.ack, bench.r, bench.una, options: block(bench, 5 * 1460, 8 * 1460)))
        #expect(bench.info.phase == 1 && recovery(bench).proportional.delivered == 6 * 1460)
        bench.now = 300 * millisecond
        bench.deliver(Segment(.ack, bench.r, bench.una &+ 4 * 1460))
        #expect(bench.info.phase == 1 && recovery(bench).proportional.delivered == 7 * 1460)
    }

    /// The same without blocks: a duplicate counts a segment, and the acknowledgment of all only what is left.
    @Test func aByteIsDeliveredOnceWithoutSACK() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        #expect(try bench.send(bytes(8 * 1460)).count == 8)
        for _ in 0..<6 { bench.deliver(Segment(.ack, bench.r, bench.una)) }
        let before = recovery(bench)
        #expect(bench.info.phase == 1)
        bench.deliver(Segment(.ack, bench.r, bench.una &+ 4 * 1460))
        let after = recovery(bench)
        let delivered = 4 * 1460 + after.sacked - before.sacked
        #expect(after.proportional.delivered == before.proportional.delivered + max(0, delivered))
    }

    /// A time-out takes the FIN for lost, too; an acknowledgment of all says that it was not.
    @Test func anAcknowledgedFinIsNotSentAgain() throws {
        let bench = TCPBench()
        try bench.establish(options: Self.onlySegmentSize)
        #expect(try bench.send(bytes(3 * 1460)).count == 3)
        bench.next &+= 3 * 1460
        try bench.shut()
        var again: [Segment] = []
        for tick: UInt64 in 1...250 { again += bench.poll(at: tick * millisecond) }
        #expect(again.map(\.sequence) == [bench.una])
        #expect(bench.deliver(Segment(.ack, bench.r, bench.next)).isEmpty && bench.state == .finWait2)
        for tick: UInt64 in 251...3000 { #expect(bench.poll(at: tick * millisecond).isEmpty) }
    }
}
