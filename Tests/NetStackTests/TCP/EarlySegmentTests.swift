// Segments that come in any order, and overlap: the program reads the stream, and the blocks say what there is.

import Testing

@testable import NetStack

@Suite struct EarlySegmentTests {
    /// Pieces of a stream at random places, most of them several times: what is read is the stream, once; no block names
    /// a byte that is not there.
    @Test(arguments: 1...200 as ClosedRange<UInt64>) func overlappingPiecesMakeTheStream(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let pool = TestPool(256)
        var share = ReceiveShare(limit: 200)
        var receiver = TCPReceiver()
        let start = SequenceNumber(UInt32.random(in: 0...UInt32.max, using: &random))
        receiver.start(at: start)
        _ = receiver.windowField(limit: 60_000)
        let count = Int.random(in: 200...6000, using: &random)
        let stream = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
        var has = [Bool](repeating: false, count: count)
        var read: [UInt8] = []
        for step in 0..<2000 where read.count < count {
            // At the end everything comes once more in order: what found no room, too.
            let first = step < 60 ? Int.random(in: 0..<count, using: &random) : receiver.next - (start + 1)
            guard first < count else { break }
            let length = min(count - first, Int.random(in: 1...700, using: &random))
            let isAcceptable = receiver.isAcceptable(start + 1 + first, length: length)
            guard isAcceptable, let packet = pool.packet(Array(stream[first..<first + length])) else { continue }
            _ = receiver.take(packet, at: start + 1 + first, isLast: first + length == count, now: 0, &share)
            for i in first..<first + length { has[i] = true }
            for block in 0..<receiver.blockCount {
                let from = receiver.blocks[block].start - (start + 1), to = receiver.blocks[block].end - (start + 1)
                #expect(from > 0 && from < to && to <= count && has[from..<to].allSatisfy { $0 }, "seed \(seed)")
            }
            if Bool.random(using: &random), let piece = receiver.readAll(1000, pool.pool, &share) {
                read += copy(piece)
            }
        }
        while let piece = receiver.readAll(1000, pool.pool, &share) { read += copy(piece) }
        #expect(read == stream && receiver.isFinished, "seed \(seed): \(read.count) of \(count)")
        #expect(share.taken == 0 && receiver.held == 0 && receiver.earlyHeld == 0, "seed \(seed)")
        #expect(pool.pool.freeCount == 256, "seed \(seed)")
    }

    /// The newest block first, others behind it, and what came twice before all (RFC 2018, 4; RFC 2883, 4).
    @Test func blocksAreInTheOrderOfTheRFC() {
        let pool = TestPool(32)
        var share = ReceiveShare(limit: 32)
        var receiver = TCPReceiver()
        receiver.start(at: SequenceNumber(999))
        _ = receiver.windowField(limit: 30_000)
        func come(_ first: Int, _ count: Int) {
            let packet = pool.packet([UInt8](repeating: 1, count: count))!
            _ = receiver.take(packet, at: SequenceNumber(1000) + first, isLast: false, now: 0, &share)
        }
        func blocks() -> [[Int]] {
            var options = TCPOptions()
            receiver.addBlocks(to: &options)
            return (0..<options.blockCount).map {
                [options[block: $0].start - SequenceNumber(1000), options[block: $0].end - SequenceNumber(1000)]
            }
        }
        come(100, 50)
        #expect(blocks() == [[100, 150]])
        come(300, 50)
        #expect(blocks() == [[300, 350], [100, 150]])
        come(150, 50)
        #expect(blocks() == [[100, 200], [300, 350]])
        come(120, 30)
        #expect(blocks() == [[120, 150], [100, 200], [300, 350]])
        #expect(blocks() == [[100, 200], [300, 350]])  // said once
        come(200, 100)
        #expect(blocks() == [[100, 350]])
        come(0, 100)
        #expect(blocks() == [] && receiver.available == 350)
    }
}
