// What the sender notes of each segment that it keeps: in the packet itself.

/// What happened to a segment.
struct SegmentMarks: OptionSet {
    let rawValue: UInt32
    /// The peer has it, though not all before it (RFC 2018).
    static let sacked = SegmentMarks(rawValue: 1)
    /// It is taken for lost, and not in flight.
    static let lost = SegmentMarks(rawValue: 2)
    /// It was sent again, and that copy is in flight.
    static let resent = SegmentMarks(rawValue: 4)
    /// It was sent more than once: an acknowledgment does not say which copy (Karn's rule).
    static let ambiguous = SegmentMarks(rawValue: 8)
}

extension QueuedSegment {
    /// Of its first byte.
    @inline(__always)
    var sequence: SequenceNumber {
        get { SequenceNumber(UInt32(truncatingIfNeeded: self[note: 1])) }
        nonmutating set { self[note: 1] = self[note: 1] & ~0xffff_ffff | UInt64(newValue.bits) }
    }

    /// The sequence number behind its last byte.
    @inline(__always) var end: SequenceNumber { sequence + count }

    @inline(__always)
    var marks: SegmentMarks {
        get { SegmentMarks(rawValue: UInt32(truncatingIfNeeded: self[note: 1] >> 32)) }
        nonmutating set { self[note: 1] = self[note: 1] & 0xffff_ffff | UInt64(newValue.rawValue) << 32 }
    }

    /// When it was sent last.
    @inline(__always)
    var sent: Instant {
        get { Instant(nanoseconds: self[note: 2]) }
        nonmutating set { self[note: 2] = newValue.nanoseconds }
    }
}

extension Packet {
    /// Begins the notes of a segment.
    func noteSegment(at sequence: SequenceNumber) {
        self[note: 1] = UInt64(sequence.bits)
        self[note: 2] = 0
    }
}
