// The labs' data files and texts keep to the tree: what they name is there, once.

import Foundation
import Laboratory
import Testing

/// The project: this file is Tests/LabsTests/LabFileTests.swift in it.
private let project = Tree(
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent())

/// Tests of a target as its sources have them, without argument labels: `Target.Suite/test()`.
private func tests(of target: String) throws -> [String] {
    // Labs bring tests with them, too.
    let folders = ["Tests/\(target)"] + LabFileTests.folders.map { "Labs/\($0)/starter/Tests/\(target)" }
    let paths = folders.flatMap { folder in
        (FileManager.default.enumerator(atPath: project.file(folder).path)?.compactMap { $0 as? String } ?? [])
            .map { "\(folder)/\($0)" }
    }
    return try paths.filter { $0.hasSuffix(".swift") }.flatMap { path in
        try project.declarations(in: path).filter { $0.attributes.contains("custom_attr") }.map {
            let name = $0.name.prefix { $0 != "(" }
            return "\(target)." + name.split(separator: ".").joined(separator: "/") + "()"
        }
    }
}

/// All tests of the targets that labs use, read once.
private let testsByTarget: [String: [String]] = {
    let labs = LabFileTests.folders.compactMap { try? project.lab(inFolder: $0) }
    let targets = labs.reduce(into: Set<String>()) { $0.formUnion($1.targets) }
    return Dictionary(uniqueKeysWithValues: targets.map { ($0, (try? tests(of: $0)) ?? []) })
}()

@Suite struct LabFileTests {
    static let folders = (try? project.labFolders()) ?? []

    @Test func thereAreLabs() { #expect(!Self.folders.isEmpty) }

    @Test(arguments: folders) func folderIsNumberAndName(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        #expect(folder.dropFirst(3) == lab.name && folder.prefix(2).allSatisfy(\.isNumber))
    }

    @Test(arguments: folders) func readmeHasItsSections(folder: String) throws {
        let text = try project.text("Labs/\(folder)/README.md")
        for section in [
            "What you will understand", "Read", "What you touch", "Tasks", "What you see", "How it is graded",
            "A question", "Going beyond",
        ] {
            let isThere = text.contains("\n## \(section)\n")
            #expect(isThere, "Labs/\(folder)/README.md lacks the section \(section)")
        }
        let unfolds = text.contains("<details>")
        #expect(unfolds, "Labs/\(folder)/README.md has no hints")
    }

    @Test(arguments: folders) func pointsAndStagesAddUp(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        #expect(lab.stages.reduce(0) { $0 + $1.points } == 100)
        #expect(Set(lab.tasks.map(\.stage)) == Set(1...lab.stages.count), "each stage has a task")
        for task in lab.tasks {
            #expect(["easy", "moderate", "hard"].contains(task.level) && task.hours > 0, "\(task.title)")
        }
    }

    /// What a stage is worth stands at its first task in the text.
    @Test(arguments: folders) func pointsStandAtTheTasks(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        let headings = try project.text("Labs/\(folder)/README.md").split(separator: "\n").filter {
            $0.contains(#/^\*\*\d\. /#)
        }
        let points = headings.compactMap { $0.firstMatch(of: #/\([^)]*; (\d+) points[^)]*\)/#).flatMap { Int($0.1) } }
        #expect(points == lab.stages.map(\.points))
    }

    /// What a text shows of a grading has the numbers of tests and points that a grading has.
    @Test(arguments: folders) func shownGradingsHaveTheirNumbers(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        let all = lab.targets.flatMap { testsByTarget[$0] ?? [] }
        let lines = try project.text("Labs/\(folder)/README.md").matches(
            of: #/stage (\d): .* of (\d+) tests +\d+ of (\d+) points/#)
        for line in lines {
            let number = try #require(Int(line.1)), stage = lab.stages[number - 1]
            let tests = Set(stage.tests.flatMap { HostTests.matching($0, in: all) }).count
            let others = (stage.guest?.count ?? 0) + (stage.questions?.count ?? 0) + (stage.measures?.count ?? 0)
            #expect(Int(line.2) == tests + others && Int(line.3) == stage.points, "\(line.0)")
        }
    }

    /// Each declaration is there once, and taken out once.
    @Test(arguments: folders) func declarationsAreThere(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        var seen: Set<String> = []
        for hole in lab.holes {
            _ = try project.declaration(hole.declaration, in: hole.file)
            #expect(seen.insert("\(hole.file) \(hole.declaration)").inserted, "\(hole.declaration) twice")
        }
    }

    @Test(arguments: folders) func filtersMatchTests(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        let all = lab.targets.flatMap { testsByTarget[$0] ?? [] }
        for pattern in lab.stages.flatMap(\.tests) {
            #expect(!HostTests.matching(pattern, in: all).isEmpty, "\(pattern) matches no test")
        }
        let checks = lab.guestChecks.map { "guest/\($0.name)" }
        #expect(Set(checks).count == checks.count, "a guest check's name stands twice")
        let staged = lab.stages.flatMap(\.tests).flatMap { HostTests.matching($0, in: all) } + checks
        for mistake in lab.mistakes {
            for test in mistake.fails + (mistake.passes ?? []) {
                #expect(staged.contains(test), "mistake \(mistake.name): \(test) is in no stage")
            }
        }
    }

    /// A guest check asks for something, and a guest on the grader's wire for nothing that only QEMU's network has.
    @Test(arguments: folders) func guestChecksAskForSomething(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        for check in lab.guestChecks {
            let asks = [check.console, check.expect, check.hostExpect, check.ping.map { "\($0)" }].contains {
                $0 != nil
            }
            #expect(asks || check.datagram != nil, "\(check.name)")
            let isOnWire = lab.guest?.network == "wire"
            #expect(isOnWire || check.ping == nil && check.datagram == nil, "\(check.name)")
            #expect(check.host == nil || lab.guest?.forward != nil, "\(check.name)")
            for text in [check.console, check.expect, check.hostExpect, check.datagram?.answer].compactMap({ $0 }) {
                #expect(throws: Never.self) { try NSRegularExpression(pattern: text) }
            }
        }
    }

    /// What is measured is in the table of `make bench`, and its points are the stage's.
    @Test(arguments: folders) func measuresAreInTheTable(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        let table = try project.text("Documentation/bench/reference.tsv").split(separator: "\n").map {
            $0.prefix { $0 != "\t" }
        }
        for stage in lab.stages {
            guard let measures = stage.measures else { continue }
            #expect(measures.reduce(0) { $0 + $1.points } == stage.points)
            for measure in measures {
                let isKnown = table.contains(Substring(measure.name))
                #expect(isKnown && measure.percent > 0, "\(measure.name)")
            }
        }
        for path in lab.kept ?? [] {
            let isThere = FileManager.default.fileExists(atPath: project.file(path).path)
            #expect(isThere, "\(path)")
        }
    }

    /// What was recorded is of the mistakes and graded tests that are there, and holds what the mistakes are known by.
    @Test(arguments: folders) func recordedFailuresAreOfThisLab(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        guard let failures = lab.failures else { return }
        #expect(Set(failures.keys) == Set(lab.mistakes.map(\.name)))
        let all = lab.targets.flatMap { testsByTarget[$0] ?? [] }
        let staged = Set(
            lab.stages.flatMap(\.tests).flatMap { HostTests.matching($0, in: all) }
                + lab.guestChecks.map { "guest/\($0.name)" })
        for mistake in lab.mistakes {
            let recorded = Set(failures[mistake.name] ?? [])
            #expect(recorded.subtracting(staged).isEmpty, "mistake \(mistake.name): in no stage")
            #expect(Set(mistake.fails).subtracting(recorded).isEmpty, "mistake \(mistake.name): not recorded")
            #expect(recorded.isDisjoint(with: mistake.passes ?? []), "mistake \(mistake.name): recorded and to pass")
        }
    }

    /// The answers that a lab's folder has are those of its marks.
    @Test(arguments: folders) func answersHaveTheirMarks(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        guard lab.hasQuestions else { return }
        let lines = try project.solvedAnswers(of: "Labs/\(folder)").split(separator: "\n")
        let questions = lab.stages.flatMap { $0.questions ?? [] }
        #expect(lines.count == questions.count && Set(questions.map(\.name)).count == questions.count)
        for (line, question) in zip(lines, questions) {
            let answer = line.dropFirst(question.name.count + 1)
            #expect(line.hasPrefix(question.name + ":"), "\(question.name)")
            #expect(question.marks.contains(lab.mark(of: String(answer), to: question.name)), "\(question.name)")
        }
    }

    /// Each lab has a figure that its text shows.
    @Test(arguments: folders) func figuresAreShown(folder: String) throws {
        let text = try project.text("Labs/\(folder)/README.md")
        let shown = text.matches(of: #/!\[[^\]]+\]\(([\w-]+\.svg)\)/#).map { String($0.1) }
        #expect(!shown.isEmpty)
        for figure in shown {
            let svg = try project.text("Labs/\(folder)/\(figure)")
            #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"), "\(figure)")
        }
    }

    /// What a variant changes is there.
    @Test(arguments: folders) func constantsAreThere(folder: String) throws {
        for constant in try project.lab(inFolder: folder).constants ?? [] {
            #expect(constant.values.count > 2 && Set(constant.values).count == constant.values.count)
            for place in constant.places {
                #expect(place.values?.count ?? constant.values.count == constant.values.count, "\(place.find)")
                let text = constant.text(of: place, value: 0)
                #expect(try project.text(place.file).contains(text), "\(place.file): \(text)")
            }
        }
    }

    /// A lab that adds to the tree has a solution for each stage, which applies.
    @Test(arguments: folders) func patchesApply(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        guard let patches = lab.patches else { return }
        #expect(patches.count == lab.stages.count)
        let place = try patched(lab, folder)
        try FileManager.default.removeItem(at: place.root)
    }

    /// A copy of the kernel and programs with all patches of a lab.
    private func patched(_ lab: Lab, _ folder: String) throws -> Tree {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("labs-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        for part in ["Kernel", "NetStack", "User", "Labs"] {
            try FileManager.default.copyItem(at: project.file(part), to: place.appendingPathComponent(part))
        }
        let tree = Tree(place)
        try tree.apply(lab.patches ?? [], of: "Labs/\(folder)")
        return tree
    }

    /// What a mistake replaces stands once in its declaration.
    @Test(arguments: folders) func mistakesCanBePlanted(folder: String) throws {
        let lab = try project.lab(inFolder: folder)
        let project = lab.patches == nil ? project : try patched(lab, folder)
        defer { if lab.patches != nil { try? FileManager.default.removeItem(at: project.root) } }
        #expect(lab.mistakes.count >= 3 || lab.hasQuestions)
        #expect(Set(lab.mistakes.map(\.name)).count == lab.mistakes.count)
        for mistake in lab.mistakes {
            let bytes = Array(try project.text(mistake.file).utf8)
            let declaration = try project.declaration(mistake.declaration, in: mistake.file)
            let body = String(decoding: bytes[declaration.body], as: UTF8.self)
            #expect(body.ranges(of: mistake.find).count == 1, "mistake \(mistake.name)")
            #expect(!mistake.fails.isEmpty && !mistake.says.isEmpty)
        }
    }
}
