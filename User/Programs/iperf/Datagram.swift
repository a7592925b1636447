// What iperf 2 puts into its datagrams, all in network byte order: a 64-bit number in two halves (negative: the last
// one) and the time of sending; in the answer to the last one, the server's report.

enum Datagram {
    /// Number, time, and the client's settings of which the flags count.
    static var leastCount: Int { 40 }
    static var reportCount: Int { 128 }

    private static var numberLow: Int { 0 }
    private static var seconds: Int { 4 }
    private static var microseconds: Int { 8 }
    private static var numberHigh: Int { 12 }
    static var flags: Int { 16 }
    /// The number has 64 bits; without it the high half means nothing.
    static var longNumbers: UInt32 { 0x0800_0000 }
    /// There is a report.
    private static var hasReport: UInt32 { 0x8000_0000 }

    static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[offset + $1]) }
    }

    static func set(_ bytes: inout [UInt8], _ offset: Int, _ value: UInt32) {
        for i in 0..<4 { bytes[offset + i] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * i)) }
    }

    /// Writes number and time (nanoseconds) into a datagram to be sent, whose request is there.
    static func stamp(_ bytes: inout [UInt8], number: Int64, time: UInt64) {
        set(&bytes, numberLow, UInt32(truncatingIfNeeded: number))
        set(&bytes, numberHigh, UInt32(truncatingIfNeeded: number >> 32))
        set(&bytes, seconds, UInt32(truncatingIfNeeded: time / 1_000_000_000))
        set(&bytes, microseconds, UInt32(time % 1_000_000_000 / 1000))
    }

    /// Reads them from one that arrived: at least 16 bytes. Time in microseconds of the sender's clock.
    static func read(_ bytes: [UInt8], count: Int) -> (number: Int64, time: Int64) {
        let time = Int64(word(bytes, seconds)) * 1_000_000 + Int64(word(bytes, microseconds))
        let low = word(bytes, numberLow)
        guard count < flags + 4 || word(bytes, flags) & longNumbers != 0 else {
            return (Int64(Int32(bitPattern: low)), time)
        }
        return (Int64(bitPattern: UInt64(word(bytes, numberHigh)) << 32 | UInt64(low)), time)
    }

    /// Writes a report behind the first 16 bytes.
    static func write(_ report: Report, to bytes: inout [UInt8]) {
        for i in flags..<reportCount { bytes[i] = 0 }
        set(&bytes, 16, hasReport | longNumbers)
        set(&bytes, 20, UInt32(truncatingIfNeeded: report.bytes >> 32))
        set(&bytes, 24, UInt32(truncatingIfNeeded: report.bytes))
        set(&bytes, 28, UInt32(truncatingIfNeeded: report.time / 1_000_000_000))
        set(&bytes, 32, UInt32(report.time % 1_000_000_000 / 1000))
        set(&bytes, 36, UInt32(truncatingIfNeeded: report.lost))
        set(&bytes, 40, UInt32(truncatingIfNeeded: report.outOfOrder))
        set(&bytes, 44, UInt32(truncatingIfNeeded: report.datagrams))
        set(&bytes, 48, UInt32(truncatingIfNeeded: report.jitter / 1_000_000_000))
        set(&bytes, 52, UInt32(report.jitter % 1_000_000_000 / 1000))
    }

    /// nil when there is none.
    static func readReport(_ bytes: [UInt8], count: Int) -> Report? {
        guard count >= 56, word(bytes, 16) & hasReport != 0 else { return nil }
        var report = Report()
        report.bytes = UInt64(word(bytes, 20)) << 32 | UInt64(word(bytes, 24))
        report.time = UInt64(word(bytes, 28)) * 1_000_000_000 + UInt64(word(bytes, 32)) * 1000
        report.lost = UInt64(word(bytes, 36))
        report.outOfOrder = UInt64(word(bytes, 40))
        report.datagrams = UInt64(word(bytes, 44))
        report.jitter = UInt64(word(bytes, 48)) * 1_000_000_000 + UInt64(word(bytes, 52)) * 1000
        return report
    }
}
