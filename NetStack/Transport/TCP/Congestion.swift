// Congestion control (RFC 5681) behind a protocol: what a sender may have in flight. NewReno and CUBIC implement it; a
// socket chooses.

/// The congestion window and what both algorithms need to know, in bytes.
struct CongestionWindow {
    /// cwnd.
    var size: Int
    /// ssthresh.
    var threshold = Int.max
    /// SMSS: payload bytes of a full segment.
    var segment: Int

    init(segment: Int) {
        self.segment = segment
        size = Self.initial(segment)
    }

    /// IW (RFC 6928, 2).
    static func initial(_ segment: Int) -> Int { min(10 * segment, max(2 * segment, 14_600)) }

    var isInSlowStart: Bool { size < threshold }

    /// Slow start by appropriate byte counting (RFC 3465, 2.2), up to eight segments for one acknowledgment: a peer whose
    /// card puts segments together acknowledges many at once (RFC 9406, 4.2). Returns the bytes that are left for
    /// avoidance.
    mutating func slowStart(_ acknowledged: Int) -> Int {
        let step = min(acknowledged, 8 * segment, threshold - size)
        size += step
        return size < threshold ? 0 : acknowledged - step
    }
}

protocol CongestionControl {
    /// Bytes were acknowledged in congestion avoidance, and the window was what limited the sender.
    mutating func grow(_ window: inout CongestionWindow, acknowledged: Int, roundTrip: Duration, now: Instant)
    /// Something was lost, or marked: the new ssthresh.
    mutating func reduced(_ window: CongestionWindow, inFlight: Int) -> Int
    /// What grew with time starts anew: after a time-out, or after the sender was idle.
    mutating func restart()
}

/// The algorithms that a socket may choose from (TCP_CONGESTION).
public enum CongestionAlgorithm: UInt8, Sendable {
    case newReno = 0
    case cubic = 1
}

/// RFC 5681, 3.1; RFC 6582.
struct NewReno: CongestionControl {
    private var acknowledged = 0

    mutating func grow(_ window: inout CongestionWindow, acknowledged: Int, roundTrip: Duration, now: Instant) {
        self.acknowledged += acknowledged
        guard self.acknowledged >= window.size else { return }
        self.acknowledged -= window.size
        window.size += window.segment
    }

    mutating func reduced(_ window: CongestionWindow, inFlight: Int) -> Int {
        acknowledged = 0
        return max(inFlight / 2, 2 * window.segment)
    }

    mutating func restart() { acknowledged = 0 }
}

/// The algorithm of one connection.
enum Congestion {
    case newReno(NewReno)
    case cubic(Cubic)

    init(_ algorithm: CongestionAlgorithm) {
        switch algorithm {
        case .newReno: self = .newReno(NewReno())
        case .cubic: self = .cubic(Cubic())
        }
    }

    var algorithm: CongestionAlgorithm {
        switch self {
        case .newReno: .newReno
        case .cubic: .cubic
        }
    }

    /// Bytes were acknowledged while the window was what limited the sender.
    mutating func acknowledged(
        _ bytes: Int, _ window: inout CongestionWindow, roundTrip: Duration, now: Instant
    ) {
        let left = window.isInSlowStart ? window.slowStart(bytes) : bytes
        guard left > 0, !window.isInSlowStart else { return }
        switch self {
        case .newReno(var control):
            control.grow(&window, acknowledged: left, roundTrip: roundTrip, now: now)
            self = .newReno(control)
        case .cubic(var control):
            control.grow(&window, acknowledged: left, roundTrip: roundTrip, now: now)
            self = .cubic(control)
        }
    }

    mutating func reduced(_ window: CongestionWindow, inFlight: Int) -> Int {
        switch self {
        case .newReno(var control):
            defer { self = .newReno(control) }
            return control.reduced(window, inFlight: inFlight)
        case .cubic(var control):
            defer { self = .cubic(control) }
            return control.reduced(window, inFlight: inFlight)
        }
    }

    mutating func restart() {
        switch self {
        case .newReno(var control):
            control.restart()
            self = .newReno(control)
        case .cubic(var control):
            control.restart()
            self = .cubic(control)
        }
    }
}
