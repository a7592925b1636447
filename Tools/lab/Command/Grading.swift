// `lab grade`: builds, runs, prints.

import Foundation
import Laboratory

/// Whether progress is shown as it comes.
private let isTerminal = isatty(2) == 1
/// Clears the line of progress.
private let clear = isTerminal ? "\r\u{1b}[K" : ""

struct Grading {
    let tree: Tree
    let lab: Lab
    let folder: String
    let isJSON: Bool
    /// The lab's tree that this is; nil: the main one.
    let labTree: LabTree?

    /// Ends with status 2 when the tests of a lab's tree are not as they were.
    func refuseChangedTests() throws {
        guard let labTree else { return }
        let changed = try labTree.changedTests(of: lab, folder: folder)
        guard !changed.isEmpty else { return }
        fail(
            """
            nothing was graded: these are not as the lab has them, and points would mean nothing:
                \(changed.joined(separator: "\n    "))
            Changed ones: git checkout refs/labs/\(labTree.name) -- FILE puts one back. New ones: move them out of these folders.
            """)
    }

    /// Returns the exit status.
    func run(stage: Int?, test: String?) throws -> Int32 {
        let place = try ownTemporaryFolder()
        defer { try? FileManager.default.removeItem(at: place) }
        do { return try graded(stage: stage, test: test) } catch let problem as CompileErrors {
            print("It does not compile yet:\n\n\(problem.errors.prefix(5).joined(separator: "\n\n"))")
            if problem.errors.count > 5 { print("\nand \(problem.errors.count - 5) more errors") }
            return 1
        }
    }

    /// A folder for what all programs that this one starts leave behind: SwiftPM leaves some in each run.
    private func ownTemporaryFolder() throws -> URL {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("lab-grade-\(getpid())")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        _ = unsafe setenv("TMPDIR", place.path, 1)  // two strings, which it copies
        return place
    }

    /// Shows what a build says: on a terminal in one line, elsewhere a line each minute.
    private func showBuild() -> (String) -> Void {
        var seconds = 0
        return { line in
            seconds += 1
            if isTerminal {
                say("\(clear)\(line.prefix(76))", terminator: "")
            } else if seconds % 60 == 0 {
                say("  \(seconds / 60) min: \(line.prefix(100))")
            }
        }
    }

    private func graded(stage: Int?, test: String?) throws -> Int32 {
        let tests = HostTests(tree, targets: lab.targets)
        let guest = GuestTests(tree, lab, benchmark: lab.isMeasured ? try labTree?.benchmark() : nil)
        defer { guest.end() }
        guest.willBuild = {
            say("\(clear)building \($0), its programs and tools")
            say("(the first time takes up to ten minutes, an edit two or three)")
        }
        guest.isBuilding = showBuild()
        if let name = test, name.hasPrefix("guest/") { return try one(guestCheck: String(name.dropFirst(6)), guest) }
        if !lab.targets.isEmpty {
            let note = tests.isBuilt ? "" : " (the first time takes four to eight minutes, an edit seconds)"
            say("building the tests of lab \(lab.name)\(note)")
            let errors = try tests.build(progress: showBuild())
            say(clear, terminator: "")
            guard errors.isEmpty else { throw CompileErrors(errors: errors) }
        }
        if let test, !test.hasPrefix("answer/") { return try one(test, tests) }
        let stages = stage.map { [$0] } ?? Array(1...lab.stages.count)
        let progress: @Sendable () -> Void = { if isTerminal { say(".", terminator: "") } }
        let grade = try lab.grade(tests, guest, stages: stages, folder: folder, progress: progress) { done in
            say(clear, terminator: "")
            if !isJSON { print(done.line) }
        }
        print(isJSON ? grade.json : grade.summary(of: tree, tests))
        return !grade.couldBeGraded ? 2 : grade.points == grade.of ? 0 : 1
    }

    /// Runs one test and prints all that came of it.
    private func one(_ pattern: String, _ tests: HostTests) throws -> Int32 {
        let found = HostTests.named(pattern, in: try tests.names())
        guard !found.isEmpty else { fail("TEST=\(pattern) matches no test") }
        guard found.count == 1 || pattern.contains(".") || pattern.contains("/") else {
            fail("TEST=\(pattern): there are \(found.joined(separator: ", "))")
        }
        var status: Int32 = 0
        let outcomes = tests.run(found)
        for name in found {
            let outcome = outcomes[name] ?? .notRun(""), (kind, text) = outcome.words
            print("\(name): \(kind)\(text.isEmpty ? "" : "\n\(text)")")
            if case .trapped = outcome { for place in tests.placesOfTrap(in: name) { print("    \(place)") } }
            if kind != "passed" { status = 1 }
        }
        return status
    }

    /// Runs one guest check and prints all that the guest printed.
    private func one(guestCheck name: String, _ guest: GuestTests) throws -> Int32 {
        guard let check = lab.guestChecks.first(where: { $0.name == name }) else {
            fail("TEST=guest/\(name): there are \(lab.guestChecks.map { "guest/\($0.name)" }.joined(separator: ", "))")
        }
        let outcome = try guest.run(check), (kind, text) = outcome.words
        print("\(guest.transcript)\nguest/\(name): \(kind)\(text.isEmpty ? "" : "\n\(text)")")
        return outcome == .passed ? 0 : 1
    }
}
