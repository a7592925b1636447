// CUBIC (RFC 9438) in whole numbers: windows in bytes, times in milliseconds.

struct Cubic: CongestionControl {
    /// W_max: the window in which something was lost last; 0: nothing yet.
    private var greatest = 0
    /// When this epoch of congestion avoidance began; nil: with the next acknowledgment.
    private var epoch: Instant?
    /// K: milliseconds from the epoch's start until the window is W_max again.
    private var plateau: UInt64 = 0
    private var origin = 0
    /// W_est: the window that NewReno would have, and the bytes of it that are not a whole one yet.
    private var friendly = 0
    private var friendlyPart = 0

    mutating func grow(_ window: inout CongestionWindow, acknowledged: Int, roundTrip: Duration, now: Instant) {
        if epoch == nil { begin(window, now: now) }
        let elapsed = now - (epoch ?? now)
        // 4.3: 3 × (1 - 0.7) / (1 + 0.7) of a segment a window; a whole one once it is where it was.
        friendlyPart += acknowledged * window.segment
        let divisor = friendly >= greatest ? window.size : window.size * 17 / 9
        if friendlyPart >= divisor {
            friendly += friendlyPart / divisor
            friendlyPart %= divisor
        }
        let soon = target(elapsed + roundTrip, window.segment)
        if target(elapsed, window.segment) < friendly {
            window.size = max(window.size, friendly)
        } else {
            // 4.2: between the window and one and a half of it.
            let aim = min(max(soon, window.size), window.size + window.size / 2)
            part += (aim - window.size) * acknowledged
            window.size += part / window.size
            part %= window.size
        }
    }

    /// What does not make a whole byte yet.
    private var part = 0

    private mutating func begin(_ window: CongestionWindow, now: Instant) {
        epoch = now
        friendly = window.size
        friendlyPart = 0
        part = 0
        origin = max(greatest, window.size)
        // 4.2: the third root of (W_max - cwnd) / C in seconds, with C = 0.4 segments.
        let gap = UInt64(origin - window.size)
        plateau = Self.cubeRoot(gap * 2_500_000_000 / UInt64(max(1, window.segment)))
    }

    /// W_cubic: C × (t - K)³ + W_max.
    private func target(_ elapsed: Duration, _ segment: Int) -> Int {
        let time = Int(min(elapsed.nanoseconds / 1_000_000, 100_000)), plateau = Int(min(plateau, 100_000))
        let distance = time - plateau
        return origin + 4 * distance * distance * distance / 10_000_000 * segment / 1000
    }

    mutating func reduced(_ window: CongestionWindow, inFlight: Int) -> Int {
        // 4.7, fast convergence: a window that did not reach the last one leaves room for others.
        greatest = window.size < greatest ? window.size * 17 / 20 : window.size
        epoch = nil
        return max(window.size * 7 / 10, 2 * window.segment)
    }

    mutating func restart() { epoch = nil }

    /// The whole part of the third root.
    static func cubeRoot(_ number: UInt64) -> UInt64 {
        var root: UInt64 = 0
        var bit: UInt64 = 1 << 21
        while bit > 0 {
            bit >>= 1
            let trial = root | bit
            if trial * trial * trial <= number { root = trial }
        }
        return root
    }
}
