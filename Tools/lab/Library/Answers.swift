// The answers file of a lab: answers.txt in the tree's folder, a line `question: answer` each. The lab's data has marks of
// the right answers, no answers: that hides them from a glance, not from a search through all that could be written.

import Foundation

/// What a student has answered.
struct Answers {
    static let file = "answers.txt"
    private var byQuestion: [String: String] = [:]

    init(_ text: String) {
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { continue }
            byQuestion[parts[0].trimmingCharacters(in: .whitespaces)] = String(parts[1])
        }
    }

    init(of tree: Tree) { self.init((try? tree.text(Self.file)) ?? "") }

    func outcome(of question: Lab.Question, in lab: Lab) -> TestOutcome {
        let answer = byQuestion[question.name].map(Self.plain) ?? ""
        guard !answer.isEmpty else {
            return .failed(
                "\(question.asks)\nThere is no answer yet: write it behind \"\(question.name):\" in \(Self.file).")
        }
        if question.marks.contains(lab.mark(of: answer, to: question.name)) { return .passed }
        return .failed("\(question.asks)\n\"\(answer)\" is not it.")
    }

    /// Without what is a matter of taste: case, spaces, a full stop, commas in numbers, backquotes.
    static func plain(_ answer: String) -> String {
        answer.lowercased().filter { !" \t\r`'\",".contains($0) }.trimmingCharacters(
            in: CharacterSet(charactersIn: "."))
    }
}

extension Lab {
    /// What stands for an answer in the lab's data: FNV-1a of lab, question and answer, 64 bits, in hexadecimal.
    public func mark(of answer: String, to question: String) -> String {
        String(fnv1a("\(name)/\(question)/\(Answers.plain(answer))"), radix: 16)
    }

    /// An answers file with nothing in it but the questions.
    func blankAnswers(folder: String) -> String {
        var text =
            "# The answers of lab \(name): \(folder)/README.md has the questions. Write behind the colon; make grade looks at them.\n"
        for stage in stages {
            for question in stage.questions ?? [] { text += "\n# \(question.asks)\n\(question.name):\n" }
        }
        return text
    }
}

extension Tree {
    /// The answers that a lab's folder has, not in plain text so that no one reads them by accident.
    public func solvedAnswers(of folder: String) throws -> String {
        let coded = try text("\(folder)/answers.base64")
        guard let data = Data(base64Encoded: coded, options: .ignoreUnknownCharacters) else {
            throw LabError("\(folder)/answers.base64 is no base64")
        }
        return String(decoding: data, as: UTF8.self)
    }

    /// Writes the right answers, of the stages up to one, into the answers file.
    func answer(_ lab: Lab, folder: String, upTo stage: Int) throws {
        let names = Set(lab.stages.prefix(stage).flatMap { $0.questions ?? [] }.map(\.name))
        let lines = try solvedAnswers(of: folder).split(separator: "\n").filter { line in
            names.contains(String(line.prefix { $0 != ":" }))
        }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file(Answers.file))
    }
}
