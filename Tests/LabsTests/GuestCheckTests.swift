// What the grader makes of a guest: a script stands for QEMU, so that each way a guest can fail comes about.

import Foundation
import Laboratory
import Testing

/// A machine whose shell knows a few commands. `BOOT` in its place's file `boot` says how far it comes.
private let machine = #"""
    #!/bin/bash
    case $(cat boot) in
        silent) sleep 0.2; exit 1 ;;
        firmware) echo "OpenSBI v1.3"; sleep 0.2; exit 1 ;;
        task) printf 'OpenSBI v1.3\nSwiftlet on 1 hart\n\npanic: LAB sum: `Sum.add(_:)` is not written yet (NetStack/Sum.swift)\n'; exit 1 ;;
    esac
    echo boot >>boots
    printf 'OpenSBI v1.3\nSwiftlet on 1 hart\n$ '
    while read -r line; do
        echo "$line"
        case $line in
            good) echo "all is well" ;;
            bad) echo "nothing is well" ;;
            panic) printf '\npanic: a Swift check failed\nhart 0, pid 3 (panic)\nbacktrace, innermost first:\n'; exit 1 ;;
            task) printf '\npanic: LAB sum: `Sum.add(_:)` is not written yet (NetStack/Sum.swift)\n'; exit 1 ;;
            program) echo 'LAB sum: `Sum.add(_:)` is not written yet (NetStack/Sum.swift)' ;;
            hang) sleep 30 ;;
        esac
        printf '$ '
    done

    """#

@Suite(.serialized) struct GuestCheckTests {
    private let tree: Tree
    private let lab: Lab

    init() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("labs-tests-\(UUID().uuidString)")
        tree = Tree(root)
        for folder in ["qemu", "build"] {
            try FileManager.default.createDirectory(at: tree.file(folder), withIntermediateDirectories: true)
        }
        try Data(machine.utf8).write(to: tree.file("qemu/start"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: tree.file("qemu/start").path)
        try Data().write(to: tree.file("build/fs.img"))
        let text = #"{"name": "sum", "title": "sums", "tasks": [], "stages": [], "mistakes": []}"#
        lab = try JSONDecoder().decode(Lab.self, from: Data(text.utf8))
    }

    private func check(_ text: String) throws -> Lab.GuestCheck {
        try JSONDecoder().decode(Lab.GuestCheck.self, from: Data("{\"name\": \"x\", \(text)}".utf8))
    }

    /// What comes of some checks of one guest. Nothing where QEMU is not installed: then nothing is graded.
    private func outcomes(boot: String = "", _ checks: String...) throws -> [TestOutcome]? {
        defer { try? FileManager.default.removeItem(at: tree.root) }
        try Data(boot.utf8).write(to: tree.file("boot"))
        let guest = GuestTests(tree, lab, kernel: tree.file("kernel"))
        defer { guest.end() }
        let found = try checks.map { try guest.run(check($0)) }
        if case .notRun(let text)? = found.first, text.contains("not installed") { return nil }
        return found
    }

    @Test func oneBootServesAllChecksAndAPanicCostsOneMore() throws {
        let good = #""run": "good", "expect": "all is well""#
        guard let found = try outcomes(good, good, #""run": "panic", "expect": "x""#, good) else { return }
        #expect(found[0] == .passed && found[1] == .passed && found[3] == .passed)
        guard case .failed(let text) = found[2] else {
            Issue.record("\(found[2])")
            return
        }
        #expect(text.contains("the kernel panicked") && text.contains("panic: a Swift check failed"))
        #expect(text.contains("backtrace, innermost first"), "the report is whole: \(text)")
    }

    @Test func whatCameIsShown() throws {
        guard let found = try outcomes(#""run": "bad", "expect": "all is well""#) else { return }
        guard case .failed(let text) = found[0] else {
            Issue.record("\(found[0])")
            return
        }
        #expect(text.contains("all is well") && text.contains("nothing is well"), "\(text)")
    }

    @Test(arguments: ["task", "program"]) func aTaskThatIsMissingIsNamed(command: String) throws {
        guard let found = try outcomes("\"run\": \"\(command)\", \"expect\": \"all is well\"") else { return }
        #expect(found[0] == .missing("LAB sum: `Sum.add(_:)` is not written yet (NetStack/Sum.swift)"))
    }

    @Test func aBootThatComesToATaskAnswersForAllChecks() throws {
        let good = #""run": "good", "expect": "all is well""#
        guard let found = try outcomes(boot: "task", #""console": "LAB sum: `Sum.add""#, good, good) else { return }
        let missing = TestOutcome.missing("LAB sum: `Sum.add(_:)` is not written yet (NetStack/Sum.swift)")
        #expect(found == [.passed, missing, missing])
    }

    @Test func aMachineThatDoesNotStartIsNotGraded() throws {
        guard let found = try outcomes(boot: "silent", #""run": "good", "expect": "x""#) else { return }
        guard case .notRun = found[0] else {
            Issue.record("\(found[0])")
            return
        }
    }

    @Test func aKernelThatSaysNothingFails() throws {
        guard let found = try outcomes(boot: "firmware", #""run": "good", "expect": "x""#) else { return }
        guard case .failed(let text) = found[0] else {
            Issue.record("\(found[0])")
            return
        }
        #expect(text.contains("the guest ended"), "\(text)")
    }

    @Test func aCommandThatDoesNotEndFailsInTime() throws {
        let hangs = #""run": "hang", "expect": "x", "seconds": 1"#
        guard let found = try outcomes(hangs, #""run": "good", "expect": "all is well""#) else { return }
        guard case .failed(let text) = found[0] else {
            Issue.record("\(found[0])")
            return
        }
        #expect(text.contains("hang ends"), "\(text)")
        #expect(found[1] == .passed, "the next check has a guest of its own")
    }

    @Test func aHostCommandIsTriedUntilItsAnswerIsRight() throws {
        let answer = #""run": "good", "host": "echo x >>tries; wc -l <tries", "hostExpect": "3""#
        guard let found = try outcomes(answer) else { return }
        #expect(found[0] == .passed)
    }
}
