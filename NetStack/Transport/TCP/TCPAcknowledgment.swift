// What an acknowledgment means for the sender: bytes leave the queue, selective acknowledgments mark others, times are
// measured.

/// What came with an acknowledgment.
struct Acknowledgment {
    let number: SequenceNumber
    /// Its selective blocks, in `options`.
    let options: TCPOptions
    /// The timestamp that it echoes, when timestamps are in use.
    let echo: UInt32?
    /// This side's clock of timestamps, in milliseconds.
    let clock: UInt32
    /// It may be a duplicate (RFC 5681, 2): no data, no SYN or FIN, no change of the window.
    let isBare: Bool
    let isMarked: Bool
    let now: Instant
}

/// What an acknowledgment did.
struct Delivery {
    /// Bytes that SND.UNA moved by, those that blocks had covered before, too.
    var acknowledged = 0
    /// By how much the bytes grew or shrank that have arrived behind SND.UNA.
    var sacked = 0
    /// When the oldest of them that was sent only once went out.
    var oldest: Instant?
    /// Some of what is acknowledged was sent more than once.
    var isAmbiguous = false
    /// The peer says that it got something twice.
    var isDuplicate = false
    /// DeliveredData (RFC 6937, 3.1): a byte that a block covered counts then, and not again.
    var total: Int { max(0, acknowledged + sacked) }
}

extension TCPSender {
    /// Takes an acknowledgment between SND.UNA and SND.NXT.
    mutating func take(_ ack: Acknowledgment) {
        let flight = outstanding
        var delivery = Delivery()
        if ack.number > unacknowledged { advance(to: ack.number, &delivery, ack) }
        if recovery.usesSACK, ack.options.blockCount > 0 { takeBlocks(ack, &delivery) }
        if !recovery.usesSACK { countDuplicates(ack, &delivery) }
        measure(delivery, ack)
        detectLosses(now: ack.now)
        takeProbe(ack, delivery)
        recover(ack, delivery, flight: flight)
        // `setTimer` sets it anew. A probe is for what nothing is known of.
        if delivery.acknowledged > 0 || outstanding == 0 || (timerKind == .probe && !mayProbe) { timer = .never }
    }

    /// Removes what is acknowledged.
    private mutating func advance(to number: SequenceNumber, _ delivery: inout Delivery, _ ack: Acknowledgment) {
        while let segment = queue.first, segment != unsent, segment.sequence < number {
            let count = min(segment.count, number - segment.sequence)
            arrived(segment, count, &delivery, ack)
            delivery.acknowledged += count
            guard count == segment.count else {
                segment.trimFront(count)
                segment.sequence = number
                break
            }
            queue.removeFirst()
        }
        if isFINSent, number > end { isFINLost = false }
        unacknowledged = number
        roundTrip.backOff = 0
        recovery.duplicates = 0
    }

    /// Bytes at the front of a segment have arrived: its marks no longer count for them.
    private mutating func arrived(
        _ segment: QueuedSegment, _ count: Int, _ delivery: inout Delivery, _ ack: Acknowledgment
    ) {
        let marks = segment.marks
        if marks.contains(.lost) { recovery.lost -= count }
        if marks.contains(.resent) { recovery.resent -= count }
        if marks.contains(.sacked) {
            if recovery.usesSACK {
                recovery.sacked -= count
                delivery.sacked -= count
            }
            return  // it was delivered before
        }
        noteArrival(segment, &delivery, ack)
    }

    private mutating func noteArrival(_ segment: QueuedSegment, _ delivery: inout Delivery, _ ack: Acknowledgment) {
        if !segment.marks.contains(.ambiguous) {
            delivery.oldest = min(delivery.oldest ?? .never, segment.sent)
            if segment.end < recovery.rack.farthest { recovery.rack.hasReordering = true }
        } else {
            delivery.isAmbiguous = true
        }
        recovery.rack.farthest = .later(recovery.rack.farthest, segment.end)
        noteRecent(segment, ack)
    }

    // MARK: Selective acknowledgments

    private mutating func takeBlocks(_ ack: Acknowledgment, _ delivery: inout Delivery) {
        for i in 0..<ack.options.blockCount {
            let block = ack.options[block: i]
            guard block.start < block.end, block.end <= next else { continue }
            if i == 0, isDuplicate(block, ack) {
                delivery.isDuplicate = true
                continue
            }
            guard block.start > unacknowledged else { continue }
            mark(block, &delivery, ack)
        }
        if delivery.isDuplicate { noteDuplicate() }
    }

    /// Whether the first block says that something came twice (RFC 2883, 4): it is behind what is acknowledged, or
    /// within the second block.
    private func isDuplicate(_ block: SACKBlock, _ ack: Acknowledgment) -> Bool {
        if block.end <= ack.number { return true }
        guard ack.options.blockCount > 1 else { return false }
        let second = ack.options[block: 1]
        return second.start <= block.start && block.end <= second.end
    }

    private mutating func mark(_ block: SACKBlock, _ delivery: inout Delivery, _ ack: Acknowledgment) {
        var next = queue.first
        while let segment = next, segment != unsent, segment.sequence < block.end {
            next = segment.next
            guard segment.sequence >= block.start, segment.end <= block.end, !segment.marks.contains(.sacked) else {
                continue
            }
            let marks = segment.marks
            if marks.contains(.lost) { recovery.lost -= segment.count }
            if marks.contains(.resent) { recovery.resent -= segment.count }
            noteArrival(segment, &delivery, ack)
            segment.marks.remove([.lost, .resent])
            segment.marks.insert(.sacked)
            recovery.sacked += segment.count
            delivery.sacked += segment.count
        }
    }

    /// The peer threw away what it had said it has (RFC 2018, 8): the first segment would be acknowledged otherwise.
    /// Nothing counts as arrived.
    mutating func forgetBlocks() {
        guard let first = queue.first, first != unsent, first.marks.contains(.sacked) else { return }
        var next = queue.first
        while let segment = next, segment != unsent {
            if segment.marks.contains(.sacked) { segment.marks.insert(.ambiguous) }
            segment.marks.remove(.sacked)
            next = segment.next
        }
        recovery.sacked = 0
    }

    // MARK: Without SACK

    /// Each duplicate says that one segment has left the network (RFC 5681, 3.2; RFC 6582).
    private mutating func countDuplicates(_ ack: Acknowledgment, _ delivery: inout Delivery) {
        if delivery.acknowledged > 0 {
            let sacked = max(
                0, min(recovery.sacked - delivery.acknowledged + segmentSize, outstanding - segmentSize))
            delivery.sacked = sacked - recovery.sacked
            recovery.sacked = sacked
            if recovery.phase == .open { recovery.sacked = 0 }
        } else if ack.isBare, ack.number == unacknowledged, outstanding > 0 {
            recovery.duplicates += 1
            let sacked = max(0, min(recovery.sacked + segmentSize, outstanding - segmentSize))
            delivery.sacked = max(0, sacked - recovery.sacked)
            recovery.sacked = sacked
        }
    }

    // MARK: Times

    private mutating func measure(_ delivery: Delivery, _ ack: Acknowledgment) {
        guard delivery.acknowledged > 0 || delivery.sacked > 0 else { return }
        // One that waited behind a lost one says how long that took, not how long the way is.
        if let oldest = delivery.oldest, !delivery.isAmbiguous {
            roundTrip.measured(ack.now - oldest, now: ack.now)
        } else if delivery.acknowledged > 0, !delivery.isDuplicate, let echo = ack.echo, echo != 0 {
            // All copies are ambiguous: the timestamp says which one it was (RFC 7323, 4). After a lost ACK it is the
            // first one's, however long ago that was: the duplicate tells.
            let age = ack.clock &- echo
            if age < 1 << 20 { roundTrip.measured(.milliseconds(UInt64(age)), now: ack.now) }
        }
    }
}
