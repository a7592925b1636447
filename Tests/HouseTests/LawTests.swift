// Laws of the source that the compiler does not hold: unsafe code says why, panics can be found by their text, what
// comments name is there.

import Foundation
import Testing

@Suite struct LawTests {
    /// Each unsafe expression of the system has its reason in a comment: on its line, or above the lines that it
    /// belongs to, up to ten.
    @Test(arguments: ["Kernel", "Drivers", "NetStack", "User", "Tools"])
    func everyUnsafeHasItsReason(_ folder: String) {
        for file in swiftFiles(below: folder) {
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
            let code = file.code.split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in code.enumerated()
            where line.replacing("@unsafe", with: "").contains(#/\bunsafe\b(?!:|\))/#) {
                let above = lines[max(0, index - 10)..<index].contains { $0.contains("//") }
                #expect(lines[index].contains("//") || above, "\(file.path):\(index + 1): unsafe without its reason")
            }
        }
    }

    /// State that several harts write is under a lock or atomic, and constants of the program are constants.
    @Test func noUncheckedGlobals() {
        var count = 0
        for folder in ["Kernel", "Drivers", "NetStack"] {
            for file in swiftFiles(below: folder) { count += file.code.matches(of: #/nonisolated\(unsafe\)/#).count }
        }
        #expect(count <= 15, "nonisolated(unsafe) \(count) times")
    }

    /// A text names one place: the literals given to `panic` and, in the kernel's modules, to `precondition`.
    @Test func eachPanicTextIsUnique() {
        var places: [String: [String]] = [:]
        for file in swiftFiles(below: "Kernel") + swiftFiles(below: "Drivers") + swiftFiles(below: "NetStack") {
            let text = file.text.replacing(#/(?m)^\s*\/\/.*/#, with: "")
            for match in text.matches(of: #/\bpanic\("((?:[^"\\]|\\.)*)"\)/#) {
                places[String(match.1), default: []].append(file.path)
            }
            for match in text.matches(of: #/\bprecondition\([^\n]*, "((?:[^"\\]|\\.)*)"\)/#) {
                places[String(match.1), default: []].append(file.path)
            }
        }
        #expect(places.count > 20, "the texts were not found")
        for (text, files) in places where files.count > 1 {
            Issue.record("\"\(text)\" stands in \(files.joined(separator: " and "))")
        }
    }

    /// Documents and comments name files and symbols that are there.
    @Test func whatIsReferredToIsThere() {
        let paths = Set(sourceFiles.map(\.path))
        let names = Set(sourceFiles.map(\.name))
        var words: Set<Substring> = []
        let folders = sourceFiles.flatMap { $0.path.split(separator: "/") }
        words.formUnion(folders)
        for file in sourceFiles where !file.path.hasSuffix(".md") {
            words.formUnion(file.code.matches(of: #/\w+/#).map(\.0))
        }
        // The fuzzer's entry names a header and a function of LLVM's.
        for file in sourceFiles
        where (file.path.hasSuffix(".md") || file.path.hasSuffix(".swift"))
            && file.path != "Tests/Fuzz/Entry/Entry.swift"
        {
            let text = file.path.hasSuffix(".md") ? file.text : file.comments
            for match in text.matches(
                of: #/(?:^|[^\w\/.-])((?:[A-Za-z][\w+-]*\/)*[A-Z][\w+-]*\.(?:swift|md|S|h|ld|json))\b/#)
            {
                let path = String(match.1)
                let isThere =
                    paths.contains(path) || names.contains(path) || paths.contains { $0.hasSuffix("/" + path) }
                #expect(isThere, "\(file.path) names \(path), which is not there")
            }
            for match in text.matches(of: #/`([A-Za-z_][\w.]*)(?:\([\w:]*\))?`/#)
            where match.1.contains(#/[a-z][A-Z]|_|^[A-Z][a-z]/#) {
                guard let word = match.1.split(separator: ".").last else { continue }
                let isThere = words.contains(word)
                #expect(isThere, "\(file.path) names `\(match.1)`, which is not there")
            }
        }
    }

    /// Documentation/ABI.md has the text that stands beside each call's number.
    @Test func theContractHasEveryCall() throws {
        let document = try #require(sourceFiles.first { $0.path == "Documentation/ABI.md" }).text
        let source = try #require(sourceFiles.first { $0.path == "Kernel/Interface/SystemCallNumber.swift" }).text
        var comment: [Substring] = []
        var number = 0
        var count = 0
        for line in source.split(separator: "\n").map({ $0.trimmingPrefix(while: \.isWhitespace) }) {
            if line.hasPrefix("///") {
                comment.append(line.dropFirst(3).trimmingPrefix(while: \.isWhitespace))
            } else if line.hasPrefix("case ") {
                for name in line.dropFirst(5).split(separator: ",") {
                    let parts = name.split(separator: "=").map { $0.trimmingCharacters(in: .whitespaces) }
                    number = parts.count > 1 ? Int(parts[1]) ?? 0 : number + 1
                    let text = comment.isEmpty ? parts[0] + "." : comment.joined(separator: " ")
                    let row = "| \(number) | \(text) |"
                    let isThere = document.contains("\n" + row)
                    #expect(isThere, "Documentation/ABI.md lacks: \(row)")
                    count += 1
                }
                comment = []
            } else {
                comment = []  // it belongs to another declaration
            }
        }
        #expect(count >= 50, "the numbers were not found")
    }
}
