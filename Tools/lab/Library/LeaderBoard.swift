// The leader board of a lab that is measured: what each kernel takes for each operation, to the instruction, and who took
// most away.

import Foundation

/// Submissions whose kernels were measured, the best first.
public struct LeaderBoard: Sendable {
    public struct Line: Sendable {
        public let name: String
        public let gains: [Gain]
        public let points: Int
    }

    public let lines: [Line]

    /// Of a tree whose promises are broken, or which got worse somewhere, nothing stands here.
    public init(_ submissions: [Submission]) {
        let all = submissions.compactMap { submission -> Line? in
            guard let stages = submission.grade?.stages.filter({ !$0.gains.isEmpty }), !stages.isEmpty,
                stages.allSatisfy({ $0.passed == $0.outcomes.count })
            else { return nil }
            return Line(
                name: submission.name, gains: stages.flatMap(\.gains), points: stages.reduce(0) { $0 + $1.points })
        }
        lines = all.sorted { ($0.gains.mean, $0.name) < ($1.gains.mean, $1.name) }
    }

    /// Kernels that took the same share of their lines' instructions stand at the same place.
    private func place(_ i: Int) -> Int {
        (lines.firstIndex { $0.gains.mean == lines[i].gains.mean } ?? i) + 1
    }

    /// Instructions of each operation; "of 1,000" is the geometric mean of what is left of 1,000.
    public var table: String {
        guard let first = lines.first else { return "No kernel keeps its promises and got nowhere worse.\n" }
        let names = first.gains.map(\.measure.name)
        let width = Swift.max(8, lines.map(\.name.count).max() ?? 0) + 2
        func row(_ place: String, _ name: String, _ cells: [String], _ mean: String, _ points: String) -> String {
            let padded = zip(cells, names).map { $0.padded(to: Swift.max($1.count, 7) + 2) }.joined()
            return (place.padded(to: 5) + name.padded(to: width) + padded + mean.padded(to: 10) + points)
                .trimmingCharacters(in: .whitespaces) + "\n"
        }
        return row("#", "name", names, "of 1,000", "points")
            + row("-", "starter", first.gains.map { "\($0.before)" }, "1000.0", "0")
            + lines.indices.map { i in
                row(
                    "\(place(i))", lines[i].name, lines[i].gains.map { "\($0.now)" },
                    Gain.tenths(lines[i].gains.mean * 1000), "\(lines[i].points)")
            }.joined()
    }

    /// With a head; one line a kernel.
    public var csv: String {
        guard let first = lines.first else { return "" }
        let head = ["place", "name"] + first.gains.map(\.measure.name) + ["of1000", "points"]
        let rows = lines.indices.map { i in
            ["\(place(i))", "\"\(lines[i].name.replacing("\"", with: "\"\""))\""] + lines[i].gains.map { "\($0.now)" }
                + [Gain.tenths(lines[i].gains.mean * 1000), "\(lines[i].points)"]
        }
        return ([head] + rows).map { $0.joined(separator: ",") + "\n" }.joined()
    }
}
