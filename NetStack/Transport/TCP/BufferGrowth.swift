// The receive buffer's growth: as large as twice what the program takes in a round trip, so that the window never is
// what limits the peer (dynamic right-sizing, Fisk and Feng 2001).

struct BufferGrowth {
    private var since = Instant.start
    private var taken = 0
    /// The receiver's own idea of the round trip: a window's worth of bytes takes one.
    private var roundTrip: Duration?
    private var mark: SequenceNumber?
    private var markSince = Instant.start

    /// Data came: measures the round trip as the time for one window.
    mutating func arrived(upTo next: SequenceNumber, window: Int, now: Instant) {
        if let mark, next >= mark {
            let sample = now - markSince
            // A shorter one counts at once: waits of the sender's only make it longer.
            if let old = roundTrip, old < sample { roundTrip = (old * 7 + sample) / 8 } else { roundTrip = sample }
            self.mark = nil
        }
        if mark == nil {
            mark = next + max(1, window)
            markSince = now
        }
    }

    /// Room for the sender's growth within a round trip: sixteen full segments, as Linux has it.
    private static var slack: Int { 16 * 1448 }

    /// The program took bytes. Returns a larger limit when the buffer is to grow.
    mutating func took(_ count: Int, limit: Int, now: Instant) -> Int? {
        taken += count
        guard let roundTrip else { return nil }
        guard now - since >= roundTrip else { return nil }
        defer {
            taken = 0
            since = now
        }
        let wanted = 2 * taken + Self.slack
        return wanted > limit ? min(wanted, 2 * limit, TCPLimit.greatestGrownBuffer) : nil
    }
}
