// Measuring a tree's kernel against the starter's: Tools/bench counts guest instructions of both, with the programs of the
// starter, so that what is gained is gained in the kernel, and a kernel that does not run them has broken its promises.

import Foundation

/// The starter's kernel, programs and numbers, in a folder that is made once.
public struct Benchmark: Sendable {
    /// The sources of the starter, with what was built of them.
    let starter: Tree
    /// Whose tools are used.
    let tools: Tree

    /// Of a lab's tree: the sources come from the commit that the tree began with.
    static func ofLabTree(_ tree: Tree, name: String) throws -> Benchmark {
        let starter = Tree(tree.file("build/starter"))
        let commit = try git("rev-parse", "refs/labs/\(name)", in: tree)
        if (try? starter.text(".commit")) != commit {
            try? FileManager.default.removeItem(at: starter.root)
            try FileManager.default.createDirectory(at: starter.root, withIntermediateDirectories: true)
            let pipe = "git archive \(commit) | tar x -C build/starter"
            try Command(["bash", "-o", "pipefail", "-c", pipe], in: tree.root).output()
            try Data(commit.utf8).write(to: starter.file(".commit"))
        }
        return Benchmark(starter: starter, tools: tree)
    }

    /// Builds kernel, programs and disk image of the starter, if that was not done.
    func prepare() throws {
        var make = Command(["make", "--no-print-directory", "FAST=1", "programs"], in: starter.root)
        make.environment = ["MAKEFLAGS": "", "MFLAGS": "", "MAKELEVEL": "", "FORMAT": ""]
        try make.output()
        let built = "build/fast/freestanding/release"
        let programs = try FileManager.default.contentsOfDirectory(atPath: starter.file("User/Programs").path)
            .map { String($0.prefix { $0 != "." }) }.sorted()
        try tool("kernel-image", "\(built)/swiftlet", "build/fast/swiftlet.elf")
        try tool(["program-image", "build/programs"] + programs.map { "\(built)/\($0)" })
        try? FileManager.default.removeItem(at: starter.file("build/fs.img"))
        try tool(
            ["mkfs", "--double-indirect", "build/fs.img", "README=README.md"] + programs.map { "build/programs/\($0)" })
    }

    private func tool(_ words: String...) throws { try tool(words) }

    private func tool(_ words: [String]) throws {
        try Command([tools.file("build/tools/release/\(words[0])").path] + words.dropFirst(), in: starter.root).output()
    }

    /// The lesser numbers of two runs: a busy host makes a guest execute more, never less.
    /// - Throws: LabError with what the guest printed when it did not come to its end.
    func numbers(_ measures: [Lab.Measure], of kernel: URL) throws -> [String: Int] {
        let first = try once(measures, of: kernel)
        return first.merging(try once(measures, of: kernel), uniquingKeysWith: min)
    }

    private func once(_ measures: [Lab.Measure], of kernel: URL) throws -> [String: Int] {
        let operations = measures.map { $0.name.hasPrefix("virtio-") ? String($0.name.dropFirst(7)) : $0.name }
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("lab-bench-\(UUID().uuidString).tsv")
        defer { try? FileManager.default.removeItem(at: file) }
        var command = Command(
            [tools.file("build/tools/release/bench").path, "measure", "--once", "--output", file.path] + operations,
            in: starter.root)
        command.environment = ["KERNEL": kernel.standardizedFileURL.path]
        command.limit = 300
        try command.output()
        let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }
        let pairs = lines.compactMap { line -> (String, Int)? in
            let fields = line.split(separator: "\t")
            return fields.count == 2 ? Int(fields[1]).map { (String(fields[0]), $0) } : nil
        }
        return Dictionary(pairs, uniquingKeysWith: min)
    }
}

extension GuestTests {
    /// Measures the tree's kernel, and the starter's.
    /// - Returns: what came of each operation, and the gains where all could be measured.
    /// - Throws: CompileErrors of the kernel.
    func gains(_ measures: [Lab.Measure]) throws -> (outcomes: [TestOutcome], gains: [Gain]) {
        func all(_ outcome: TestOutcome) -> ([TestOutcome], [Gain]) { (measures.map { _ in outcome }, []) }
        guard let benchmark else { return all(.notRun("there is no starter to compare with: make lab makes its tree")) }
        guard Self.isInstalled("qemu-system-riscv64") else {
            return all(.notRun("qemu-system-riscv64 is not installed"))
        }
        try buildOnce()
        let before: [String: Int], now: [String: Int]
        willBuild("the starter's kernel, to compare with")
        do {
            try benchmark.prepare()
            before = try benchmark.numbers(measures, of: benchmark.starter.file("build/fast/swiftlet.elf"))
        } catch { return all(.notRun("the starter's kernel could not be measured: \(error)")) }
        do { now = try benchmark.numbers(measures, of: kernel) } catch {
            return all(
                .failed("with this kernel the starter's programs do not come to the end of their measures: \(error)"))
        }
        var gains: [Gain] = []
        let outcomes = measures.map { measure -> TestOutcome in
            guard let before = before[measure.name], let now = now[measure.name] else {
                return .notRun("bench says nothing of \(measure.name)")
            }
            let gain = Gain(measure: measure, before: before, now: now)
            gains.append(gain)
            guard gain.isWorse else { return .passed }
            return .failed(
                "\(before) instructions of the starter's kernel became \(now), \(Gain.tenths(-gain.percent)) % more; "
                    + "with more than \(Gain.tenths(Gain.limit)) % nothing that was gained elsewhere counts")
        }
        return (outcomes, gains)
    }
}
