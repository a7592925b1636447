// What a student reads of a grade, and what a program reads.

import Foundation

extension Grade.Stage {
    /// One line: number, title, tests, points.
    public var line: String {
        let mark = isFull ? "ok  " : couldBeGraded ? "    " : "?   "
        let name = "stage \(number): \(title)".padding(toLength: 60, withPad: " ", startingAt: 0)
        return "\(mark)\(name) \(passed) of \(outcomes.count) tests   \(points) of \(of) points"
    }
}

extension TestOutcome {
    /// What it is to a program: a word, and what is said of it.
    public var words: (kind: String, text: String) {
        switch self {
        case .passed: ("passed", "")
        case .failed(let text): ("failed", text)
        case .missing(let text): ("not written", text)
        case .trapped(let text): ("trapped", text)
        case .outOfTime: ("out of time", "it had not ended after two minutes: is there a loop that does not end?")
        case .notRun(let text): ("could not be graded", text)
        }
    }
}

extension Grade {
    /// What is below the lines of the stages: the first failure with what helps, and the sum.
    public var summary: String {
        var text = ""
        if let stage = stages.first(where: { !$0.isFull }),
            let (test, outcome) = stage.outcomes.first(where: { $0.outcome != .passed })
        {
            let (kind, said) = outcome.words
            text += "\nStage \(stage.number), \(test): \(kind)\n"
            text += said.split(separator: "\n").prefix(20).map { "    \($0)\n" }.joined()
            if let mistake = mistakes.first { text += "This looks like: \(mistake.name). \(mistake.says)\n" }
            if stage.couldBeGraded { text += "Hint: \(lab.stages[stage.number - 1].hint)\n" }
            text += "Read: \(folder)/README.md. This stage again: make grade LAB=\(lab.name) STAGE=\(stage.number)\n"
            text += "This test alone: make grade LAB=\(lab.name) TEST='\(test)'\n"
        }
        if !couldBeGraded {
            text += "\nSome tests could not be run. That is no fault of your code: their points are open, not lost.\n"
        }
        return text + "\nLab \(lab.name): \(points) of \(of) points\n"
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
            ]
        }
        let object: [String: Any] = [
            "lab": lab.name, "points": points, "of": of, "graded": couldBeGraded, "stages": stages,
            "mistakes": mistakes.map(\.name),
        ]
        let data = try? JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
        return String(decoding: data ?? Data(), as: UTF8.self)
    }
}
