// The kernel's clock as the stack's instants.

import NetStack

extension Clock {
    /// This moment.
    static var now: Instant { Instant(nanoseconds: nanoseconds) }

    /// The timebase time of an instant: the present for one that has passed, nil for one that never comes.
    static func ticks(at instant: Instant) -> UInt64? {
        instant == .never ? nil : ticks(atNanoseconds: instant.nanoseconds)
    }

    /// The timebase time that lies a duration ahead.
    static func ticks(after duration: Duration) -> UInt64 { ticks(nanosecondsFromNow: duration.nanoseconds) }
}
