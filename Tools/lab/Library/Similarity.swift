// How much two submissions have in common. What is compared are the bodies that were written, token by token, without
// comments and layout, names and numbers made alike: renaming hides nothing.

import Foundation

/// The tokens of what one student wrote.
public struct Fingerprint: Sendable {
    /// Runs of five tokens, each once.
    let runs: Set<[String]>

    /// Words that are compared as they are; every other word is a name.
    private static let keywords: Set<String> = [
        "if", "else", "guard", "let", "var", "for", "while", "in", "return", "switch", "case", "default", "where", "do",
        "catch", "try", "throw", "defer", "break", "continue", "repeat", "nil", "true", "false", "self", "as", "is",
        "func", "struct", "enum", "extension", "consume", "unsafe", "inout", "borrowing", "consuming", "mutating",
    ]

    public init(of text: String) {
        let tokens = Self.tokens(of: text)
        let width = 5
        runs =
            tokens.count < width
            ? tokens.isEmpty ? [] : [tokens]
            : Set((0...tokens.count - width).map { Array(tokens[$0..<$0 + width]) })
    }

    static func tokens(of text: String) -> [String] {
        let bare = text.replacing(#/\/\*[\s\S]*?\*\//#, with: " ").replacing(#/\/\/[^\n]*/#, with: " ")
        return bare.matches(of: #/[A-Za-z_][A-Za-z0-9_]*|[0-9][0-9A-Za-z_.]*|"[^"\n]*"|[^\sA-Za-z0-9_"]/#).map {
            match in
            let token = String(match.0)
            guard let first = token.first else { return token }
            if first.isLetter || first == "_" { return keywords.contains(token) ? token : "name" }
            return first.isNumber ? "number" : first == "\"" ? "text" : token
        }
    }

    /// The part of the runs of the smaller one that the other has too: 0 to 1; 0 when there is too little to compare.
    public func likeness(to other: Fingerprint) -> Double {
        let least = min(runs.count, other.runs.count)
        return least < 20 ? 0 : Double(runs.intersection(other.runs).count) / Double(least)
    }
}

extension Tree {
    /// What stands in a tree in place of a lab's bodies. Of a lab that adds, what a difference adds.
    func written(for lab: Lab, difference: String) -> String {
        guard lab.patches == nil else {
            return difference.split(separator: "\n").filter { $0.hasPrefix("+") && !$0.hasPrefix("+++") }
                .map { String($0.dropFirst()) }.joined(separator: "\n")
        }
        return Dictionary(grouping: lab.holes, by: \.file).sorted { $0.key < $1.key }.map { path, holes in
            let names = Set(holes.map(\.declaration))
            guard let text = try? text(path), let all = try? declarations(in: path) else { return "" }
            let bytes = Array(text.utf8)
            return all.filter { names.contains($0.name) }.map { String(decoding: bytes[$0.body], as: UTF8.self) }
                // One that was not written has nothing to compare.
                .filter { !$0.contains("lab_\(lab.name)_") }.joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
