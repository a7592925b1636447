// What grading of folders, answers and variants is made of: likeness, marks, constants.

import Foundation
import Testing

@testable import Laboratory

private let body = """
    {
        // adds all words
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count - 1, by: 2) {
            sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
        }
        if bytes.count % 2 == 1 { sum += UInt32(bytes[bytes.count - 1]) << 8 }
        while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
        return UInt16(sum)
    }
    """

private let lab = """
    {"name": "sum", "title": "sums", "tasks": [], "stages": [], "mistakes": [], "constants": [
      {"name": "port", "values": ["7", "1007", "2049", "4321"],
       "places": [{"file": "a.json", "find": "udp:{}\\""}, {"file": "b.md", "find": "port {}."},
                  {"file": "b.md", "find": "the {} port", "values": ["old", "new", "two-thousand-and-forty-ninth", "long"]}]}]}
    """

@Suite struct SubmissionTests {
    @Test func renamingAndLayoutHideNothing() {
        let renamed = body.replacing("sum", with: "total").replacing("index", with: "i").replacing(
            "// adds", with: "// x"
        )
        .replacing("bytes", with: "data").replacing("\n        ", with: "\n  ")
        #expect(Fingerprint(of: body).likeness(to: Fingerprint(of: renamed)) == 1)
    }

    @Test func otherWaysAreOtherWays() {
        let other = """
            {
                let words = bytes.indices.map { ($0 & 1 == 0 ? UInt64(bytes[$0]) << 8 : UInt64(bytes[$0])) }
                var folded = words.reduce(0, +)
                repeat { folded = (folded & 0xffff) + (folded >> 16) } while folded > 0xffff
                return UInt16(truncatingIfNeeded: folded)
            }
            """
        #expect(Fingerprint(of: body).likeness(to: Fingerprint(of: other)) < 0.5)
        #expect(Fingerprint(of: "{ a + b }").likeness(to: Fingerprint(of: "{ c + d }")) == 0, "too short to say")
    }

    @Test func answersAreComparedWithoutWhatIsTaste() throws {
        let lab = try JSONDecoder().decode(Lab.self, from: Data(lab.utf8))
        let mark = lab.mark(of: "store page fault", to: "cause")
        #expect(lab.mark(of: " Store  Page fault.", to: "cause") == mark)
        #expect(lab.mark(of: "`store page fault`", to: "cause") == mark)
        #expect(lab.mark(of: "load page fault", to: "cause") != mark)
        #expect(lab.mark(of: "store page fault", to: "other") != mark, "the same answer has another mark elsewhere")
        #expect(lab.mark(of: "86,400", to: "n") == lab.mark(of: "86400", to: "n"))
    }

    /// A guest's word counts only when it is not the student's own.
    @Test func programsThatTheGraderRunsStayAsTheyAre() throws {
        let text = """
            {"name": "sum", "title": "sums", "tasks": [], "mistakes": [], "patches": ["stage1.patch"], "kept": ["Kernel/Count.swift"],
             "stages": [{"title": "s", "points": 100, "hint": "h", "tests": [], "guest": [
               {"name": "a", "before": "httpd -p 81 / &", "run": "fetch -q 127.0.0.1 | grep -c x; usertests cow"},
               {"name": "b", "run": "sums"}]}]}
            """
        let lab = try JSONDecoder().decode(Lab.self, from: Data(text.utf8))
        let programs = ["cat.swift", "fetch", "grep", "httpd", "init.swift", "sh", "usertests"]
        let parts = lab.protected(files: ["User/Programs/check.swift"], programs: programs)
        #expect(
            parts.filter { $0.contains("Programs/") }.map { $0.dropFirst("User/Programs/".count) }
                == ["check.swift", "fetch", "grep", "httpd", "init.swift", "sh", "usertests"])
        #expect(parts.contains("Tests") && parts.contains("Kernel/Count.swift") && !parts.contains("User/Library"))
    }

    @Test func whatIsHandedInIsAppliedWithoutWhatIsTheTeachers() throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("labs-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: root.appendingPathComponent("Tests"), withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        let tree = Tree(root), file = tree.file("one.diff")
        for path in ["Tests/a", "b"] { try Data("old\n".utf8).write(to: tree.file(path)) }
        func handIn(_ text: String) throws {
            try Data(text.utf8).write(to: file)
            try tree.applyStudents(file, without: ["Tests"])
        }
        try handIn("")
        try handIn("\n")
        #expect(throws: LabError.self) { try handIn("I wrote nothing.\n") }
        try handIn(["Tests/a", "b"].map { "--- a/\($0)\n+++ b/\($0)\n@@ -1 +1 @@\n-old\n+new\n" }.joined())
        #expect(try tree.text("Tests/a") == "old\n" && tree.text("b") == "new\n")
    }

    @Test func aVariantChangesItsConstantsEverywhere() throws {
        let lab = try JSONDecoder().decode(Lab.self, from: Data(lab.utf8))
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("labs-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: root) }
        let tree = Tree(root)
        let constant = try #require(lab.constants?.first)
        let variant = try #require((0..<50).map { "name\($0)" }.first { constant.value(for: $0) == "2049" })
        try Data("\"udp:7\" and udp:77".utf8).write(to: tree.file("a.json"))
        try Data("port 7. port 70. the old port".utf8).write(to: tree.file("b.md"))
        try tree.vary(lab, variant)
        #expect(try tree.text("a.json") == "\"udp:2049\" and udp:77")
        #expect(try tree.text("b.md") == "port 2049. port 70. the two-thousand-and-forty-ninth port")
        #expect(throws: LabError.self, "the constant is not there any more") { try tree.vary(lab, variant) }
        #expect(Set((0..<50).map { constant.value(for: "name\($0)") }) == Set(constant.values.dropFirst()))
    }
}
