// The sending half of a connection: its sequence variables (RFC 9293, 3.3.1), the bytes that are not acknowledged yet,
// and what may be sent next.

/// What the retransmission timer is set for.
enum RetransmissionTimer {
    /// RTO (RFC 6298).
    case timeout
    /// A tail loss probe (RFC 8985, 7).
    case probe
    /// The peer's window is too small for what is to be sent (RFC 9293, 3.8.6.1).
    case persist
}

/// What to send next.
enum TCPTransmission {
    case segment(QueuedSegment)
    /// A FIN without data.
    case fin
    /// Nothing may be sent at the moment.
    case nothing
}

struct TCPSender: ~Copyable {
    /// ISS, SND.UNA and SND.NXT.
    var initial = SequenceNumber(0)
    var unacknowledged = SequenceNumber(0)
    var next = SequenceNumber(0)
    /// SND.WND in bytes, the largest there was, and the segment that it was last taken from (SND.WL1, SND.WL2).
    var window = 0
    var greatestWindow = 0
    var windowSequence = SequenceNumber(0)
    var windowAcknowledgment = SequenceNumber(0)
    /// The peer's windows are shifted by so much.
    var windowShift: UInt8 = 0

    /// All that is not acknowledged: what was sent, then what was not.
    var queue = SegmentQueue()
    /// The first segment that was never sent.
    var unsent: QueuedSegment?
    /// The sequence number behind the last byte that is queued; the FIN's, once the program has shut the sending half.
    var end = SequenceNumber(0)
    var isShut = false
    var isFINLost = false
    var bufferLimit = TCPLimit.sendBuffer
    /// Bytes of payload in a full segment.
    var segmentSize = TCPLimit.defaultSegment
    /// Large segments seem to vanish: small ones are sent until then, and so long; then those of this size again.
    var smallUntil = Instant.never
    var smallFor = Duration.zero
    var largeSegment = 0
    /// TCP_NODELAY.
    var sendsAtOnce = false

    var cwnd = CongestionWindow(segment: TCPLimit.defaultSegment)
    var congestion = Congestion(.cubic)
    var roundTrip = RoundTrip()
    var recovery = LossRecovery()
    /// The next segment says that the window was reduced for a congestion mark (RFC 3168, 6.1.2).
    var owesCWR = false
    /// The window was what kept something from being sent.
    var isWindowLimited = false
    var lastSent = Instant.start

    /// When the retransmission timer is due, and what for.
    var timer = Instant.never
    var timerKind = RetransmissionTimer.timeout
    /// Times that the window was asked for since it closed: they are answered, and say nothing of losses.
    var persistProbes = 0
    /// When losses are looked for again (RFC 8985, 6.2, step 5).
    var reorderingTimer = Instant.never

    /// Begins anew with an initial sequence number; the SYN takes it.
    mutating func start(at initial: SequenceNumber) {
        self.initial = initial
        unacknowledged = initial
        next = initial
        end = initial + 1
        recovery.start(at: initial)
    }

    /// Payload bytes of a full segment from now on.
    mutating func setSegmentSize(_ size: Int) {
        segmentSize = size
        let isFresh = cwnd.size == CongestionWindow.initial(cwnd.segment)
        cwnd.segment = size
        if isFresh { cwnd.size = CongestionWindow.initial(size) }
    }

    // MARK: Looking

    /// Bytes that the program may still add.
    var room: Int { isShut ? 0 : max(0, bufferLimit - queuedBytes) }
    /// Bytes that are not acknowledged, the FIN not among them.
    var queuedBytes: Int { max(0, end - SequenceNumber.later(unacknowledged, initial + 1)) }
    /// Bytes that were sent and are not acknowledged.
    var outstanding: Int { next - unacknowledged }
    var isFINSent: Bool { isShut && next > end }
    var isFINAcknowledged: Bool { isShut && unacknowledged > end }
    /// Bytes that are taken to be in the network (RFC 6675, 4).
    var pipe: Int { outstanding - recovery.sacked - recovery.lost + recovery.resent - (isFINLost ? 1 : 0) }
    /// Something waits to be sent for the first time.
    var hasUnsent: Bool { unsent != nil || (isShut && !isFINSent) }

    // MARK: From the program

    /// Queues payload behind all other; small pieces share a packet until they are sent.
    mutating func append(_ payload: consuming Packet) {
        let count = payload.count
        if let last = queue.last, unsent != nil, last.absorb(payload, upTo: segmentSize) {
            end = end + count
            return
        }
        payload.noteSegment(at: end)
        queue.append(payload)
        if unsent == nil { unsent = queue.last }
        end = end + count
    }

    /// The first segment that was lost and not sent again yet.
    private var nextLost: QueuedSegment? {
        guard recovery.lost > 0 else { return nil }
        var next = queue.first
        while let segment = next, segment != unsent {
            if segment.marks.intersection([.lost, .resent]) == .lost { return segment }
            next = segment.next
        }
        return nil
    }

    // MARK: To the network

    /// What is to be sent next, as far as the windows and Nagle's rule allow it. Segments that are too large are split
    /// with packets of the pool.
    mutating func nextTransmission(_ pool: PacketPool) -> TCPTransmission {
        if let segment = nextLost {
            split(segment, at: segmentSize, pool)
            return mayFill(segment.count) ? .segment(segment) : .nothing
        }
        if isFINLost, unsent == nil { return .fin }
        guard let segment = unsent else { return mayShut ? .fin : .nothing }
        return nextUnsent(segment, pool)
    }

    private var mayShut: Bool { isShut && !isFINSent && (outstanding == 0 || window > outstanding) }

    /// Whether the congestion window has room for so many bytes more.
    private mutating func mayFill(_ count: Int) -> Bool {
        let pipe = pipe
        if pipe <= 0 || pipe + count <= cwnd.size { return true }
        isWindowLimited = true
        return false
    }

    private mutating func nextUnsent(_ segment: QueuedSegment, _ pool: PacketPool) -> TCPTransmission {
        let usable = unacknowledged + window - segment.sequence
        split(segment, at: segmentSize, pool)
        if segment.count > usable {
            // Silly windows are not filled (RFC 9293, 3.8.6.2.1); the persist timer sends what they take in the end.
            guard usable > 0, usable >= greatestWindow / 2, segment.count > usable else { return .nothing }
            split(segment, at: usable, pool)
            guard segment.count <= usable else { return .nothing }
        }
        // RFC 9293, 3.7.4 (Nagle): a segment that is not full waits while anything is outstanding.
        if segment.count < segmentSize, segment.next == nil, !isShut, !sendsAtOnce, outstanding > 0 { return .nothing }
        return mayFill(segment.count) ? .segment(segment) : .nothing
    }

    /// Cuts a segment in two behind so many bytes; without a packet for the rest it stays whole.
    mutating func split(_ segment: QueuedSegment, at count: Int, _ pool: PacketPool) {
        guard segment.count > count, count > 0 else { return }
        guard let rest = segment.copied(from: pool, for: .sending, from: count) else { return }
        rest.noteSegment(at: segment.sequence + count)
        rest[note: 1] = rest[note: 1] | UInt64(segment.marks.rawValue) << 32
        rest[note: 2] = segment.sent.nanoseconds
        queue.insert(rest, after: segment)
        segment.truncate(to: count)
    }

    /// A segment goes out: the first time, or again.
    mutating func sending(_ segment: QueuedSegment, now: Instant) {
        if segment == unsent {
            unsent = segment.next
            next = segment.end
            if isShut, unsent == nil, next == end {
                next = end + 1
                isFINLost = false
            }
        } else {
            if segment.marks.isDisjoint(with: [.resent, .sacked]) {
                recovery.resent += segment.count
                segment.marks.insert([.resent, .ambiguous])
            }
            if isFINSent, segment.end == end { isFINLost = false }
            noteRetransmission(now: now)
        }
        segment.sent = now
        lastSent = now
        recovery.proportional.sent += segment.count
    }

    mutating func sendingFIN(now: Instant) {
        next = end + 1
        isFINLost = false
        lastSent = now
    }
}
