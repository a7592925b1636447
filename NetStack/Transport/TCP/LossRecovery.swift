// What a sender knows of losses: the scoreboard's sums (RFC 6675), RACK (RFC 8985), the reduction of the window (PRR,
// RFC 6937) and what is needed to undo one that was for nothing.

struct LossRecovery {
    enum Phase {
        /// Nothing is known to be lost.
        case open
        /// Fast recovery: what was lost is sent again, the window shrinks in proportion.
        case recovery
        /// After a time-out: slow start over all that is outstanding.
        case loss
    }

    var phase = Phase.open
    /// Recovery ends when all up to here is acknowledged.
    var point = SequenceNumber(0)
    /// Bytes of the queue that have these marks. Without SACK `sacked` counts a segment for each duplicate
    /// acknowledgment.
    var sacked = 0
    var lost = 0
    var resent = 0
    /// Duplicate acknowledgments in a row.
    var duplicates = 0
    /// Both sides understand SACK.
    var usesSACK = false

    var rack = RACK()
    var proportional = ProportionalReduction()
    var undo = Undo()
    /// A tail loss probe is outstanding: the end of what it sent, and whether that was sent before.
    var probeEnd: SequenceNumber?
    var isProbeAgain = false
    /// ECN: the window was reduced for a mark; again only for what is sent after this (RFC 3168, 6.1.2).
    var markPoint = SequenceNumber(0)

    mutating func start(at initial: SequenceNumber) {
        point = initial
        rack.farthest = initial
        markPoint = initial
    }

    /// The most recently sent segment that has arrived, and what follows from it for those sent before.
    struct RACK {
        var sent = Instant.start
        var end = SequenceNumber(0)
        var roundTrip = Duration.zero
        /// The end of the farthest segment that has arrived.
        var farthest = SequenceNumber(0)
        var hasReordering = false
        /// The reordering window in quarters of the least round trip, and for how many recoveries yet.
        var quarters: UInt64 = 1
        var persistence = 0

        /// So much later than the most recent one a segment may arrive (RFC 8985, 6.2, step 4).
        func window(_ roundTrip: RoundTrip, isHasty: Bool) -> Duration {
            if !hasReordering, isHasty { return .zero }
            let least = roundTrip.least ?? self.roundTrip
            return min(least / 4 * quarters, roundTrip.smoothed ?? least)
        }

        /// The peer had something twice: this side was too hasty.
        mutating func sawDuplicate() {
            quarters = min(quarters + 1, 64)
            persistence = 16
        }

        mutating func recovered() {
            guard persistence > 0 else { return }
            persistence -= 1
            if persistence == 0 { quarters = 1 }
        }
    }

    /// PRR.
    struct ProportionalReduction {
        /// prr_delivered, prr_out and RecoverFS.
        var delivered = 0
        var sent = 0
        var flight = 1
    }

    /// The window before the last reduction.
    struct Undo {
        var window = 0
        var threshold = 0
        var congestion: Congestion?
        /// Segments sent again since then that the peer has not had twice; above 0 there is something to undo.
        var resent = 0
        /// Sending began again here.
        var mark = SequenceNumber(0)
        /// The timestamp of the first copy (RFC 3522); nil: none was sent yet.
        var timestamp: UInt32?
    }
}
