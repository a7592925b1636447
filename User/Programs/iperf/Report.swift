// The figures of a transfer on one side, and how iperf prints them.

import UserLibrary

struct Report {
    /// Payload, all datagrams.
    var bytes: UInt64 = 0
    /// Nanoseconds from the first to the last.
    var time: UInt64 = 0
    /// Sent by the client, by the numbers of the datagrams.
    var datagrams: UInt64 = 0
    var lost: UInt64 = 0
    var outOfOrder: UInt64 = 0
    /// Nanoseconds (RFC 3550, 6.4.1).
    var jitter: UInt64 = 0

    static var head: Text { "[ ID] Interval            Transfer     Bandwidth" }
    static var headOfServer: Text {
        "[ ID] Interval            Transfer     Bandwidth        Jitter   Lost/Total Datagrams"
    }

    /// Seconds, megabytes of 2^20 and megabits of 10^6 a second, as iperf has them. The figures may be a peer's: any
    /// number is printed, and none traps.
    var line: Text { Self.line("  1", from: 0, to: time, bytes: bytes) }

    /// A line about so many bytes between two instants of a transfer.
    static func line(_ name: Text, from start: UInt64, to end: UInt64, bytes: UInt64) -> Text {
        let megabytes = (bytes >> 20) * 100 + ((bytes & 0xf_ffff) * 100) >> 20
        let kilobits = quotient(bytes, times: 8_000_000, over: end - min(start, end))
        return
            "[\(name)] \(decimal(start / 10_000_000, of: 100))-\(decimal(end / 10_000_000, of: 100)) sec  \(decimal(megabytes, of: 100)) MBytes  \(decimal(kilobits / 10, of: 100)) Mbits/sec"
    }

    var lineOfServer: Text {
        let perMille = Self.quotient(lost, times: 1000, over: datagrams)
        return "\(line)  \(milliseconds: jitter) ms  \(lost)/\(datagrams) (\(decimal(perMille, of: 10))%)"
    }

    /// `value` × `factor` ÷ `divisor`: 0 when `divisor` is, and rounded more where the product has more than 64 bits.
    private static func quotient(_ value: UInt64, times factor: UInt64, over divisor: UInt64) -> UInt64 {
        guard divisor > 0 else { return 0 }
        let (product, overflows) = value.multipliedReportingOverflow(by: factor)
        return overflows ? value / max(1, divisor / factor) : product / divisor
    }

    func show(asServer: Bool) {
        print(asServer ? lineOfServer : line)
        if asServer, outOfOrder > 0 {
            print(
                "[  1] 0.00-\(decimal(time / 10_000_000, of: 100)) sec  \(outOfOrder) datagrams received out-of-order")
        }
    }
}
