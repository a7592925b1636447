// The receiving half of a connection: its sequence variables (RFC 9293, 3.3.1), the bytes that wait for the program,
// those that came before others, and the window.

/// What became of a segment's bytes.
struct Intake {
    /// New bytes are there to be read, or the end.
    var isReadable = false
    /// An ACK goes out at once: bytes are missing, or missing ones came, or came twice (RFC 5681, 4.2).
    var isUrgent = false
    /// The peer's FIN is in order: nothing more comes.
    var isFinished = false
    /// Packets that the pool's share had no room for.
    var refused = 0
}

struct TCPReceiver: ~Copyable {
    /// RCV.NXT.
    var next = SequenceNumber(0)
    /// The right edge of the window that was announced: RCV.NXT + RCV.WND. It never moves back.
    var edge = SequenceNumber(0)
    var windowShift: UInt8 = 0
    var bufferLimit = TCPLimit.receiveBuffer
    /// The program has said how large the buffer is to be: it does not grow by itself.
    var isFixed = false

    /// What the program can read, and how many bytes that are.
    var queue = PacketQueue()
    var available = 0
    /// What came before others, by sequence number; packets do not overlap.
    var early = PacketQueue()
    /// Buffers in `early`, and in both.
    var earlyHeld = 0
    var held = 0
    /// Where the peer's FIN stands.
    var finish: SequenceNumber?
    var isFinished = false
    /// The program reads no more.
    var isShut = false

    /// Bytes since an ACK was sent, and segments that are acknowledged at once: the sender's window is small at the
    /// start, and delayed ACKs would slow it (as Linux has it).
    var unacknowledged = 0
    var quick = 8
    /// Something is to be acknowledged by then.
    var ackTimer = Instant.never
    /// An ACK is to be sent at once.
    var owesAck = false
    /// The largest payload that a segment had: what counts as full.
    var segmentSize = TCPLimit.defaultSegment

    /// TS.Recent, when it was taken, and RCV.NXT as it was when the last ACK went out (RFC 7323, 4.3).
    var recentTimestamp: UInt32 = 0
    var recentSince = Instant.start
    var lastAcknowledged = SequenceNumber(0)

    /// Blocks to announce, the newest first; and what came twice, to be said once (RFC 2883).
    var blocks = InlineArray<4, SACKBlock>(repeating: .none)
    var blockCount = 0
    var duplicate: SACKBlock?
    /// RFC 3168: a marked packet came; ECE is said until the peer says CWR.
    var isMarked = false

    var growth = BufferGrowth()

    /// Counts from the peer's first number on; the window is what was announced with this side's SYN.
    mutating func start(at initial: SequenceNumber) {
        let announced = window
        next = initial + 1
        edge = next + announced
        lastAcknowledged = next
    }

    // MARK: The window

    /// Bytes that are announced and did not come yet.
    var window: Int { max(0, edge - next) }

    /// The window to announce, in bytes: as much as the buffer takes, but no silly one (RFC 9293, 3.8.6.2.2), and never
    /// less than was announced.
    func announced(limit: Int) -> Int {
        let free = max(0, min(bufferLimit - available, limit))
        let current = window
        guard free >= current + min(segmentSize, bufferLimit / 2) || (current == 0 && free > 0 && available == 0) else {
            return current
        }
        return free
    }

    /// What stands in a header's window field; the edge moves with it.
    mutating func windowField(limit: Int) -> UInt16 {
        let shift = Int(windowShift)
        // What is left of an earlier window is rounded up: it is not taken back.
        let left = (window + (1 << shift) - 1) >> shift
        let field = min(max(announced(limit: limit) >> shift, left), 0xffff)
        edge = .later(edge, next + field << shift)
        return UInt16(truncatingIfNeeded: field)
    }

    // MARK: Segments

    /// Whether a segment lies in the window, at least in part (RFC 9293, 3.4).
    func isAcceptable(_ sequence: SequenceNumber, length: Int) -> Bool {
        let window = window
        if length == 0 { return window == 0 ? sequence == next : sequence >= next && sequence < next + window }
        guard window > 0 else { return false }
        return sequence < next + window && sequence + length > next
    }

    /// Takes the payload of an acceptable segment, cut to the window.
    mutating func take(
        _ payload: consuming Packet, at start: SequenceNumber, isLast: Bool, now: Instant, _ share: inout ReceiveShare
    ) -> Intake {
        var intake = Intake()
        var sequence = start
        let length = payload.totalCount
        if isLast, finish == nil, sequence + length <= edge { finish = sequence + length }
        let merged = Int(payload.mergedSegmentSize)
        segmentSize = max(segmentSize, min(merged > 0 ? min(merged, length) : length, TCPLimit.greatestSegment))
        if sequence < next {
            let old = min(next - sequence, length)
            if old > 0 { noteDuplicate(sequence, sequence + old, &intake) }
            guard payload.trimTrain(old) else { return intake }
            sequence = sequence + old
        }
        let excess = sequence + payload.totalCount - edge
        if excess > 0 { payload.truncate(to: max(0, payload.totalCount - excess)) }
        if payload.totalCount > 0 {
            if sequence == next, early.isEmpty {
                append(payload, &intake, &share)
            } else {
                keep(payload, at: sequence, &intake, &share)
            }
        }
        finishIfDue(&intake)
        return intake
    }

    private mutating func finishIfDue(_ intake: inout Intake) {
        guard let finish, finish == next, !isFinished else { return }
        isFinished = true
        next = next + 1
        edge = .later(edge, next)
        intake.isFinished = true
        intake.isReadable = true
        intake.isUrgent = true
    }

    /// Adds what comes next; small pieces share a packet.
    mutating func append(_ payload: consuming Packet, _ intake: inout Intake, _ share: inout ReceiveShare) {
        let count = payload.totalCount
        if count < PacketPool.bufferSize / 2, !payload.hasRest, queue.absorb(payload) {
            note(count, &intake)
            return
        }
        let parts = payload.partCount
        guard payload.mayWait, share.take(parts, held: held) else {
            intake.refused += 1
            return
        }
        held += parts
        _ = payload.move(to: .receiving)  // from the loopback
        queue.append(payload)
        note(count, &intake)
    }

    private mutating func note(_ count: Int, _ intake: inout Intake) {
        next = next + count
        available += count
        intake.isReadable = true
    }

    /// The program takes bytes: whole packets, as many as fit in `limit` bytes; of a larger first one the buffers that
    /// fit, or a copy of its front. nil: nothing waits, or there is no packet for the copy.
    mutating func readAll(_ limit: Int, _ pool: PacketPool, _ share: inout ReceiveShare) -> Packet? {
        guard var train = read(limit, pool, &share) else { return nil }
        var left = limit - train.totalCount
        guard left > 0 else { return train }
        var pieces = PacketQueue()
        while left > 0, let next = queue.firstTotalCount, next <= left, let packet = read(left, pool, &share) {
            left -= next
            pieces.append(packet)
        }
        if let rest = pieces.coupled() { train.append(part: rest) }
        return train
    }

    /// One packet, or the front of it.
    private mutating func read(_ limit: Int, _ pool: PacketPool, _ share: inout ReceiveShare) -> Packet? {
        guard var first = queue.removeFirst() else { return nil }
        let count = first.totalCount
        if count > limit {
            if let front = first.takeFront(upTo: limit) {
                available -= front.totalCount
                leave(front.partCount, &share)
                queue.prepend(first)
                return front
            }
            let front = first.copiedFront(limit, from: pool)
            let parts = first.partCount
            if front != nil, first.trimTrain(limit) {
                available -= limit
                leave(parts - first.partCount, &share)
            }
            queue.prepend(first)
            return front
        }
        leave(first.partCount, &share)
        available -= count
        return first
    }

    private mutating func leave(_ parts: Int, _ share: inout ReceiveShare) {
        held -= parts
        share.giveBack(parts)
    }

    /// Drops what waits to be read.
    mutating func dropQueue(_ share: inout ReceiveShare) {
        queue.removeAll()
        share.giveBack(held - earlyHeld)
        held = earlyHeld
        available = 0
    }

    /// Drops all that waits.
    mutating func removeAll(_ share: inout ReceiveShare) {
        queue.removeAll()
        early.removeAll()
        share.giveBack(held)
        held = 0
        available = 0
        earlyHeld = 0
    }
}
