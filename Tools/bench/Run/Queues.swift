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
            var best: [Setting: Work] = [:]
            for _ in 0..<rounds {
                for setting in settings {
                    let work = try work(kind, setting)
                    if work.count > best[setting]?.count ?? -1 { best[setting] = work }
                }
            }
            print("\(title):")
            let base = best[settings[0]]?.count ?? 1
            for setting in settings {
                guard let work = best[setting] else { continue }
                print(
                    String(format: "%9d  %5.2f  ", work.count / 2, Double(work.count) / Double(max(1, base)))
                        + "\(setting.format), \(setting.pairs == 1 ? "one pair" : "two pairs"), "
                        + (setting.harts == 1 ? "one hart" : "two harts, \(work.waits)"))
            }
        }
    }

    /// What was done in two seconds, and how long the harts waited for locks.
    private struct Work {
        let count: Int
        /// For the lock around the stack, and for all others: thousandths of the time, of all harts together.
        let stackWait: Int
        let otherWait: Int
        let interrupts: Int
        let wakes: Int

        /// As a part of the time of two harts.
        var waits: String {
            String(
                format: "waits for the stack's lock %.1f %%, others %.1f %%; %d interrupts, %d wake-ups a second",
                Double(stackWait) / 20, Double(otherWait) / 20, interrupts / 2, wakes / 2)
        }
    }

    private static func work(_ kind: String, _ setting: Setting) throws -> Work {
        let options = [
            "NET": "tap", "NIC": "virtio-pci", "IP": HostStreams.guest + "/24", "QUEUE": setting.format,
            "QUEUES": "\(setting.pairs)", "CPUS": "\(setting.harts)",
        ]
        let results = Results(
            try Machine.run(
                "bench,-w,\(kind)", options, counting: false, flags: "-machine virt,aia=aplic-imsic",
                entry: HostNetwork.entry(queues: setting.pairs)))
        guard let count = results["work"] else { throw BenchError("bench -w \(kind) printed no result") }
        return Work(
            count: count, stackWait: results["stack-lock-wait"] ?? 0, otherWait: results["lock-wait"] ?? 0,
            interrupts: results["device-interrupts"] ?? 0, wakes: results["wake-interrupts"] ?? 0)
    }
}
