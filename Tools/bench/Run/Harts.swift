// Whether two harts do more than one: the same work with CPUS=1 and CPUS=2, by the clock, in pairs, so that what else
// the host does falls on both.

import BenchReport
import Foundation

enum Harts {
    private static let pairs = 3

    static func run() throws -> Int32 {
        print(
            "Four processes for two seconds, CPUS=2 against CPUS=1; the median of \(pairs) pairs. Wanted: 1.5 with two free cores.\n"
        )
        var isEnough = true
        for (kind, title) in [
            ("exec", "fork + exec + wait"), ("read", "files: open, read, close"),
            ("write", "files: create, write 4 KiB, unlink"),
        ] {
            var ratios: [Double] = []
            var best = (one: 0, two: 0)
            for _ in 0..<pairs {
                let one = try work(kind, harts: 1)
                let two = try work(kind, harts: 2)
                ratios.append(Double(two) / Double(max(one, 1)))
                best = (max(best.one, one), max(best.two, two))
            }
            let median = ratios.sorted()[pairs / 2]
            print("\(title): \(String(format: "%.2f", median)) (\(best.one) and \(best.two) at best)")
            // What is written waits for the disk, which no second hart makes faster.
            isEnough = isEnough && (median >= 1.5 || kind == "write")
        }
        return isEnough ? 0 : 1
    }

    private static func work(_ kind: String, harts: Int) throws -> Int {
        let results = Results(try Machine.run("bench,-w,\(kind)", ["CPUS": "\(harts)"], counting: false))
        guard let count = results["work"] else { throw BenchError("bench -w printed no result") }
        return count
    }
}
