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

    /// Seconds, megabytes of 2^20 and megabits of 10^6 a second, as iperf has them.
    var line: Text {
        let megabytes = (bytes * 100) >> 20
        let kilobits = time > 0 ? bytes * 8 * 1_000_000 / time : 0
        return
            "[  1] 0.00-\(decimal(time / 10_000_000, of: 100)) sec  \(decimal(megabytes, of: 100)) MBytes  \(decimal(kilobits / 10, of: 100)) Mbits/sec"
    }

    var lineOfServer: Text {
        let perMille = datagrams > 0 ? lost * 1000 / datagrams : 0
        return "\(line)  \(milliseconds: jitter) ms  \(lost)/\(datagrams) (\(decimal(perMille, of: 10))%)"
    }

    func show(asServer: Bool) {
        print(asServer ? lineOfServer : line)
        if asServer, outOfOrder > 0 {
            print(
                "[  1] 0.00-\(decimal(time / 10_000_000, of: 100)) sec  \(outOfOrder) datagrams received out-of-order")
        }
    }
}
