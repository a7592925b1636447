import Foundation

/// What DocC said while it made the site (`docc convert --diagnostics-file`).
public enum Diagnostics {
    private struct File: Decodable {
        struct Diagnostic: Decodable {
            struct Range: Decodable {
                struct Place: Decodable { let line: Int }
                let start: Place
            }
            let summary: String
            let source: String?
            let range: Range?
        }
        let diagnostics: [Diagnostic]
    }

    /// What is wrong, a line each: such as a link that leads nowhere. That a parameter has no text of its own is not:
    /// comments here speak of those parameters that need it.
    /// - Throws: when the file is not what DocC writes.
    public static func problems(in path: String) throws -> [String] {
        let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        return file.diagnostics.filter { !$0.summary.hasSuffix("is missing documentation") }
            .map { "\($0.source ?? "?"):\($0.range?.start.line ?? 0): \($0.summary)" }
    }
}
