// What a grade says first, and how it counts what the machine could not do.

import Foundation
import Testing

@testable import Laboratory

@Suite struct GradeReportTests {
    private func summary(_ stages: [[TestOutcome]]) throws -> String {
        let points = 100 / stages.count
        let description = """
            {"name": "sum", "title": "sums", "tasks": [], "mistakes": [], "stages": [\(stages.map { _ in
                "{\"title\": \"s\", \"points\": \(points), \"hint\": \"think\", \"tests\": []}" }.joined(separator: ","))]}
            """
        let lab = try JSONDecoder().decode(Lab.self, from: Data(description.utf8))
        let graded = stages.enumerated().map { number, outcomes in
            Grade.Stage(
                number: number + 1, title: "s", points: outcomes.allSatisfy { $0 == .passed } ? points : 0, of: points,
                outcomes: outcomes.enumerated().map { ("A.S/test\(number + 1)\($0)()", $1) }, gains: [])
        }
        let tree = Tree(FileManager.default.temporaryDirectory)
        return Grade(lab: lab, folder: "Labs/01-sum", stages: graded, mistakes: [])
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

    @Test func allThatFailsIsNamed() throws {
        let text = try summary([Array(repeating: .failed("x"), count: 12)])
        for number in 1..<12 { #expect(text.contains("test1\(number)")) }
        #expect(!text.contains("more"))
    }
}
