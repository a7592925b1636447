// The sender's timer: the retransmission time-out (RFC 6298, 5), the tail loss probe (RFC 8985, 7), the persist timer
// (RFC 9293, 3.8.6.1).

extension TCPSender {
    /// Sets the timer for what is outstanding now. One that runs already goes on, but after something was acknowledged.
    mutating func setTimer(now: Instant) {
        guard outstanding > 0 else {
            // Something waits and nothing will bring an acknowledgment: the window is to be asked for.
            guard unsent != nil || mayOnlyProbe else {
                timer = .never
                return
            }
            if timer == .never || timerKind != .persist {
                timerKind = .persist
                timer = now + roundTrip.doubled(persistProbes)
            }
            return
        }
        if timer == .never || timerKind == .persist { arm(now: now) }
    }

    private var mayOnlyProbe: Bool { isShut && !isFINSent }

    /// Sets it anew: something was sent for the first time, or acknowledged.
    mutating func arm(now: Instant) {
        guard outstanding > 0 else {
            timer = .never
            return setTimer(now: now)
        }
        let timeout = now + roundTrip.backedOff
        timerKind = .timeout
        timer = timeout
        guard mayProbe, let smoothed = roundTrip.smoothed else { return }
        var wait = max(smoothed * 2, TCPTime.leastProbe)
        if outstanding <= segmentSize { wait = wait + TCPTime.worstDelayedAck }
        guard now + wait < timeout else { return }
        timerKind = .probe
        timer = now + wait
    }

    /// RFC 8985, 7.3: nothing is known to be lost, and no probe is out.
    var mayProbe: Bool {
        recovery.usesSACK && recovery.phase == .open && recovery.sacked == 0 && recovery.probeEnd == nil
            && roundTrip.backOff == 0
    }

    /// RFC 8985, 7.3: the segment that the probe sends: a new one, if the peer's window takes it, else the last one
    /// again; nil: only the time-out is left.
    mutating func probe(_ pool: PacketPool) -> QueuedSegment? {
        if let segment = unsent {
            split(segment, at: segmentSize, pool)
            if segment.count <= unacknowledged + window - segment.sequence {
                recovery.probeEnd = segment.end
                recovery.isProbeAgain = false
                return segment
            }
        }
        var last: QueuedSegment?
        var next = queue.first
        while let segment = next, segment != unsent {
            last = segment
            next = segment.next
        }
        guard let last else { return nil }
        recovery.probeEnd = self.next
        recovery.isProbeAgain = true
        return last
    }

    /// RFC 8985, 7.4: whether the probe repaired a loss that otherwise would not be noticed.
    mutating func takeProbe(_ ack: Acknowledgment, _ delivery: Delivery) {
        guard let end = recovery.probeEnd, ack.number >= end else { return }
        recovery.probeEnd = nil
        // One that repeated nothing, or whose copy arrived twice, repaired nothing.
        guard recovery.isProbeAgain, !delivery.isDuplicate, recovery.phase == .open, delivery.acknowledged > 0 else {
            return
        }
        cwnd.threshold = congestion.reduced(cwnd, inFlight: outstanding + delivery.acknowledged)
        cwnd.size = max(cwnd.threshold, segmentSize)
    }
}
