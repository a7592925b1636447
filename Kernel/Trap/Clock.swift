// Time. The `time` register counts timebase ticks; users see 0.1 s ticks and nanoseconds.

import Machine

enum Clock {
    /// Timebase ticks a second, from the device tree.
    nonisolated(unsafe) private(set) static var frequency: UInt64 = 10_000_000
    nonisolated(unsafe) private static var bootTime: UInt64 = 0
    /// Nanoseconds a timebase tick, as a 32.32 fixed-point number.
    nonisolated(unsafe) private static var nanosecondsPerTick: UInt64 = 100 << 32
    /// The inverse, rounded up.
    nonisolated(unsafe) private static var ticksPerNanosecond: UInt64 = 0

    /// The wall clock at boot, in nanoseconds since 1970 (UTC); nil if nothing told.
    nonisolated(unsafe) private static var wallClockAtBoot: UInt64?

    static func start(frequency: UInt64) {
        self.frequency = frequency
        bootTime = read_time()
        nanosecondsPerTick = (1_000_000_000 << 32) / frequency
        ticksPerNanosecond = (frequency << 32) / 1_000_000_000 + 1
    }

    /// Tells the time of day, in nanoseconds since 1970. Once, during start-up.
    static func setWallClock(_ now: UInt64) { wallClockAtBoot = now &- nanoseconds }

    /// Nanoseconds since 1970-01-01 00:00 UTC.
    static var wallClock: UInt64? { wallClockAtBoot.map { $0 &+ nanoseconds } }

    /// Now, in timebase ticks.
    static var ticks: UInt64 { read_time() }

    /// Nanoseconds since boot.
    static var nanoseconds: UInt64 {
        let product = (ticks &- bootTime).multipliedFullWidth(by: nanosecondsPerTick)
        return product.high << 32 | product.low >> 32
    }

    /// The timebase time that lies so many nanoseconds ahead: not earlier, and later by less than a part in ten million.
    static func ticks(nanosecondsFromNow nanoseconds: UInt64) -> UInt64 {
        let product = nanoseconds.multipliedFullWidth(by: ticksPerNanosecond)
        guard product.high < 1 << 31 else { return .max }
        return ticks &+ (product.high << 32 | product.low >> 32) &+ 1
    }

    /// The timebase time of an instant in nanoseconds since boot; now, if it has passed.
    static func ticks(atNanoseconds instant: UInt64) -> UInt64 {
        let now = nanoseconds
        return instant > now ? ticks(nanosecondsFromNow: instant - now) : ticks
    }

    /// xv6's clock: ten ticks a second since boot.
    static var uptime: UInt64 { (ticks &- bootTime) / (frequency / 10) }

    /// The timebase time at which `uptime` becomes `uptime`.
    static func ticks(atUptime uptime: UInt64) -> UInt64 {
        let (offset, overflow) = uptime.multipliedReportingOverflow(by: frequency / 10)
        return overflow ? .max : bootTime &+ offset
    }
}
