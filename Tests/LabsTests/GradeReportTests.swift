// What a grade says first, and how it counts what the machine could not do.

import Foundation
import Testing

@testable import Laboratory

@Suite struct GradeReportTests {
    private static let mistakes = """
        {"name": "other", "says": "Not this.", "file": "f", "declaration": "d", "find": "a", "replace": "b",
         "fails": ["A.S/test2()"]},
        {"name": "carry lost", "says": "It comes back in.", "file": "f", "declaration": "d", "find": "a", "replace": "b",
         "fails": ["A.S/test10()", "A.S/test20()"]}
        """

    private func lab(_ stages: Int) throws -> Lab {
        let stage = "{\"title\": \"s\", \"points\": \(100 / stages), \"hint\": \"think\", \"tests\": []}"
        let description = """
            {"name": "sum", "title": "sums", "tasks": [], "mistakes": [\(Self.mistakes)],
             "stages": [\(Array(repeating: stage, count: stages).joined(separator: ","))]}
            """
        return try JSONDecoder().decode(Lab.self, from: Data(description.utf8))
    }

    /// - Parameter isSure: of both mistakes; nil: none was recognised.
    private func summary(_ stages: [[TestOutcome]], isSure: Bool? = nil) throws -> String {
        let points = 100 / stages.count
        let lab = try lab(stages.count)
        let graded = stages.enumerated().map { number, outcomes in
            Grade.Stage(
                number: number + 1, title: "s", points: outcomes.allSatisfy { $0 == .passed } ? points : 0, of: points,
                outcomes: outcomes.enumerated().map { ("A.S/test\(number + 1)\($0)()", $1) }, gains: [])
        }
        let mistakes = isSure.map { isSure in lab.mistakes.map { Recognised(mistake: $0, isSure: isSure) } } ?? []
        let tree = Tree(FileManager.default.temporaryDirectory)
        return Grade(lab: lab, folder: "Labs/01-sum", stages: graded, mistakes: mistakes)
            .summary(of: tree, HostTests(tree, targets: []))
    }

    @Test func whatFailsComesBeforeWhatCouldNotBeGraded() throws {
        let text = try summary([[.passed, .notRun("no QEMU")], [.passed, .failed("2 is not 3")]])
        #expect(text.contains("Stage 2, A.S/test21(): failed\n    2 is not 3"))
        #expect(!text.contains("no QEMU"))
        #expect(text.hasSuffix("Lab sum: 0 of 100 points, 50 not graded\n"))
    }

    @Test func whatCouldNotBeGradedIsSaidWhenNothingFails() throws {
        let text = try summary([[.passed], [.notRun("no QEMU")]])
        #expect(text.contains("Stage 2, A.S/test20(): could not be graded\n    no QEMU"))
        #expect(text.hasSuffix("Lab sum: 50 of 100 points, 50 not graded\n"))
        #expect(try summary([[.passed]]) == "\nLab sum: 100 of 100 points\n")
    }

    /// Below a test stands a mistake that makes it fail, whatever else was recognised; and what is sure needs no hint.
    @Test func aMistakeStandsBelowATestThatItMakesFail() throws {
        let sure = try summary([[.failed("x")]], isSure: true)
        #expect(sure.contains("This looks like: carry lost. It comes back in.\n") && !sure.contains("Hint: think"))
        let perhaps = try summary([[.failed("x")]], isSure: false)
        #expect(perhaps.contains("Perhaps: carry lost. It comes back in.\nHint: think\n"))
        let none = try summary([[.passed, .failed("x")]], isSure: true)
        #expect(!none.contains("This looks like") && none.contains("Hint: think"))
    }

    /// Of one stage alone the signs in others are not wanting.
    @Test func aStageAloneShowsAMistakeOfMore() throws {
        let lab = try lab(2)
        let first: [(test: String, outcome: TestOutcome)] = [("A.S/test10()", .failed("x"))]
        #expect(lab.recognised(in: first).isEmpty)
        #expect(lab.recognised(in: first + lab.signs(notIn: first)).map(\.mistake.name) == ["carry lost"])
    }

    @Test func allThatFailsIsNamed() throws {
        let text = try summary([Array(repeating: .failed("x"), count: 12)])
        for number in 1..<12 { #expect(text.contains("test1\(number)")) }
        #expect(!text.contains("more"))
    }
}
