// The tool's own parts: bodies are found by the compiler's parser, taken out and put back; mistakes are told apart.

import Foundation
import Laboratory
import Testing

private let source = """
    public struct Sum {
        var value = 0  // a brace in a comment: {

        /// Adds.
        @inline(__always)
        mutating func add(_ number: Int, times: Int = 1) {
            let text = "and one in a string: }"
            value += number * times + text.count * 0
        }
        var doubled: Int { value * 2 }
    }
    extension Sum { init(of number: Int) { value = number } }

    """

private let description = """
    {"name": "sum", "title": "sums", "tasks": [{"title": "t", "stage": 2, "level": "easy", "hours": 1,
      "file": "NetStack/Sum.swift", "declarations": ["Sum.add(_:times:)", "Sum.doubled", "Sum.init(of:)"]}],
     "stages": [], "mistakes": []}
    """

@Suite struct StarterTests {
    /// A folder with one file of the stack's.
    private func makeTree() throws -> Tree {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("labs-tests-\(UUID().uuidString)")
        let tree = Tree(root)
        for folder in ["NetStack", "Kernel/Machine/User"] {
            try FileManager.default.createDirectory(at: tree.file(folder), withIntermediateDirectories: true)
        }
        try Data(source.utf8).write(to: tree.file("NetStack/Sum.swift"))
        return tree
    }

    @Test func declarationsHaveTheirTypesAndLabels() throws {
        let tree = try makeTree()
        defer { try? FileManager.default.removeItem(at: tree.root) }
        #expect(
            try tree.declarations(in: "NetStack/Sum.swift").map(\.name)
                == ["Sum.add(_:times:)", "Sum.doubled", "Sum.init(of:)"])
        #expect(try tree.declaration("Sum.doubled", in: "NetStack/Sum.swift").returnsItsExpression)
        #expect(throws: LabError.self) { try tree.declaration("Sum.halved", in: "NetStack/Sum.swift") }
    }

    @Test func starterHasCallsWhereBodiesWere() throws {
        let tree = try makeTree()
        defer { try? FileManager.default.removeItem(at: tree.root) }
        let lab = try JSONDecoder().decode(Lab.self, from: Data(description.utf8))
        try tree.makeStarter(of: lab, folder: "Labs/99-sum")
        let text = try tree.text("NetStack/Sum.swift")
        let expected = """
            public struct Sum {
                var value = 0  // a brace in a comment: {

                /// Adds.
                @inline(__always)
                mutating func add(_ number: Int, times: Int = 1) {
                    // Stage 2: Labs/99-sum/README.md says what belongs here.
                    lab_sum_Sum_add_times()
                }
                var doubled: Int {
                    // Stage 2: Labs/99-sum/README.md says what belongs here.
                    lab_sum_Sum_doubled()
                }
            }
            extension Sum { init(of number: Int) {
                // Stage 2: Labs/99-sum/README.md says what belongs here.
                lab_sum_Sum_init_of()
            } }

            """
        #expect(text == expected)
        let tasks = try tree.text(Tree.tasksFile(of: "NetStack"))
        #expect(tasks.contains("\"LAB sum: `Sum.add(_:times:)` is not written yet (NetStack/Sum.swift)\""))
    }

    @Test func patternsMeanTestsOrSuites() {
        let all = ["A.S/one()", "A.S/two(x:)", "A.SX/one()"]
        #expect(HostTests.matching("A.S", in: all) == ["A.S/one()", "A.S/two(x:)"])
        #expect(HostTests.matching("A.S/two()", in: all) == ["A.S/two(x:)"])
        #expect(HostTests.matching("A.S/one", in: all) == ["A.S/one()"])
        #expect(HostTests.matching("A.S/on", in: all).isEmpty)
    }
}
