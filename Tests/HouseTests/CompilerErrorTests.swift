// Documentation/CompilerErrors.md says what the compiler says: each first example fails with the message under it, each
// second one passes.

import Foundation
import TestSupport
import Testing

@Suite struct CompilerErrorTests {
    struct Example: CustomTestStringConvertible, Sendable {
        let title, wrong, message, right: String
        var testDescription: String { title }
    }

    private static let house = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let examples: [Example] = {
        let page = house.appendingPathComponent("Documentation/CompilerErrors.md")
        guard let text = try? String(contentsOf: page, encoding: .utf8) else { return [] }
        return text.components(separatedBy: "\n## ").dropFirst().map { section in
            let blocks = section.components(separatedBy: "```")
            let message = section.components(separatedBy: "\n    error: ").dropFirst().first ?? ""
            return Example(
                title: String(section.prefix { $0 != "\n" }), wrong: blocks.count > 1 ? blocks[1] : "",
                message: String(message.prefix { $0 != "\n" }), right: blocks.count > 3 ? blocks[3] : "")
        }
    }()

    /// The errors, without their places.
    private func errors(of block: String) throws -> [String] {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("example-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("Example.swift")
        try #require(block.hasPrefix("swift\n"))
        try block.dropFirst(6).write(to: file, atomically: true, encoding: .utf8)
        let child = try Child([
            "swiftc", "-swift-version", "6", "-enable-experimental-feature", "Lifetimes", "-strict-memory-safety",
            "-Werror", "StrictMemorySafety", "-parse-as-library", "-emit-sil", "-o", "/dev/null", file.path,
        ])
        let (status, output) = try child.finish(seconds: 300)
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n").filter { $0.contains(file.path) }
        let errors = lines.compactMap { $0.components(separatedBy: ": error: ").dropFirst().first }
        #expect((status == 0) == errors.isEmpty, "\(String(decoding: output, as: UTF8.self))")
        return errors.map { $0.components(separatedBy: " [#")[0] }
    }

    @Test func thePageHasExamples() { #expect(Self.examples.count > 10) }

    @Test(arguments: examples) func compilerSaysWhatThePageSays(example: Example) throws {
        #expect(try errors(of: example.wrong) == [example.message])
        #expect(try errors(of: example.right) == [])
    }
}
