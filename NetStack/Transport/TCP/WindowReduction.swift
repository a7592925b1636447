// Recovery: what a loss, a time-out or a congestion mark does to the window, and how that is undone.

extension TCPSender {
    /// Enters, goes on with or leaves recovery after an acknowledgment.
    /// - Parameter flight: bytes that were outstanding before it.
    mutating func recover(_ ack: Acknowledgment, _ delivery: Delivery, flight: Int) {
        if undoIsDue(ack, delivery) { undoReduction() }
        switch recovery.phase {
        case .open:
            if recovery.lost > 0 {
                enterRecovery(now: ack.now)
                reduceInProportion(delivery, isFirst: true, advances: delivery.acknowledged > 0)
            } else {
                if ack.isMarked, unacknowledged > recovery.markPoint { reduceForMark() }
                grow(delivery, ack, flight: flight)
            }
        case .recovery:
            if unacknowledged >= recovery.point {
                leaveRecovery()
            } else {
                if !recovery.usesSACK, delivery.acknowledged > 0, let first = queue.first, first != unsent {
                    // RFC 6582, 3.2, step 5: a partial acknowledgment; the next segment is lost too.
                    markLost(first)
                }
                reduceInProportion(delivery, isFirst: false, advances: delivery.acknowledged > 0)
            }
        case .loss:
            grow(delivery, ack, flight: flight)
            if unacknowledged >= recovery.point { leaveRecovery() }
        }
    }

    private mutating func grow(_ delivery: Delivery, _ ack: Acknowledgment, flight: Int) {
        guard delivery.acknowledged > 0 else { return }
        // A window that does not limit the sender says nothing about the network (RFC 9438, 5.8).
        guard isWindowLimited || (cwnd.isInSlowStart && 2 * flight >= cwnd.size) else { return }
        isWindowLimited = false
        congestion.acknowledged(
            delivery.acknowledged, &cwnd, roundTrip: roundTrip.smoothed ?? .milliseconds(1), now: ack.now)
    }

    // MARK: Fast recovery

    private mutating func enterRecovery(now: Instant) {
        saveForUndo()
        recovery.phase = .recovery
        recovery.point = next
        // What limited transmit has added does not count (RFC 5681, 3.2, step 2).
        cwnd.threshold = congestion.reduced(cwnd, inFlight: min(outstanding, cwnd.size))
        recovery.proportional = LossRecovery.ProportionalReduction(flight: max(1, outstanding))
        recovery.probeEnd = nil
    }

    /// The reordering timer found losses: one segment goes out at once.
    mutating func lossesFoundByTimer(now: Instant) {
        enterRecovery(now: now)
        reduceInProportion(Delivery(), isFirst: true, advances: false)
    }

    /// RFC 6937, 3.1: for each byte delivered a part of one is sent.
    private mutating func reduceInProportion(_ delivery: Delivery, isFirst: Bool, advances: Bool) {
        recovery.proportional.delivered += delivery.total
        let state = recovery.proportional
        let pipe = max(0, pipe)
        var allowed: Int
        if pipe > cwnd.threshold {
            allowed = (state.delivered * cwnd.threshold + state.flight - 1) / state.flight - state.sent
        } else {
            // Slow start up to ssthresh while recovery makes progress.
            let limit = max(state.delivered - state.sent, delivery.total) + (advances ? segmentSize : 0)
            allowed = min(cwnd.threshold - pipe, limit)
        }
        if isFirst || state.sent == 0 { allowed = max(allowed, segmentSize) }  // the fast retransmission itself
        cwnd.size = max(pipe + max(0, allowed), segmentSize)
    }

    private mutating func leaveRecovery() {
        if recovery.phase == .recovery { cwnd.size = max(cwnd.threshold, 2 * segmentSize) }
        recovery.phase = .open
        recovery.duplicates = 0
        if !recovery.usesSACK { recovery.sacked = 0 }
        recovery.rack.recovered()
    }

    // MARK: Time-outs

    /// RTO (RFC 6298, 5.4 to 5.7; RFC 5681, 3.1): all that is outstanding counts as lost, and one segment goes out.
    mutating func timedOut(now: Instant) {
        forgetBlocks()
        if !recovery.usesSACK { recovery.sacked = 0 }
        if recovery.phase != .loss || unacknowledged >= recovery.point {
            saveForUndo()
            cwnd.threshold = congestion.reduced(cwnd, inFlight: max(outstanding, 1))
        }
        recovery.phase = .loss
        recovery.point = next
        recovery.duplicates = 0
        recovery.probeEnd = nil
        congestion.restart()
        markAllLost()
        cwnd.size = segmentSize
        roundTrip.backOff += 1
    }

    /// The path did not take segments of this size: that is no congestion.
    mutating func resendAll() {
        markAllLost()
        recovery.phase = .loss
        recovery.point = next
    }

    // MARK: Congestion marks

    /// The peer has seen a mark: once a window, as for a loss, but nothing is sent again (RFC 3168, 6.1.2).
    private mutating func reduceForMark() {
        cwnd.threshold = congestion.reduced(cwnd, inFlight: outstanding)
        cwnd.size = max(cwnd.threshold, segmentSize)
        recovery.markPoint = next
        owesCWR = true
    }

    /// The sender was idle for longer than a time-out: what it knew of the network is old (RFC 5681, 4.1).
    mutating func restartAfterIdle(now: Instant) {
        guard outstanding == 0, lastSent != .start, now - lastSent > roundTrip.timeout else { return }
        cwnd.size = min(cwnd.size, CongestionWindow.initial(segmentSize))
        congestion.restart()
    }

    // MARK: Undo

    private mutating func saveForUndo() {
        recovery.undo = LossRecovery.Undo(
            window: cwnd.size, threshold: cwnd.threshold, congestion: congestion, resent: 0, mark: unacknowledged,
            timestamp: nil)
    }

    /// A segment goes out again. The clock of the first one tells later whether that was for nothing.
    mutating func noteRetransmission(now: Instant) { recovery.undo.resent += 1 }

    /// The peer had one of them twice.
    mutating func noteDuplicate() {
        recovery.rack.sawDuplicate()
        if recovery.undo.resent > 0 { recovery.undo.resent = recovery.undo.resent == 1 ? -1 : recovery.undo.resent - 1 }
    }

    /// Whether the last reduction was for nothing: an acknowledgment answers what was sent before the first copy
    /// (RFC 3522, RFC 4015), or the peer had every copy twice (RFC 3708).
    private func undoIsDue(_ ack: Acknowledgment, _ delivery: Delivery) -> Bool {
        guard recovery.phase != .open, recovery.undo.congestion != nil else { return false }
        if recovery.undo.resent < 0, recovery.lost <= 0 || recovery.usesSACK { return true }
        guard delivery.acknowledged > 0, let echo = ack.echo, echo != 0, let first = recovery.undo.timestamp else {
            return false
        }
        return Int32(bitPattern: echo &- first) < 0
    }

    private mutating func undoReduction() {
        guard let saved = recovery.undo.congestion else { return }
        congestion = saved
        cwnd.size = max(cwnd.size, recovery.undo.window)
        cwnd.threshold = recovery.undo.threshold
        recovery.undo = LossRecovery.Undo()
        recovery.phase = .open
        recovery.rack.hasReordering = true
        var next = queue.first
        while let segment = next, segment != unsent {
            next = segment.next
            if segment.marks.contains(.lost) {
                recovery.lost -= segment.count
                segment.marks.remove(.lost)
            }
        }
        isFINLost = false
        roundTrip.backOff = 0
    }
}
