// Time in the stack: instants of a clock that never goes back, and durations between them. Nanoseconds, and never a
// trap: what is out of range ends at the end of the range.

/// A length of time in nanoseconds, up to 584 years.
public struct Duration: Comparable, Hashable, Sendable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    public static let zero = Duration(nanoseconds: 0)
    /// Longer than anything.
    public static let infinite = Duration(nanoseconds: .max)

    public static func seconds(_ count: UInt64) -> Duration {
        Duration(nanoseconds: 1_000_000_000) * count
    }
    public static func milliseconds(_ count: UInt64) -> Duration {
        Duration(nanoseconds: 1_000_000) * count
    }

    /// Whole seconds.
    public var seconds: UInt64 { nanoseconds / 1_000_000_000 }

    public static func < (a: Duration, b: Duration) -> Bool { a.nanoseconds < b.nanoseconds }

    public static func + (a: Duration, b: Duration) -> Duration {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return overflow ? .infinite : Duration(nanoseconds: sum)
    }

    /// Zero when `b` is the longer one.
    public static func - (a: Duration, b: Duration) -> Duration {
        Duration(nanoseconds: a > b ? a.nanoseconds &- b.nanoseconds : 0)
    }

    public static func * (a: Duration, factor: UInt64) -> Duration {
        let (product, overflow) = a.nanoseconds.multipliedReportingOverflow(by: factor)
        return overflow ? .infinite : Duration(nanoseconds: product)
    }

    /// - Parameter divisor: above 0.
    public static func / (a: Duration, divisor: UInt64) -> Duration {
        Duration(nanoseconds: a.nanoseconds / divisor)
    }
}

/// A moment: nanoseconds since the start of the clock.
public struct Instant: Comparable, Hashable, Sendable {
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// When the clock started.
    public static let start = Instant(nanoseconds: 0)
    /// Later than any moment that comes.
    public static let never = Instant(nanoseconds: .max)

    public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// `never` when it would be beyond the range.
    public static func + (a: Instant, b: Duration) -> Instant {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return overflow ? .never : Instant(nanoseconds: sum)
    }

    /// `start` when it would be before it.
    public static func - (a: Instant, b: Duration) -> Instant {
        Instant(nanoseconds: a.nanoseconds > b.nanoseconds ? a.nanoseconds &- b.nanoseconds : 0)
    }

    /// Zero when `b` is the later one.
    public static func - (a: Instant, b: Instant) -> Duration {
        Duration(nanoseconds: a > b ? a.nanoseconds &- b.nanoseconds : 0)
    }
}
