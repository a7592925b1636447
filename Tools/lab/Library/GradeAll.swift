// Grading a folder of submissions, for teachers: each is what `make lab-diff` printed, NAME.diff.

import Foundation

/// What came of one submission.
public struct Submission: Sendable {
    public let name: String
    public internal(set) var grade: Grade?
    /// Why there is no grade, or what was left out of it.
    public internal(set) var remark = ""
    var fingerprint = Fingerprint(of: "")

    public var points: Int { grade?.points ?? 0 }
    /// Whether the points are the code's: else the machine failed.
    public var couldBeGraded: Bool { grade?.couldBeGraded ?? true }
}

/// Grades the submissions of a folder, several at once.
public final class GradeAll: @unchecked Sendable {
    private let tree: Tree
    private let lab: Lab
    private let folder: String
    private let heldOut: HeldOut?
    private let say: @Sendable (String) -> Void
    /// What kernels are measured against; all trees use it.
    private let benchmark: Benchmark?
    /// What of a submission is not applied.
    private let protected: [String]
    private let lock = NSLock()
    private var waiting: [URL]
    private var done: [Submission] = []

    /// - Parameters:
    ///   - tree: the main one: tests, labs and tools are its.
    ///   - heldOut: a folder with tests that students do not have.
    public init(
        _ tree: Tree, _ lab: Lab, folder: String, submissions: URL, heldOut: URL?,
        say: @escaping @Sendable (String) -> Void
    ) throws {
        self.tree = tree
        self.heldOut = try heldOut.map(HeldOut.init)
        self.lab = self.heldOut.map { lab.adding($0.stages) } ?? lab
        self.folder = folder
        self.say = say
        protected = try tree.protected(of: lab, folder: folder)
        benchmark = self.lab.isMeasured ? try LabCheck(tree) { _ in }.benchmark(self.lab, folder, tools: tree) : nil
        waiting = try FileManager.default.contentsOfDirectory(at: submissions, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "diff" }.sorted { $0.path < $1.path }
        guard !waiting.isEmpty else {
            throw LabError("\(submissions.path) holds no NAME.diff: students hand in what make lab-diff prints")
        }
    }

    /// The submissions in order, graded. As many trees as half of this machine's cores are used at once: a build takes
    /// two.
    public func run(workers: Int = max(1, ProcessInfo.processInfo.activeProcessorCount / 2)) throws -> [Submission] {
        let count = min(workers, waiting.count)
        say("lab \(lab.name): \(waiting.count) submissions; trees: \(count)")
        if let benchmark {
            say("building what is measured against")
            try Command(["make", "--no-print-directory", "tools"], in: tree.root).output()
            try benchmark.prepare()
        }
        // One after the other: copying is quick, and all read the same tree.
        let trees = try (0..<count).map { try makeTree(number: $0) }
        DispatchQueue.concurrentPerform(iterations: count) { number in
            while let next = next() { finish(grade(next, in: trees[number])) }
        }
        return done.sorted { $0.name < $1.name }
    }

    private func next() -> URL? { lock.withLock { waiting.isEmpty ? nil : waiting.removeFirst() } }

    private func finish(_ submission: Submission) {
        lock.withLock { done.append(submission) }
        say(
            "\(submission.name): \(submission.points) points\(submission.remark.isEmpty ? "" : ", \(submission.remark)")"
        )
    }

    /// A starter with the held-out tests in it. Its build stays from one submission to the next.
    private func makeTree(number: Int) throws -> Tree {
        let copy = try LabCheck(tree) { _ in }.copy(to: "build/labs/grade-\(number)")
        try copy.makeStarter(of: lab, folder: folder)
        try Data("{}".utf8).write(to: copy.file(".lab"))
        try heldOut?.copy(to: copy)
        return copy
    }

    private func grade(_ file: URL, in copy: Tree) -> Submission {
        var submission = Submission(name: file.deletingPathExtension().lastPathComponent)
        do {
            let number = Int(copy.root.lastPathComponent.split(separator: "-").last ?? "") ?? 0
            let tree = try makeTree(number: number)
            let difference = try String(contentsOf: file, encoding: .utf8)
            let left = protectedParts(of: difference)
            if !left.isEmpty { submission.remark = "left out: \(left.joined(separator: " "))" }
            try tree.applyStudents(file, without: protected)
            submission.fingerprint = Fingerprint(of: tree.written(for: lab, difference: difference))
            let tests = HostTests(tree, targets: lab.targets)
            let guest = GuestTests(tree, lab, benchmark: benchmark)
            defer { guest.end() }
            let errors = lab.targets.isEmpty ? [] : try tests.build()
            guard errors.isEmpty else { throw CompileErrors(errors: errors) }
            submission.grade = try lab.grade(tests, guest, stages: Array(1...lab.stages.count), folder: folder)
        } catch let problem as CompileErrors {
            submission.remark = "does not compile: \(problem.errors[0].split(separator: "\n").first ?? "")"
        } catch {
            submission.remark = "\(error)".split(separator: "\n").joined(separator: " ")
        }
        return submission
    }

    /// What a submission changes that is the teacher's.
    private func protectedParts(of difference: String) -> [String] {
        let paths = difference.matches(of: #/(?m)^(?:\+\+\+ b|--- a)\/(.+)$/#).map { String($0.1) }
        let parts = paths.filter { path in protected.contains { path == $0 || path.hasPrefix($0 + "/") } }
        return parts.enumerated().filter { !parts[..<$0.offset].contains($0.element) }.map(\.element)
    }

}

extension Tree {
    /// Applies what a student handed in, but for the teacher's own files. Of a student that wrote nothing it is empty,
    /// which git takes for no difference.
    func applyStudents(_ file: URL, without protected: [String]) throws {
        guard try String(contentsOf: file, encoding: .utf8).contains(#/\S/#) else { return }
        let left = protected.flatMap { ["--exclude=\($0)", "--exclude=\($0)/*"] }
        var command = Command(["git", "apply"] + left + [file.standardizedFileURL.path], in: root)
        command.environment["GIT_CEILING_DIRECTORIES"] = root.deletingLastPathComponent().path
        let result = try command.run()
        guard result.status == 0 else {
            throw LabError("it does not apply to the starter of this commit: \(result.errors.prefix(300))")
        }
    }
}
