// Time. The `time` register counts timebase ticks; users see 0.1 s ticks and nanoseconds.

import Machine

enum Clock {
    /// Timebase ticks a second, from the device tree.
    nonisolated(unsafe) private(set) static var frequency: UInt64 = 10_000_000
    nonisolated(unsafe) private static var bootTime: UInt64 = 0
    /// Nanoseconds a timebase tick, as a 32.32 fixed-point number.
    nonisolated(unsafe) private static var nanosecondsPerTick: UInt64 = 100 << 32

    static func start(frequency: UInt64) {
        self.frequency = frequency
        bootTime = read_time()
        nanosecondsPerTick = UInt64(1_000_000_000 << 32 / UInt128(frequency))
    }

    /// Now, in timebase ticks.
    static var ticks: UInt64 { read_time() }

    /// Nanoseconds since boot.
    static var nanoseconds: UInt64 {
        let product = (ticks &- bootTime).multipliedFullWidth(by: nanosecondsPerTick)
        return product.high << 32 | product.low >> 32
    }

    /// The timebase time of an instant given in nanoseconds since boot.
    static func ticks(atNanoseconds nanoseconds: UInt64) -> UInt64 {
        // Rounded up by a tick, so that a sleeper never wakes before its time.
        let (high, low) = nanoseconds.multipliedFullWidth(by: frequency)
        let (quotient, _) = UInt64(1_000_000_000).dividingFullWidth((min(high, 999_999_999), low))
        return bootTime &+ quotient &+ 1
    }

    static func ticks(milliseconds: UInt64) -> UInt64 { milliseconds * (frequency / 1000) }

    /// xv6's clock: ten ticks a second since boot.
    static var uptime: UInt64 { (ticks &- bootTime) / (frequency / 10) }

    /// The timebase time at which `uptime` becomes `uptime`.
    static func ticks(atUptime uptime: UInt64) -> UInt64 {
        let (offset, overflow) = uptime.multipliedReportingOverflow(by: frequency / 10)
        return overflow ? .max : bootTime &+ offset
    }
}
