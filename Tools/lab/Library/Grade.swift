// Grading: a lab's stages over the outcomes of their tests, and the mistakes that the outcomes look like.

import Foundation

/// What a tree has of one lab.
public struct Grade: Sendable {
    public struct Stage: Sendable {
        public let number: Int
        public let title: String
        public let points: Int
        public let of: Int
        /// In the order of the lab's file.
        public let outcomes: [(test: String, outcome: TestOutcome)]
        /// Of a stage that is measured.
        public let gains: [Gain]

        public var passed: Int { outcomes.count { $0.outcome == .passed } }
        public var couldBeGraded: Bool {
            !outcomes.contains { if case .notRun = $0.outcome { true } else { false } }
        }
        public var isFull: Bool { points == of }
    }

    public let lab: Lab
    public let folder: String
    public let stages: [Stage]
    public let mistakes: [Recognised]

    public var points: Int { stages.reduce(0) { $0 + $1.points } }
    public var of: Int { stages.reduce(0) { $0 + $1.of } }
    public var couldBeGraded: Bool { stages.allSatisfy(\.couldBeGraded) }
}

extension Lab {
    /// The test targets that its stages and mistakes need.
    public var targets: Set<String> {
        Set(stages.flatMap(\.tests).map { String($0.prefix { $0 != "." }) })
    }

    /// Whether it has an answers file.
    public var hasQuestions: Bool { stages.contains { $0.questions != nil } }

    /// Whether its grading runs a kernel.
    public var needsKernel: Bool { stages.contains(where: \.needsKernel) }

    public var isMeasured: Bool { stages.contains { $0.measures != nil } }

    /// Its guest checks, of all stages.
    public var guestChecks: [GuestCheck] { stages.flatMap { $0.guest ?? [] } }

    /// The tests of a stage, from 1, each once.
    func tests(ofStage number: Int, in all: [String]) throws -> [String] {
        var tests: [String] = []
        for pattern in stages[number - 1].tests {
            let found = HostTests.matching(pattern, in: all)
            guard !found.isEmpty else { throw LabError("lab \(name), stage \(number): \(pattern) matches no test") }
            tests += found.filter { !tests.contains($0) }
        }
        return tests
    }

    /// Runs the tests of some stages, and then their guest checks, and counts their points; `report` hears of each stage
    /// that has ended, in order.
    /// - Throws: CompileErrors of a kernel that a guest check needs.
    public func grade(
        _ tests: HostTests, _ guest: GuestTests, stages wanted: [Int], folder: String, variant: String = "",
        progress: @Sendable @escaping () -> Void = {}, report: (Grade.Stage) -> Void = { _ in }
    ) throws -> Grade {
        let all = targets.isEmpty ? [] : try tests.names()
        var done: [Grade.Stage] = []
        for number in wanted {
            let names = try self.tests(ofStage: number, in: all)
            let found = tests.run(names, variant: variant, seen: progress)
            let stage = stages[number - 1]
            var outcomes = names.map { (test: $0, outcome: found[$0] ?? .notRun("it was not run")) }
            let answers = Answers(of: tests.tree)
            outcomes += (stage.questions ?? []).map { ("answer/\($0.name)", answers.outcome(of: $0, in: self)) }
            let comesToGuest = outcomes.allSatisfy { $0.outcome == .passed }
            for check in stage.guest ?? [] {
                let outcome = comesToGuest ? try guest.run(check) : .notTried
                outcomes.append(("guest/\(check.name)", outcome))
                progress()
            }
            var gains: [Gain] = []
            if let measures = stage.measures {
                let comesToBench = outcomes.allSatisfy { $0.outcome == .passed }
                let measured: (outcomes: [TestOutcome], gains: [Gain]) =
                    comesToBench ? try guest.gains(measures) : (measures.map { _ in .notTried }, [])
                outcomes += zip(measures, measured.outcomes).map { ("bench/\($0.name)", $1) }
                gains = measured.gains
            }
            let isPassed = outcomes.allSatisfy { $0.outcome == .passed }
            let worth = stage.measures == nil ? stage.points : gains.points
            done.append(
                Grade.Stage(
                    number: number, title: stage.title, points: isPassed ? worth : 0, of: stage.points,
                    outcomes: outcomes, gains: gains))
            report(done[done.count - 1])
        }
        var outcomes = done.flatMap(\.outcomes)
        if done.count < self.stages.count { outcomes += signs(notIn: outcomes) }
        return Grade(lab: self, folder: folder, stages: done, mistakes: recognised(in: outcomes))
    }
}
