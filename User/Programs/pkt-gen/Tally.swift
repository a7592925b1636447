// What went, and how pkt-gen prints it.

import UserLibrary

/// Frames, bytes and calls since a start, and what of them was printed.
struct Tally {
    private(set) var frames: UInt64 = 0
    private(set) var bytes: UInt64 = 0
    /// Calls that moved any frame.
    private(set) var batches: UInt64 = 0
    private var start = System.clock
    private var shown: (frames: UInt64, bytes: UInt64, batches: UInt64) = (0, 0, 0)
    private var shownAt = System.clock
    private var end: UInt64 = 0

    mutating func add(_ count: Int, bytes more: Int) {
        // The time before the first frame is a receiver's patience.
        if frames == 0, count > 0 {
            start = System.clock
            shownAt = max(shownAt, start - min(start, 1_000_000_000))
        }
        frames += UInt64(count)
        bytes += UInt64(more)
        if count > 0 { batches += 1 }
    }

    /// Prints a line when a second has passed since the last one.
    mutating func showEachSecond() {
        let now = System.clock
        end = now
        guard now - shownAt >= 1_000_000_000 else { return }
        let time = now - shownAt
        let (some, more, calls) = (frames - shown.frames, bytes - shown.bytes, batches - shown.batches)
        print(
            "\(decimal(now / 1_000, of: 1_000_000)) \(rate(some, time))pps (\(scaled(some))pkts \(rate(more * 8, time))bps in \(time / 1000) usec) \(average(some, calls)) avg_batch"
        )
        standardOutput.flush()
        shown = (frames, bytes, batches)
        shownAt = now
    }

    /// The totals. "Sent", or "Received".
    func finish(_ verb: StaticString) {
        let time = max(1, System.clock - start)
        let length = frames > 0 ? bytes / frames : 0
        print(
            "\(verb) \(frames) packets \(bytes) bytes \(batches) events \(length) bytes each in \(decimal(time / 10_000_000, of: 100)) seconds."
        )
        // Raw: with preamble, check sequence and the gap between two frames.
        print(
            "Speed: \(rate(frames, time))pps Bandwidth: \(rate(bytes * 8, time))bps (raw \(rate((bytes + 24 * frames) * 8, time))bps). Average batch: \(average(frames, batches)) pkts"
        )
    }

    private func average(_ frames: UInt64, _ batches: UInt64) -> Text {
        decimal(batches > 0 ? frames * 100 / batches : 0, of: 100)
    }

    private func rate(_ count: UInt64, _ time: UInt64) -> Text {
        // In microseconds: the product stays within 64 bits for what a machine does in a month.
        scaled(count * 1_000_000 / max(1, time / 1000))
    }

    /// 14.880 M, 664.010 K, 12.
    private func scaled(_ value: UInt64) -> Text {
        if value >= 1_000_000_000 { return "\(decimal(value / 1_000_000, of: 1000)) G" }
        if value >= 1_000_000 { return "\(decimal(value / 1000, of: 1000)) M" }
        if value >= 1000 { return "\(decimal(value, of: 1000)) K" }
        return "\(value) "
    }
}
