// The round-trip time and the retransmission time-out (RFC 6298), and the least round trip seen (RFC 8985, 6.2).

struct RoundTrip {
    /// SRTT and RTTVAR; SRTT is nil until something was measured.
    private(set) var smoothed: Duration?
    private(set) var variation = Duration.zero
    /// Without back-off.
    private(set) var timeout = TCPTime.firstTimeout
    /// Doublings of the time-out since something new was acknowledged.
    var backOff = 0
    private(set) var least: Duration?
    private var leastSince = Instant.start

    mutating func measured(_ sample: Duration, now: Instant) {
        if let old = smoothed {
            let difference = old > sample ? old - sample : sample - old
            variation = (variation * 3 + difference) / 4
            smoothed = (old * 7 + sample) / 8
        } else {
            smoothed = sample
            variation = sample / 2
        }
        guard let smoothed else { return }
        timeout = min(
            max(smoothed + max(.milliseconds(1), variation * 4), TCPTime.leastTimeout), TCPTime.greatestTimeout)
        noteLeast(sample, now: now)
    }

    /// The least of the last five minutes: paths change.
    mutating func noteLeast(_ sample: Duration, now: Instant) {
        if let least, sample > least, now - leastSince < .seconds(300) { return }
        least = sample
        leastSince = now
    }

    /// The handshake's SYN had to be sent again (RFC 6298, 5.7).
    mutating func synWasLost() { if smoothed == nil { timeout = TCPTime.cautiousTimeout } }

    /// With back-off.
    var backedOff: Duration { doubled(backOff) }

    /// The time-out, doubled so often.
    func doubled(_ times: Int) -> Duration { min(timeout * (1 << UInt64(min(times, 10))), TCPTime.greatestTimeout) }
}
