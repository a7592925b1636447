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
            roundTrip = roundTrip.map { min($0, sample) == sample ? sample : ($0 * 7 + sample) / 8 } ?? sample
            self.mark = nil
        }
        if mark == nil {
            mark = next + max(1, window)
            markSince = now
        }
    }

    /// The program took bytes. Returns a larger limit when the buffer is to grow.
    mutating func took(_ count: Int, limit: Int, now: Instant) -> Int? {
        taken += count
        guard let roundTrip else { return nil }
        guard now - since >= roundTrip else { return nil }
        defer {
            taken = 0
            since = now
        }
        let wanted = 2 * taken + 16 * 1448
        return wanted > limit ? min(wanted, 2 * limit, TCPLimit.greatestGrownBuffer) : nil
    }
}
