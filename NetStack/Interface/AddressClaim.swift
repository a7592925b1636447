// How an interface makes its address known and defends it (RFC 5227, 2.3 and 2.4).
//
// Promise: two announcements two seconds apart; at most one word of defence in ten seconds, so that two stations with one address do not shout
// at each other for ever.

struct AddressClaim {
    static var announcements: Int { 2 }
    /// ANNOUNCE_INTERVAL and DEFEND_INTERVAL, in nanoseconds.
    static var announceInterval: UInt64 { 2_000_000_000 }
    static var defendInterval: UInt64 { 10_000_000_000 }

    enum Answer {
        /// Announce the address once more.
        case defend
        /// The other one means it.
        case yield
    }

    /// Announcements still to be made, and when the next one is due.
    private var announcements: Int
    private var announceAt: UInt64 = 0
    /// Until when another conflict means that the other station insists.
    private var defendedUntil: UInt64 = 0

    init(announcements: Int = 0) { self.announcements = announcements }

    /// .max: never.
    var deadline: UInt64 { announcements > 0 ? announceAt : .max }

    /// Whether an announcement is due now; then it is counted as made.
    mutating func announces(now: UInt64) -> Bool {
        guard now >= deadline else { return false }
        announcements -= 1
        announceAt = now &+ Self.announceInterval
        return true
    }

    /// Another station claims the address.
    mutating func contest(now: UInt64) -> Answer {
        guard now >= defendedUntil else { return .yield }
        defendedUntil = now &+ Self.defendInterval
        return .defend
    }
}
