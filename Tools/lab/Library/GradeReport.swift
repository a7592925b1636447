// What a student reads of a grade, and what a program reads.

import Foundation

extension Grade.Stage {
    /// One line: number, title, tests, points.
    public var line: String {
        let mark = isFull ? "ok  " : couldBeGraded ? "    " : "?   "
        let name = "stage \(number): \(title)".padding(toLength: 60, withPad: " ", startingAt: 0)
        return "\(mark)\(name) \(passed) of \(outcomes.count) tests   \(points) of \(of) points"
    }

    /// What was gained, a line an operation.
    var measured: String { gains.map { "    \($0.line)\n" }.joined() }

    /// What else of the stage did not pass, by short names.
    func others(than test: String) -> String {
        let names = outcomes.filter { $0.test != test && $0.outcome != .passed && $0.outcome != .notTried }
            .map { $0.test.hasPrefix("guest/") ? Substring($0.test) : HostTests.bare($0.test) }
        guard !names.isEmpty else { return "" }
        let rest = names.count > 16 ? " and \(names.count - 16) more" : ""
        return "Not passed either: \(names.prefix(16).joined(separator: ", "))\(rest)\n"
    }
}

extension TestOutcome {
    /// It is the code's, neither the machine's nor for want of what comes first.
    var isFailure: Bool {
        switch self {
        case .passed, .notRun, .notTried: false
        case .failed, .missing, .trapped, .outOfTime: true
        }
    }

    /// What it is to a program: a word, and what is said of it.
    public var words: (kind: String, text: String) {
        switch self {
        case .passed: ("passed", "")
        case .failed(let text): ("failed", text)
        case .missing(let text): ("not written", text)
        case .trapped(let text): ("trapped", text)
        case .outOfTime(let seconds):
            (
                "out of time",
                "it did not end within \(seconds) seconds of a processor's time: is there a loop that does not end, or something for which it waits for ever?"
            )
        case .notRun(let text): ("could not be graded", text)
        case .notTried: ("not tried", "first the tests above")
        }
    }
}

extension Grade {
    /// What is below the lines of the stages: the first failure with what helps, and the sum.
    public func summary(of tree: Tree, _ tests: HostTests) -> String {
        var text = ""
        // What the code has to answer for comes before what the machine could not do.
        let failed = stages.first { $0.outcomes.contains { $0.outcome.isFailure } }
        if let stage = failed ?? stages.first(where: { !$0.isFull }) {
            if let first = stage.outcomes.first(where: { $0.outcome.isFailure })
                ?? stage.outcomes.first(where: { $0.outcome != .passed })
            {
                text += failure(first.test, first.outcome, in: stage, of: tree, tests)
            }
            text += stage.measured
            text += "Read: \(folder)/README.md. This stage again: make grade LAB=\(lab.name) STAGE=\(stage.number)\n"
        }
        if !couldBeGraded {
            text += "\nSome tests could not be run. That is no fault of your code: their points are open, not lost.\n"
        }
        let open = stages.reduce(0) { $0 + ($1.couldBeGraded ? 0 : $1.of) }
        return text + "\nLab \(lab.name): \(points) of \(of) points\(open > 0 ? ", \(open) not graded" : "")\n"
    }

    private func failure(
        _ test: String, _ outcome: TestOutcome, in stage: Stage, of tree: Tree, _ tests: HostTests
    ) -> String {
        let (kind, said) = outcome.words
        var text = "\nStage \(stage.number), \(test): \(kind)\n"
        text += said.split(separator: "\n").prefix(20).map { "    \($0)\n" }.joined()
        if case .trapped = outcome {
            for (i, place) in tests.placesOfTrap(in: test).enumerated() {
                text += i == 0 ? "    at \(place)\n" : "    called from \(place)\n"
            }
        }
        let found = mistakes.first { lab.explains($0.mistake, test) }
        if let found {
            text += "\(found.isSure ? "This looks like:" : "Perhaps:") \(found.mistake.name). \(found.mistake.says)\n"
        }
        // What a mistake says is nearer than what the stage is about.
        if stage.couldBeGraded, found?.isSure != true { text += hint(for: outcome, in: stage, of: tree) }
        text += stage.others(than: test)
        if case .notTried = outcome { return text }
        return text + "This test alone: make grade LAB=\(lab.name) TEST='\(test)'\n"
    }

    /// Of a body that is missing, what it has to do; else what the stage is about.
    private func hint(for outcome: TestOutcome, in stage: Stage, of tree: Tree) -> String {
        guard case .missing(let message) = outcome, let name = message.split(separator: "`").dropFirst().first,
            let task = lab.tasks.first(where: { $0.declarations.contains(String(name)) })
        else { return "Hint: \(lab.stages[stage.number - 1].hint)\n" }
        if let hint = task.hints?[String(name)] { return "Hint: \(hint)\n" }
        let comment = (try? tree.comment(of: String(name), in: task.file)) ?? ""
        return "Task: \(task.title)." + (comment.isEmpty ? "\n" : " What it promises: \(comment)\n")
    }

    /// One object: `lab`, `points`, `of`, `graded`, `stages` with their tests, `mistakes`.
    public var json: String {
        let stages = self.stages.map { stage -> [String: Any] in
            [
                "stage": stage.number, "title": stage.title, "points": stage.points, "of": stage.of,
                "graded": stage.couldBeGraded,
                "tests": stage.outcomes.map {
                    ["test": $0.test, "result": $0.outcome.words.kind, "text": $0.outcome.words.text]
                },
                "measures": stage.gains.map {
                    ["name": $0.measure.name, "before": $0.before, "now": $0.now, "points": $0.points]
                },
            ]
        }
        let object: [String: Any] = [
            "lab": lab.name, "points": points, "of": of, "graded": couldBeGraded, "stages": stages,
            "mistakes": mistakes.filter(\.isSure).map(\.mistake.name),
            "perhaps": mistakes.filter { !$0.isSure }.map(\.mistake.name),
        ]
        let data = try? JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
        return String(decoding: data ?? Data(), as: UTF8.self)
    }
}
