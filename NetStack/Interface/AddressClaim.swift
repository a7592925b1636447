// How an interface makes its address known and defends it (RFC 5227, 2.3 and 2.4).
//
// Promise: two announcements two seconds apart; at most one word of defence in ten seconds, so that two stations with one address do not shout
// at each other for ever.

struct AddressClaim {
    static var announcements: Int { 2 }
    /// ANNOUNCE_INTERVAL and DEFEND_INTERVAL.
    static var announceInterval: Duration { .seconds(2) }
    static var defendInterval: Duration { .seconds(10) }

    enum Answer {
        /// Announce the address once more.
        case defend
        /// The other one means it.
        case yield
    }

    /// Announcements still to be made, and when the next one is due.
    private var announcements: Int
    private var announceAt = Instant.start
    /// Until when another conflict means that the other station insists.
    private var defendedUntil = Instant.start

    init(announcements: Int = 0) { self.announcements = announcements }

    var deadline: Instant { announcements > 0 ? announceAt : .never }

    /// Whether an announcement is due now; then it is counted as made.
    mutating func announces(now: Instant) -> Bool {
        guard now >= deadline else { return false }
        announcements -= 1
        announceAt = now + Self.announceInterval
        return true
    }

    /// Another station claims the address.
    mutating func contest(now: Instant) -> Answer {
        guard now >= defendedUntil else { return .yield }
        defendedUntil = now + Self.defendInterval
        return .defend
    }
}
