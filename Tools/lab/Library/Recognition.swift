// Which planted mistake the failures of a tree look like. That its signs are there is not enough: what else fails has to
// fit what the mistake made fail when it was planted (a lab's failures.json, which `lab check --record` writes).

import Foundation

/// A mistake that outcomes look like.
public struct Recognised: Sendable {
    public let mistake: Lab.Mistake
    /// What failed is, but for little, what the planted mistake made fail; else "perhaps" is said.
    public let isSure: Bool
}

extension TestOutcome {
    /// Whether it says something of the code: a test that passed or did not. A body that is missing, a machine that
    /// failed, and a guest that was not come to say nothing.
    var isDecided: Bool {
        switch self {
        case .passed, .failed, .trapped, .outOfTime: true
        case .missing, .notRun, .notTried: false
        }
    }
}

extension Lab {
    /// Parts of failures in common from which a mistake is named, and from which it is sure.
    private static let (least, sure) = (0.3, 0.7)

    /// Mistakes that the outcomes look like: the sure ones first, among those the one with the most signs.
    public func recognised(in outcomes: [(test: String, outcome: TestOutcome)]) -> [Recognised] {
        let failed = Set(
            outcomes.filter { $0.outcome.isDecided && $0.outcome != .passed }.map { HostTests.plain($0.test) })
        let decided = Set(outcomes.filter(\.outcome.isDecided).map { HostTests.plain($0.test) })
        let found = mistakes.filter { hasSigns($0, outcomes) }.map { mistake in
            (mistake, likeness(of: failed, to: mistake, decided))
        }
        func signs(_ mistake: Mistake) -> Int {
            mistake.fails.count + (mistake.passes?.count ?? 0) + (mistake.output == nil ? 0 : 2)
        }
        return found.filter { $0.1 >= Self.least }
            .sorted {
                let (first, second) = ($0.1 >= Self.sure, $1.1 >= Self.sure)
                return failures != nil && first != second ? first : signs($0.0) > signs($1.0)
            }
            .map { Recognised(mistake: $0.0, isSure: $0.1 >= Self.sure) }
    }

    /// The part of what failed, here or when the mistake was planted, that failed both times. Of one that nothing was
    /// recorded of the signs alone are compared.
    private func likeness(of failed: Set<String>, to mistake: Mistake, _ decided: Set<String>) -> Double {
        let planted = Set((failures?[mistake.name] ?? mistake.fails).map(HostTests.plain)).intersection(decided)
        let all = planted.union(failed)
        let part = all.isEmpty ? 0 : Double(planted.intersection(failed).count) / Double(all.count)
        // Of a lab that nothing was recorded of, the signs may be few of many failures: perhaps it is.
        return failures == nil ? max(part, Self.least) : part
    }

    /// The signs of mistakes that are none of these tests, as not tried: those of stages that were not asked for.
    func signs(notIn outcomes: [(test: String, outcome: TestOutcome)]) -> [(test: String, outcome: TestOutcome)] {
        let known = Set(outcomes.map { HostTests.plain($0.test) })
        return Set(mistakes.flatMap(\.fails)).filter { !known.contains(HostTests.plain($0)) }.map { ($0, .notTried) }
    }

    /// Whether a test is among those that a mistake makes fail.
    public func explains(_ mistake: Mistake, _ test: String) -> Bool {
        (mistake.fails + (failures?[mistake.name] ?? [])).contains { HostTests.plain($0) == HostTests.plain(test) }
    }

    private func hasSigns(_ mistake: Mistake, _ outcomes: [(test: String, outcome: TestOutcome)]) -> Bool {
        func outcome(_ pattern: String) -> TestOutcome? {
            outcomes.first { $0.test == pattern || HostTests.plain($0.test) == pattern }?.outcome
        }
        var said = ""
        var count = 0
        for result in mistake.fails.map(outcome) {
            switch result {
            case .failed(let text), .trapped(let text):
                said += text + "\n"
                count += 1
            // Of a stage that was not asked for, or whose bodies are missing: neither a sign nor against it.
            case .missing, .notTried: break
            default: return false  // a slow machine is no sign
            }
        }
        guard count > 0 else { return false }
        guard (mistake.passes ?? []).allSatisfy({ outcome($0) == .passed }) else { return false }
        guard let output = mistake.output else { return true }
        return said.range(of: output, options: .regularExpression) != nil
    }
}
