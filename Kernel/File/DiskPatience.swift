// How long a disk may be silent, and how often one that was given up is brought back.
//
// Looks are counted, at most one a second, not the time: a clock that jumps, or a host that pauses, makes no more of
// them.

struct DiskPatience {
    /// Looks at a disk that works: a busy host may need many for a flush.
    private static let usual = 60
    /// Looks at one that was brought back and has not answered since.
    private static let short = 5
    /// Seconds from one restart to the next while there is no answer.
    private static let pause: UInt64 = 10

    /// Looks at a device that had requests and had finished none since the look before, and when the last one was
    /// (timebase ticks).
    private var silentLooks = 0
    private var lookedAt: UInt64 = 0
    /// Restarts since the last answer, and when the last one was.
    private var restarts = 0
    private var restartedAt: UInt64 = 0

    var isFirstRestart: Bool { restarts == 1 }

    /// Notes that the device has finished something; true if it had been brought back before.
    mutating func noteAnswer() -> Bool {
        silentLooks = 0
        defer { restarts = 0 }
        return restarts > 0
    }

    /// Counts a look at a device with requests under way; true when it has been silent for too many.
    mutating func isOver(at now: UInt64) -> Bool {
        guard now &- lookedAt >= Clock.frequency else { return false }
        lookedAt = now
        silentLooks += 1
        return silentLooks > (restarts == 0 ? Self.usual : Self.short)
    }

    /// What to say of a device that was just given up: nothing of one that goes on failing.
    var message: StaticString? {
        switch restarts {
        case 0: "no answer for 60 s: it is reset, and requests are sent again"
        case 1: "no answer after its reset either: requests fail; a later one tries again, every 10 s at most"
        default: nil
        }
    }

    /// Whether a device that was given up is to be brought back now; counts that.
    mutating func mayRestart(at now: UInt64) -> Bool {
        guard restarts == 0 || now &- restartedAt >= Self.pause * Clock.frequency else { return false }
        restarts += 1
        restartedAt = now
        silentLooks = 0
        return true
    }
}
