// Time. The `time` register counts timebase ticks; users see 0.1 s ticks and nanoseconds.

import Machine
import Synchronization

enum Clock {
    private static let ticksPerSecond = Atomic<UInt64>(10_000_000)
    private static let bootTime = Atomic<UInt64>(0)
    /// Nanoseconds a timebase tick, as a 32.32 fixed-point number.
    private static let nanosecondsPerTick = Atomic<UInt64>(100 << 32)
    /// The inverse, rounded up.
    private static let ticksPerNanosecond = Atomic<UInt64>(0)
    /// The wall clock at boot, in nanoseconds since 1970-01-01 00:00 UTC; meaningless while `hasWallClock` is false.
    private static let wallClockAtBoot = Atomic<UInt64>(0)
    private static let hasWallClock = Atomic<Bool>(false)

    /// Starts counting from now. Once, during start-up.
    /// - Parameter frequency: timebase ticks a second, at least 1,000.
    static func start(frequency: UInt64) {
        ticksPerSecond.store(frequency, ordering: .relaxed)
        bootTime.store(read_time(), ordering: .relaxed)
        nanosecondsPerTick.store((1_000_000_000 << 32) / frequency, ordering: .relaxed)
        ticksPerNanosecond.store((frequency << 32) / 1_000_000_000 + 1, ordering: .relaxed)
    }

    /// Timebase ticks a second, from the device tree.
    static var frequency: UInt64 { ticksPerSecond.load(ordering: .relaxed) }

    /// Sets the time of day, in nanoseconds since 1970. Once, during start-up.
    static func setWallClock(_ now: UInt64) {
        wallClockAtBoot.store(now &- nanoseconds, ordering: .relaxed)
        hasWallClock.store(true, ordering: .relaxed)
    }

    /// Nanoseconds since 1970-01-01 00:00 UTC; nil if the board has no clock, or one that is beyond 2262.
    static var wallClock: UInt64? {
        guard hasWallClock.load(ordering: .relaxed) else { return nil }
        let now = wallClockAtBoot.load(ordering: .relaxed) &+ nanoseconds
        return now >> 63 == 0 ? now : nil
    }

    /// Now, in timebase ticks.
    static var ticks: UInt64 { read_time() }

    private static var ticksSinceBoot: UInt64 { ticks &- bootTime.load(ordering: .relaxed) }

    /// Nanoseconds since boot.
    static var nanoseconds: UInt64 { nanoseconds(ofTicks: ticksSinceBoot) }

    /// How long so many timebase ticks are, in nanoseconds.
    static func nanoseconds(ofTicks ticks: UInt64) -> UInt64 {
        let product = ticks.multipliedFullWidth(by: nanosecondsPerTick.load(ordering: .relaxed))
        return product.high << 32 | product.low >> 32
    }

    /// The timebase time that lies so many nanoseconds ahead: not earlier, and later by less than a part in ten
    /// million.
    static func ticks(nanosecondsFromNow nanoseconds: UInt64) -> UInt64 {
        let product = nanoseconds.multipliedFullWidth(by: ticksPerNanosecond.load(ordering: .relaxed))
        guard product.high < 1 << 31 else { return .max }
        return ticks &+ (product.high << 32 | product.low >> 32) &+ 1
    }

    /// The timebase time of an instant in nanoseconds since boot; now, if it has passed.
    static func ticks(atNanoseconds instant: UInt64) -> UInt64 {
        let now = nanoseconds
        return instant > now ? ticks(nanosecondsFromNow: instant - now) : ticks
    }

    /// xv6's clock: ten ticks a second since boot.
    static var uptime: UInt64 { ticksSinceBoot / (frequency / 10) }

    /// The timebase time at which `uptime` becomes `uptime`.
    static func ticks(atUptime uptime: UInt64) -> UInt64 {
        let (offset, overflow) = uptime.multipliedReportingOverflow(by: frequency / 10)
        return overflow ? .max : bootTime.load(ordering: .relaxed) &+ offset
    }
}
