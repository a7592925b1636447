// Split against packed queues, and one pair against two (multiqueue), by the clock: each with the same work on one hart and
// on two, in turns in one run. What two harts do less than twice of one is what the lock around the stack costs, and the host.

import BenchReport
import Foundation

enum Queues {
    private static let rounds = 3

    private struct Setting: Hashable {
        let format: String
        let pairs: Int
        let harts: Int
    }

    private static let settings = [
        ("split", 1, 1), ("packed", 1, 1), ("split", 1, 2), ("packed", 1, 2), ("split", 2, 2), ("packed", 2, 2),
    ].map { Setting(format: $0.0, pairs: $0.1, harts: $0.2) }

    static func run() throws {
        print(
            "A second, four programs on a virtio-pci card with message interrupts on a tap; the best of \(rounds) rounds.\n"
        )
        for (kind, title) in [
            ("send", "datagrams of 64 bytes out"), ("ping", "round trips to the host"),
            ("loop", "round trips over the loopback, all of them under the lock"),
        ] {
            // No queue is in the way of the loopback.
            let settings =
                kind == "loop" ? Self.settings.filter { $0.pairs == 1 && $0.format == "split" } : Self.settings
            var best: [Setting: Int] = [:]
            for _ in 0..<rounds {
                for setting in settings { best[setting] = max(best[setting] ?? 0, try work(kind, setting)) }
            }
            print("\(title):")
            let base = best[settings[0]] ?? 1
            for setting in settings {
                let count = best[setting] ?? 0
                print(
                    String(format: "%9d  %5.2f  ", count / 2, Double(count) / Double(max(1, base)))
                        + "\(setting.format), \(setting.pairs == 1 ? "one pair" : "two pairs"), "
                        + "\(setting.harts == 1 ? "one hart" : "two harts")")
            }
        }
    }

    /// What was done in two seconds.
    private static func work(_ kind: String, _ setting: Setting) throws -> Int {
        let options = [
            "NET": "tap", "NIC": "virtio-pci", "IP": HostStreams.guest + "/24", "QUEUE": setting.format,
            "QUEUES": "\(setting.pairs)", "CPUS": "\(setting.harts)",
        ]
        let results = Results(
            try Machine.run(
                "bench,-w,\(kind)", options, counting: false, flags: "-machine virt,aia=aplic-imsic",
                entry: HostNetwork.entry(queues: setting.pairs)))
        guard let count = results["work"] else { throw BenchError("bench -w \(kind) printed no result") }
        return count
    }
}
