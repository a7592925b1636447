// The tests of a tree on this machine: built once, then run one process a test, so that a body that is not written
// ends its own test and no other.

import Foundation

/// What came of one test.
public enum TestOutcome: Sendable, Equatable {
    case passed
    /// What was expected and what came.
    case failed(String)
    /// A task that is not written yet: its message.
    case missing(String)
    /// A trap: what was printed last.
    case trapped(String)
    /// So many seconds had been over.
    case outOfTime(Int)
    /// The test could not be run: that says nothing of the code.
    case notRun(String)
    /// A look at the guest that waits for the tests before it.
    case notTried
}

extension Command.Result {
    /// The compiler's errors in what a build printed, each once; all of it, if there are none.
    func compileErrors(in tree: Tree) -> [String] {
        let all = text + errors
        let lines = all.split(separator: "\n", omittingEmptySubsequences: false)
        var found: [String] = []
        for (index, line) in lines.enumerated() where line.contains(#/:\d+:\d+: error:/#) {
            let text = String(line.replacing(tree.root.path + "/", with: ""))
            let marks = lines[(index + 1)...].prefix { $0.contains(#/^ *\d* *\|/#) }
            let whole = ([text] + marks.map(String.init)).joined(separator: "\n")
            if !found.contains(where: { $0.hasPrefix(text) }) { found.append(whole) }
        }
        return found.isEmpty ? [all] : found
    }
}

/// The built tests of a tree.
public struct HostTests: Sendable {
    let tree: Tree
    let scratch: String
    /// Test targets that are built.
    let targets: Set<String>
    /// Seconds of a processor's time after which a test is ended: a busy machine is not the code's fault.
    var limit = 60
    /// The same of those that begin when another has run out of time: a loop that does not end is in many tests.
    private static let impatience = 15
    /// Times as many seconds by the clock end a test that waits for something which does not come.
    private static let patience = 10.0

    public init(_ tree: Tree, scratch: String = "build/host", targets: Set<String>) {
        self.tree = tree
        self.scratch = scratch
        self.targets = targets
    }

    private var program: String { tree.file("\(scratch)/debug/SwiftletPackageTests.xctest").path }

    /// Whether they were built before: then a build takes seconds.
    public var isBuilt: Bool { FileManager.default.fileExists(atPath: program) }

    /// Builds them; returns the compiler's errors, each once, empty when all is well.
    /// - Parameter progress: called each second with what the build says.
    public func build(progress: ((String) -> Void)? = nil) throws -> [String] {
        var command = Command(["swift", "build", "--scratch-path", scratch, "--build-tests"], in: tree.root)
        command.progress = progress
        command.environment["SWIFTLET_TESTS"] = targets.sorted().joined(separator: " ")
        let result = try command.run()
        guard result.status != 0 || result.isSignal else { return [] }
        return result.compileErrors(in: tree)
    }

    /// The names of all built tests.
    public func names() throws -> [String] {
        try Command([program, "--testing-library", "swift-testing", "--list-tests"], in: tree.root).output()
            .split(separator: "\n").map(String.init)
    }

    /// Tests of `all` that `pattern` means: one test, or a suite.
    public static func matching(_ pattern: String, in all: [String]) -> [String] {
        all.filter {
            $0 == pattern || $0.hasPrefix(pattern + "/") || plain($0) == pattern || plain($0) == pattern + "()"
        }
    }

    /// Those, or tests of this bare name.
    public static func named(_ name: String, in all: [String]) -> [String] {
        let whole = matching(name, in: all)
        return whole.isEmpty ? all.filter { bare($0) == name.prefix { $0 != "(" } } : whole
    }

    /// A test's name without target, suite and argument labels.
    static func bare(_ test: String) -> Substring { (test.split(separator: "/").last ?? "").prefix { $0 != "(" } }

    /// A test's name without its argument labels; that of a look at the guest as it is.
    static func plain(_ test: String) -> String {
        test.contains("(") ? String(test.prefix { $0 != "(" }) + "()" : test
    }

    /// Runs tests, a few at a time; `seen` hears of each when it has ended.
    public func run(_ tests: [String], variant: String = "", seen: @Sendable @escaping () -> Void = {})
        -> [String: TestOutcome]
    {
        let results = Results()
        DispatchQueue.concurrentPerform(iterations: tests.count) { i in
            let seconds = results.isLate ? min(limit, Self.impatience) : limit
            results.add(tests[i], run(tests[i], variant: variant, seconds: seconds))
            seen()
        }
        return results.all
    }

    private func run(_ test: String, variant: String, seconds: Int) -> TestOutcome {
        // Rarely, a busy machine refuses a process: that is tried again and never counted against the code.
        var problem = ""
        for _ in 0..<3 {
            var command = command(for: test, variant)
            command.environment["SWIFT_BACKTRACE"] = "enable=no"
            command.processorLimit = seconds
            command.limit = Double(seconds) * Self.patience
            do { return outcome(of: try command.run(), seconds: seconds) } catch { problem = "\(error)" }
        }
        return .notRun(problem)
    }

    func command(for test: String, _ variant: String = "") -> Command {
        var command = Command(
            [program, "--testing-library", "swift-testing", "--filter", Self.exactly(test)], in: tree.root)
        command.environment = ["LAB_VARIANT": variant, "NO_COLOR": "1"]
        return command
    }

    /// A filter for one test; what it is compared with has the place in the source behind the name.
    static func exactly(_ test: String) -> String { "^" + NSRegularExpression.escapedPattern(for: test) + "(/|$)" }

    private func outcome(of result: Command.Result, seconds: Int) -> TestOutcome {
        if result.isOutOfTime { return .outOfTime(seconds) }
        let all = result.text + result.errors
        if let match = all.firstMatch(of: #/LAB [\w-]+: `.*` is not written yet \([\w\/]+\.swift\)/#) {
            return .missing(String(match.0))
        }
        if result.isSignal {
            let last = result.errors.split(separator: "\n").last { $0.contains("atal error: ") }
            return .trapped(
                last.map(String.init)
                    ?? "signal \(result.status): an index, a range or a sum that does not fit, or a precondition")
        }
        guard all.contains(#/Test run with [1-9]/#) else { return .notRun("no test of this name was run") }
        if result.status == 0 { return .passed }
        let lines = all.split(separator: "\n").map(String.init)
        var said: [String] = []
        for (index, line) in lines.enumerated() where line.contains(" recorded an issue ") {
            let rest = line.replacing(#/^.*recorded an issue (at )?/#, with: "")
            let more = lines[(index + 1)...].prefix { $0.hasPrefix("↳") || $0.hasPrefix("  ") }
            said.append(([rest] + more + statement(at: rest)).joined(separator: "\n    "))
        }
        return .failed(said.isEmpty ? all : said.prefix(3).joined(separator: "\n"))
    }

    /// The line of a test that an issue is about: what `check` was called with is not in its message.
    private func statement(at issue: String) -> [String] {
        guard let place = issue.firstMatch(of: #/^(\w+\.swift):(\d+):\d+: /#), let number = Int(place.2) else {
            return []
        }
        let folder = tree.file("Tests")
        let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        guard let path = files.first(where: { $0.hasSuffix("/" + place.1) }),
            let lines = try? tree.text("Tests/\(path)").split(separator: "\n", omittingEmptySubsequences: false),
            lines.indices.contains(number - 1)
        else { return [] }
        return ["Tests/\(path):\(number):  \(lines[number - 1].trimmingCharacters(in: .whitespaces))"]
    }
}

/// Outcomes that several threads add to.
private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private var outcomes: [String: TestOutcome] = [:]

    func add(_ test: String, _ outcome: TestOutcome) { lock.withLock { outcomes[test] = outcome } }
    var all: [String: TestOutcome] { lock.withLock { outcomes } }
    /// Whether a test has run out of time.
    var isLate: Bool {
        lock.withLock { outcomes.values.contains { if case .outOfTime = $0 { true } else { false } } }
    }
}
