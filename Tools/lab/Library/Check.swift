// `make labs-check`: what a lab promises, tried. Its starter scores 0; with the tasks of the first stages solved these
// are full and the later ones 0; the solved tree scores full; each planted mistake is named.

import Foundation

/// Checks of labs in a scratch copy of the tree.
public struct LabCheck {
    let tree: Tree
    let say: (String) -> Void

    public init(_ tree: Tree, say: @escaping (String) -> Void) {
        self.tree = tree
        self.say = say
    }

    /// Copies what git tracks, or would, into a folder that keeps its build; files whose text is the same are left
    /// alone.
    func copy(to folder: String) throws -> Tree {
        let copy = Tree(tree.file(folder))
        let files = try git("ls-files", "-co", "--exclude-standard", in: tree).split(separator: "\n").map(String.init)
        let manager = FileManager.default
        var wanted: Set<String> = []
        for path in files where manager.fileExists(atPath: tree.file(path).path) {
            wanted.insert(path)
            let data = try Data(contentsOf: tree.file(path))
            guard (try? Data(contentsOf: copy.file(path))) != data else { continue }
            try manager.createDirectory(
                at: copy.file(path).deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: copy.file(path))
        }
        for case let path as String in manager.enumerator(atPath: copy.root.path) ?? .init()
        where !path.hasPrefix("build") && path.hasSuffix(".swift") && !wanted.contains(path) {
            try manager.removeItem(at: copy.file(path))
        }
        return copy
    }

    /// Runs all checks; returns the problems.
    public func run(_ labs: [(lab: Lab, folder: String)]) throws -> [String] {
        let woven = try copy(to: "build/labs/woven")
        let variants = Variants(of: labs.map(\.lab))
        try variants.weave(into: woven)
        // A mistake may leave a value unused: a lab's tree takes that for a warning.
        try Data("{}".utf8).write(to: woven.file(".lab"))
        let tests = HostTests(woven, targets: labs.reduce(into: []) { $0.formUnion($1.lab.targets) })
        say("building the tests with all variants of \(labs.count) labs")
        let errors = try tests.build()
        guard errors.isEmpty else { return ["the woven tree does not build:"] + errors }
        var problems: [String] = []
        for (lab, folder) in labs {
            let found = try check(lab, folder, tests, variants)
            for problem in found { say(problem) }
            problems += found
        }
        return problems
    }

    private func check(_ lab: Lab, _ folder: String, _ tests: HostTests, _ variants: Variants) throws -> [String] {
        var problems: [String] = []
        let all = Array(1...lab.stages.count)
        for solved in 0...lab.stages.count {
            let variant = variants.starter(of: lab, solvedTo: solved)
            let grade = try lab.grade(tests, stages: all, folder: folder, variant: variant)
            say("lab \(lab.name), \(solved) of \(all.count) stages solved: \(grade.points) of \(grade.of) points")
            for stage in grade.stages where stage.isFull != (stage.number <= solved) {
                let failed = stage.outcomes.filter { $0.outcome != .passed }
                    .map { "\($0.test): \($0.outcome.words.kind) \($0.outcome.words.text.prefix(400))" }
                problems.append(
                    "lab \(lab.name): with \(solved) stages solved, stage \(stage.number) has \(stage.points) of "
                        + "\(stage.of) points\n    \(failed.joined(separator: "\n    "))")
            }
        }
        let signs = Set(lab.mistakes.flatMap { $0.fails + ($0.passes ?? []) }).sorted()
        let built = try tests.names()
        let named = signs.flatMap { HostTests.matching($0, in: built) }
        var quick = tests
        quick.limit = 90  // some mistakes make a test run for ever
        for mistake in lab.mistakes {
            let outcomes = quick.run(named, variant: variants.mistake(mistake.name, of: lab)).sorted { $0.key < $1.key }
                .map { (test: $0.key, outcome: $0.value) }
            let name = lab.mistakes(in: outcomes).first?.name
            say("lab \(lab.name), mistake \"\(mistake.name)\": \(name == mistake.name ? "named" : "NOT named")")
            guard name != mistake.name else { continue }
            let failed = outcomes.filter { $0.outcome != .passed }
                .map { "\($0.test): \($0.outcome.words.kind) \($0.outcome.words.text.prefix(400))" }
            problems.append(
                "lab \(lab.name): the mistake \"\(mistake.name)\" is taken for \(name.map { "\"\($0)\"" } ?? "none"); failed:"
                    + "\n    \(failed.joined(separator: "\n    "))")
        }
        return problems
    }

    /// Builds a lab's real starter: its host tests, and the kernel with its link guard where asked for.
    public func buildStarter(of lab: Lab, folder: String, kernel: Bool) throws -> [String] {
        let starter = try copy(to: "build/labs/starter")
        try starter.makeStarter(of: lab, folder: folder)
        say("lab \(lab.name): building the starter's tests")
        let errors = try HostTests(starter, targets: lab.targets).build()
        guard errors.isEmpty else { return ["lab \(lab.name): the starter does not build:"] + errors }
        guard kernel else { return [] }
        say("lab \(lab.name): building the starter's kernel")
        let made = try Command(["make", "kernel"], in: starter.root).run()
        return made.status == 0
            ? [] : ["lab \(lab.name): the starter's kernel does not build:", made.text + made.errors]
    }
}
