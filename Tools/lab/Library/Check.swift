// `make labs-check`: what a lab promises, tried. Its starter scores 0; with the tasks of the first stages solved these
// are full and the later ones 0; the solved tree scores full; each planted mistake is named.

import Foundation

/// Checks of labs in a scratch copy of the tree.
public struct LabCheck {
    let tree: Tree
    /// Where copies are kept, with what was built of them.
    private let home: Tree
    let say: (String) -> Void

    /// Whether it writes down what each mistake makes fail.
    let records: Bool

    /// - Parameter home: nil: the tree itself.
    public init(_ tree: Tree, home: Tree? = nil, records: Bool = false, say: @escaping (String) -> Void) {
        self.tree = tree
        self.home = home ?? tree
        self.records = records
        self.say = say
    }

    /// What git tracks, or would; of a scratch copy, which git ignores, all but what was built.
    private func files() throws -> [String] {
        if FileManager.default.fileExists(atPath: tree.file(".git").path) {
            return try git("ls-files", "-co", "--exclude-standard", in: tree).split(separator: "\n").map(String.init)
        }
        let all = FileManager.default.enumerator(atPath: tree.root.path)?.compactMap { $0 as? String } ?? []
        return all.filter { path in
            let kind =
                try? FileManager.default.attributesOfItem(atPath: tree.file(path).path)[.type] as? FileAttributeType
            return kind == .typeRegular && !path.hasPrefix("build/")
        }
    }

    /// Copies what git tracks, or would, into a folder that keeps its build; files whose text is the same are left
    /// alone.
    func copy(to folder: String) throws -> Tree {
        let copy = Tree(home.file(folder))
        let files = try files()
        let manager = FileManager.default
        var wanted: Set<String> = []
        for path in files where manager.fileExists(atPath: tree.file(path).path) {
            wanted.insert(path)
            let data = try Data(contentsOf: tree.file(path))
            guard (try? Data(contentsOf: copy.file(path))) != data else { continue }
            try manager.createDirectory(
                at: copy.file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: copy.file(path))
            let mode = try manager.attributesOfItem(atPath: tree.file(path).path)[.posixPermissions]
            try manager.setAttributes([.posixPermissions: mode ?? 0o644], ofItemAtPath: copy.file(path).path)
        }
        // Where the Makefile finds no place, or another one, it builds anew, and the tests that were built before are gone.
        try manager.createDirectory(at: copy.file("build"), withIntermediateDirectories: true)
        try Data("\(copy.root.path)\n".utf8).write(to: copy.file("build/.place"))
        for case let path as String in manager.enumerator(atPath: copy.root.path) ?? .init()
        where !path.hasPrefix("build") && (path.hasSuffix(".swift") || path.hasSuffix(".S")) && !wanted.contains(path) {
            try manager.removeItem(at: copy.file(path))
        }
        return copy
    }

    /// A copy of the tree with the constants that a variant gives to labs, their data among them.
    public func varied(_ labs: [Lab], _ variant: String) throws -> Tree {
        let varied = try copy(to: "build/labs/varied")
        for lab in labs {
            try varied.vary(lab, variant)
            let chosen = (lab.constants ?? []).map { "\($0.name) \($0.value(for: variant))" }
            say("lab \(lab.name), variant \(variant): \(chosen.joined(separator: ", "))")
        }
        return varied
    }

    /// Runs all checks; returns the problems.
    public func run(_ labs: [(lab: Lab, folder: String)]) throws -> [String] {
        var problems: [String] = []
        let woven = labs.filter { $0.lab.patches == nil && !$0.lab.hasQuestions }
        if !woven.isEmpty { problems += try runWoven(woven) }
        for (lab, folder) in labs where lab.patches != nil { problems += try runPatched(lab, folder) }
        for (lab, folder) in labs where lab.hasQuestions { problems += try runAnswered(lab, folder) }
        return problems
    }

    /// A lab of questions: its right answers, stage by stage. Nothing of the tree changes: a guest runs its own kernel.
    private func runAnswered(_ lab: Lab, _ folder: String) throws -> [String] {
        let copy = try copy(to: "build/labs/\(lab.name)")
        let answered = HostTests(copy, targets: lab.targets)
        if lab.needsKernel {
            let found = try build(HostTests(tree, targets: []), kernel: true, "lab \(lab.name)")
            guard found.isEmpty else { return found }
        }
        try copy.makeStarter(of: lab, folder: folder)
        var problems: [String] = []
        for solved in 0...lab.stages.count {
            if solved > 0 { try copy.answer(lab, folder: folder, upTo: solved) }
            problems += try checkStages(lab, folder, answered, kernelOf: tree, variant: nil, solved: solved)
        }
        return problems
    }

    /// Labs that take bodies out: one tree with all their variants in it.
    private func runWoven(_ labs: [(lab: Lab, folder: String)]) throws -> [String] {
        let woven = try copy(to: "build/labs/woven")
        let variants = Variants(of: labs.map(\.lab))
        try variants.weave(into: woven)
        for (_, folder) in labs { try woven.addStarterFiles(of: folder) }
        let tests = HostTests(woven, targets: labs.reduce(into: []) { $0.formUnion($1.lab.targets) })
        let problems = try build(
            tests, kernel: labs.contains { $0.lab.needsKernel }, "all variants of \(labs.count) labs")
        guard problems.isEmpty else { return problems }
        return try labs.flatMap { (lab, folder) in
            var problems: [String] = []
            for solved in 0...lab.stages.count {
                let variant = variants.starter(of: lab, solvedTo: solved)
                problems += try checkStages(lab, folder, tests, variant: variant, solved: solved)
            }
            return try problems + checkMistakes(lab, folder, tests, variants)
        }
    }

    /// A lab that adds to the tree: its starter, with its patches one by one, and then with its mistakes.
    private func runPatched(_ lab: Lab, _ folder: String) throws -> [String] {
        var problems: [String] = []
        // The same folder as of the woven tree: what is the same need not be built again.
        var copy = try copy(to: "build/labs/woven")
        let tests = HostTests(copy, targets: lab.targets)
        for solved in 0...lab.stages.count {
            copy = try self.copy(to: "build/labs/woven")
            try copy.addStarterFiles(of: folder)
            try copy.apply((lab.patches ?? []).prefix(solved), of: folder)
            let found = try build(tests, kernel: true, "lab \(lab.name), \(solved) stages solved")
            guard found.isEmpty else { return found }
            problems += try checkStages(lab, folder, tests, variant: nil, solved: solved)
        }
        let variants = Variants(of: [lab])
        try variants.weave(into: copy)
        let found = try build(tests, kernel: true, "lab \(lab.name) with its mistakes")
        return found.isEmpty ? try problems + checkMistakes(lab, folder, tests, variants) : found
    }

    /// Builds what checks run; returns what the compiler says.
    private func build(_ tests: HostTests, kernel: Bool, _ what: String) throws -> [String] {
        // A mistake may leave a value unused: a lab's tree takes that for a warning.
        if tests.tree.root != tree.root { try Data("{}".utf8).write(to: tests.tree.file(".lab")) }
        var errors: [String] = []
        if !tests.targets.isEmpty {
            say("building the tests of \(what)")
            errors = try tests.build()
        }
        if kernel, errors.isEmpty {
            say("building the kernel of \(what)")
            do { try GuestTests.build(tests.tree) } catch let problem as CompileErrors { errors = problem.errors }
        }
        return errors.isEmpty ? [] : report(["\(what): it does not build:"] + errors)
    }

    private func report(_ problems: [String]) -> [String] {
        for problem in problems { say(problem) }
        return problems
    }

    private static func describe(_ outcomes: [(test: String, outcome: TestOutcome)]) -> String {
        outcomes.filter { $0.outcome != .passed }
            .map { "\n    \($0.test): \($0.outcome.words.kind) \($0.outcome.words.text.prefix(400))" }.joined()
    }

    /// With so many stages solved these are full, and the others have nothing.
    private func checkStages(
        _ lab: Lab, _ folder: String, _ tests: HostTests, kernelOf place: Tree? = nil, variant: String?, solved: Int
    ) throws -> [String] {
        let guest = try guest(
            of: lab, place ?? tests.tree, variant, lab.isMeasured ? benchmark(lab, folder, tools: tests.tree) : nil)
        defer { guest.end() }
        let grade = try lab.grade(
            tests, guest, stages: Array(1...lab.stages.count), folder: folder, variant: variant ?? "")
        say("lab \(lab.name), \(solved) of \(lab.stages.count) stages solved: \(grade.points) of \(grade.of) points")
        // What is measured is open: its solution gains something.
        let wrong = grade.stages.filter { stage in
            (lab.stages[stage.number - 1].measures == nil ? stage.isFull : stage.points > 0) != (stage.number <= solved)
        }
        for stage in grade.stages where !stage.gains.isEmpty { say(stage.measured) }
        return report(
            wrong.map { stage in
                "lab \(lab.name): with \(solved) stages solved, stage \(stage.number) has \(stage.points) of "
                    + "\(stage.of) points" + Self.describe(stage.outcomes)
            })
    }

    /// The starter of a lab in a folder of its own, to measure against.
    /// - Parameter tools: a tree whose tools are built.
    func benchmark(_ lab: Lab, _ folder: String, tools: Tree) throws -> Benchmark {
        let starter = try copy(to: "build/labs/starter")
        try starter.makeStarter(of: lab, folder: folder)
        try Data("{}".utf8).write(to: starter.file(".lab"))
        return Benchmark(starter: starter, tools: tools)
    }

    /// Each mistake in the solved tree is named.
    private func checkMistakes(
        _ lab: Lab, _ folder: String, _ tests: HostTests, _ variants: Variants
    ) throws -> [String] {
        var lab = lab
        let built = lab.targets.isEmpty ? [] : try tests.names()
        let all = try (1...lab.stages.count).flatMap { try lab.tests(ofStage: $0, in: built) }
        func run(_ mistake: Lab.Mistake, _ signs: [String]) throws -> [(test: String, outcome: TestOutcome)] {
            let variant = variants.mistake(mistake.name, of: lab)
            let named = all.filter { test in
                signs.contains { test == $0 || HostTests.plain(test) == HostTests.plain($0) }
            }
            var outcomes = tests.run(named, variant: variant).sorted { $0.key < $1.key }
                .map { (test: $0.key, outcome: $0.value) }
            let checks = lab.guestChecks.filter { signs.contains("guest/\($0.name)") }
            // A guest is booted only for a mistake that it is to show.
            guard !checks.isEmpty else { return outcomes }
            let guest = try guest(of: lab, tests.tree, variant)
            defer { guest.end() }
            for check in checks { outcomes.append(("guest/\(check.name)", try guest.run(check))) }
            return outcomes
        }
        var problems: [String] = []
        for mistake in lab.mistakes {
            let own = mistake.fails + (mistake.passes ?? [])
            let outcomes: [(test: String, outcome: TestOutcome)]
            if records {
                let isOfGuest = own.contains { $0.hasPrefix("guest/") }
                outcomes = try run(mistake, all + (isOfGuest ? lab.guestChecks.map { "guest/\($0.name)" } : []))
                let failed = outcomes.filter { $0.outcome.isDecided && $0.outcome != .passed }
                lab.failures = (lab.failures ?? [:]).merging([mistake.name: failed.map { HostTests.plain($0.test) }]) {
                    $1
                }
            } else {
                // The signs of the others, too: they must not be taken for it.
                let others = lab.mistakes.flatMap { $0.fails + ($0.passes ?? []) }.filter {
                    !$0.hasPrefix("guest/") || own.contains { $0.hasPrefix("guest/") }
                }
                outcomes = try run(mistake, own + others + (lab.failures?[mistake.name] ?? []))
            }
            let found = lab.recognised(in: outcomes).first
            let isNamed = found?.mistake.name == mistake.name && (found?.isSure == true || lab.failures == nil)
            say("lab \(lab.name), mistake \"\(mistake.name)\": \(isNamed ? "named" : "NOT named")")
            guard !isNamed else { continue }
            let taken = found.map { "\($0.isSure ? "" : "perhaps ")\"\($0.mistake.name)\"" } ?? "none"
            problems.append(
                "lab \(lab.name): the mistake \"\(mistake.name)\" is taken for \(taken); failed:"
                    + Self.describe(outcomes))
        }
        if records { try write(lab.failures ?? [:], of: lab, folder) }
        return report(problems)
    }

    private func write(_ failures: [String: [String]], of lab: Lab, _ folder: String) throws {
        let names = Set(lab.mistakes.map(\.name))
        let kept = failures.filter { names.contains($0.key) }.mapValues { $0.sorted() }
        let data = try JSONSerialization.data(
            withJSONObject: kept, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        try (data + Data("\n".utf8)).write(to: tree.file("\(folder)/failures.json"))
    }

    /// A guest whose kernel is a built tree's, or a variant of it.
    private func guest(
        of lab: Lab, _ tree: Tree, _ variant: String?, _ benchmark: Benchmark? = nil
    ) throws -> GuestTests {
        let kernel = tree.file("build/fast/swiftlet.elf")
        guard let variant, lab.needsKernel else { return GuestTests(tree, lab, kernel: kernel, benchmark: benchmark) }
        let copy = tree.file("build/fast/variant.elf")
        try Variants.choose(variant, in: kernel, to: copy)
        return GuestTests(tree, lab, kernel: copy)
    }

    /// Builds a lab's real starter: its host tests; and its kernel, where a guest is graded or it is asked for. Booted, it
    /// has no points.
    public func buildStarter(of lab: Lab, folder: String, kernel: Bool) throws -> [String] {
        // A lab that takes nothing out was tried with its starter already.
        guard !lab.holes.isEmpty else { return [] }
        let starter = try copy(to: "build/labs/woven")
        try starter.makeStarter(of: lab, folder: folder)
        let tests = HostTests(starter, targets: lab.targets)
        let boots = lab.needsKernel
        let problems = try build(tests, kernel: kernel || boots, "the starter of lab \(lab.name)")
        guard problems.isEmpty, boots else { return problems }
        return try checkStages(lab, folder, tests, variant: nil, solved: 0)
    }
}
