// What a teacher reads of graded submissions: a table, CSV, JSON, and which are alike.

import Foundation

extension [Submission] {
    /// A line each, by name.
    public var table: String {
        let width = Swift.max(8, map(\.name.count).max() ?? 0) + 2
        var text = ""
        for submission in self {
            let stages =
                submission.grade?.stages.map { $0.isFull ? "\($0.points)" : $0.couldBeGraded ? "-" : "?" } ?? []
            let name = submission.name.padding(toLength: width, withPad: " ", startingAt: 0)
            let points = submission.couldBeGraded ? "\(submission.points)" : "\(submission.points)?"
            text +=
                name + points.padding(toLength: 6, withPad: " ", startingAt: 0)
                + stages.joined(separator: " ").padding(toLength: 20, withPad: " ", startingAt: 0) + submission.remark
                + "\n"
        }
        return text
    }

    /// With a head; one line a submission.
    public var csv: String {
        func quoted(_ text: String) -> String { "\"\(text.replacing("\"", with: "\"\""))\"" }
        let head = ["name", "points", "of", "graded", "stages", "mistakes", "remark"].joined(separator: ",") + "\n"
        return head
            + map { submission in
                [
                    quoted(submission.name), "\(submission.points)", "\(submission.grade?.of ?? 0)",
                    "\(submission.couldBeGraded)",
                    quoted(submission.grade?.stages.map { "\($0.points)" }.joined(separator: " ") ?? ""),
                    quoted(
                        submission.grade?.mistakes.filter(\.isSure).map(\.mistake.name).joined(separator: "; ") ?? ""),
                    quoted(submission.remark),
                ].joined(separator: ",") + "\n"
            }.joined()
    }

    /// An array of objects: `name`, `remark`, and what `lab grade --format json` prints as `grade`.
    public var json: String {
        let objects = map { submission -> [String: Any] in
            let grade = submission.grade.flatMap { try? JSONSerialization.jsonObject(with: Data($0.json.utf8)) }
            return ["name": submission.name, "remark": submission.remark, "grade": grade ?? NSNull()]
        }
        let data = try? JSONSerialization.data(withJSONObject: objects, options: [.prettyPrinted, .sortedKeys])
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    /// Pairs that have much in common, the most alike first.
    /// - Parameter solution: what the solved bodies are: a submission that took them is named, too.
    public func similarities(least: Double = 0.6, solution: Fingerprint) -> [(
        first: String, second: String, part: Double
    )] {
        var pairs: [(String, String, Double)] = []
        for (i, first) in enumerated() {
            for second in self[(i + 1)...] {
                pairs.append((first.name, second.name, first.fingerprint.likeness(to: second.fingerprint)))
            }
            pairs.append((first.name, "the published solution", first.fingerprint.likeness(to: solution)))
        }
        return pairs.filter { $0.2 >= least }.sorted { $0.2 > $1.2 }
    }
}

extension Tree {
    /// The fingerprint of a lab's solution in the main tree.
    public func solution(of lab: Lab, folder: String) -> Fingerprint {
        let patches = (lab.patches ?? []).compactMap { try? text("\(folder)/\($0)") }.joined(separator: "\n")
        return Fingerprint(of: written(for: lab, difference: patches))
    }
}
