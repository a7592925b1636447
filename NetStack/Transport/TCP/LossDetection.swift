// Which segments are lost: RACK (RFC 8985), and the third duplicate without SACK (RFC 6582).

extension TCPSender {
    /// RFC 8985, 6.2, step 2: the most recently sent segment that has arrived.
    mutating func noteRecent(_ segment: QueuedSegment, _ ack: Acknowledgment) {
        let age = ack.now - segment.sent
        if segment.marks.contains(.ambiguous) {
            // The acknowledgment may be of an earlier copy.
            if let echo = ack.echo, echo != 0,
                ack.clock &- echo > UInt32(truncatingIfNeeded: age.nanoseconds / 1_000_000) + 1
            {
                return
            }
            if let least = roundTrip.least, age < least { return }
        }
        guard isLater(segment.sent, segment.end, recovery.rack.sent, recovery.rack.end) else { return }
        recovery.rack.sent = segment.sent
        recovery.rack.end = segment.end
        recovery.rack.roundTrip = age
    }

    private func isLater(_ a: Instant, _ aEnd: SequenceNumber, _ b: Instant, _ bEnd: SequenceNumber) -> Bool {
        a > b || (a == b && aEnd > bEnd)
    }

    /// Marks what is lost; sets a timer for what may be yet.
    mutating func detectLosses(now: Instant) {
        reorderingTimer = .never
        if recovery.usesSACK { detectByTime(now: now) } else { detectByDuplicates() }
    }

    private mutating func detectByTime(now: Instant) {
        let rack = recovery.rack
        guard rack.sent != .start, outstanding > 0 else { return }
        let isHasty = recovery.phase != .open || recovery.sacked >= 3 * segmentSize
        let window = rack.window(roundTrip, isHasty: isHasty)
        var next = queue.first
        var wait = Duration.zero
        while let segment = next, segment != unsent {
            next = segment.next
            let marks = segment.marks
            if marks.contains(.sacked) || marks.intersection([.lost, .resent]) == .lost { continue }
            guard isLater(rack.sent, rack.end, segment.sent, segment.end) else { continue }
            let due = segment.sent + rack.roundTrip + window
            if due <= now { markLost(segment) } else { wait = max(wait, due - now) }
        }
        if wait > .zero { reorderingTimer = now + wait }
    }

    private mutating func detectByDuplicates() {
        guard recovery.phase == .open, recovery.duplicates >= 3, let first = queue.first, first != unsent else {
            return
        }
        markLost(first)
    }

    /// A segment, or the copy of it that was sent last, is not in flight.
    mutating func markLost(_ segment: QueuedSegment) {
        if segment.marks.contains(.resent) {
            recovery.resent -= segment.count
            segment.marks.remove(.resent)
        }
        guard !segment.marks.contains(.lost) else { return }
        segment.marks.insert(.lost)
        recovery.lost += segment.count
    }

    /// All that is outstanding and was not said to have arrived.
    mutating func markAllLost() {
        var next = queue.first
        while let segment = next, segment != unsent {
            next = segment.next
            if !segment.marks.contains(.sacked) { markLost(segment) }
        }
        if isFINSent { isFINLost = true }
    }
}
