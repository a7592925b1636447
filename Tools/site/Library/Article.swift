// A page of the repository as DocC takes it: its links lead to other pages of the site, pictures lie beside it, hints
// that unfold are tabs.

import Foundation

/// One Markdown file, and its name on the site.
struct Article {
    /// Where it lies, from the project's folder.
    let path: String
    /// Its name in links of DocC, and in the address.
    let name: String
    private let text: String

    init(path: String, name: String, text: String) { (self.path, self.name, self.text) = (path, name, text) }

    /// The text between the heading and the first heading of the second order, and what follows.
    private var lines: [String] { text.components(separatedBy: "\n") }

    /// The heading.
    var title: String { String(lines.first { $0.hasPrefix("# ") }?.dropFirst(2) ?? "") }

    /// The pictures it shows, from the project's folder.
    func pictures() -> [String] {
        text.matches(of: /!\[[^\]]*\]\(([^)\s]+)\)/).map { Self.resolve(String($0.1), from: path) }
    }

    /// The text for DocC.
    /// - Parameters:
    ///   - names: of all articles, by their paths.
    ///   - extra: lines for under the heading.
    /// - Throws: a link to a file that is no page of the site.
    func converted(names: [String: String], extra: String = "") throws(SiteError) -> String {
        var result: [String] = []
        var isCode = false
        for line in lines {
            if line.hasPrefix("```") { isCode.toggle() }
            guard !isCode, !line.hasPrefix("    ") else {
                result.append(line)
                continue
            }
            // A heading is text only.
            let plain = line.hasPrefix("#") ? line.replacingOccurrences(of: "`", with: "") : line
            result.append(try withLinks(plain, names: names))
            if line.hasPrefix("# "), !extra.isEmpty { result += ["", extra] }
        }
        return Self.withTabs(result.joined(separator: "\n"))
    }

    private func withLinks(_ line: String, names: [String: String]) throws(SiteError) -> String {
        var result = ""
        var rest = line[...]
        while let link = rest.firstMatch(of: /(!?)\[([^\]]*)\]\(([^)\s]+)\)/) {
            result += rest[..<link.range.lowerBound]
            rest = rest[link.range.upperBound...]
            let target = String(link.3)
            if target.contains("://") {
                result += link.0
                continue
            }
            let file = Self.resolve(target, from: path)
            if !link.1.isEmpty {
                result += "![\(link.2)](\(Self.pictureName(file)))"
            } else if let name = names[file] {
                result += "[\(link.2)](doc:\(name))"
            } else {
                throw SiteError("\(path): a link to \(target), which is no page of the site")
            }
        }
        return result + rest
    }

    /// A name for a picture that no other folder's has.
    static func pictureName(_ path: String) -> String {
        path.hasPrefix("Documentation/pictures/")
            ? String(path.dropFirst(23)) : path.replacingOccurrences(of: "/", with: "-").lowercased()
    }

    /// A path in a link, from the project's folder. What stands behind # is left out.
    private static func resolve(_ target: String, from path: String) -> String {
        var parts = path.split(separator: "/").dropLast().map(String.init)
        for part in target.prefix(while: { $0 != "#" }).split(separator: "/") {
            if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(String(part)) }
        }
        return parts.joined(separator: "/")
    }

    /// DocC shows no HTML: what unfolds becomes a row of tabs whose first is empty.
    private static func withTabs(_ text: String) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.range(of: "<details><summary>"),
            let middle = rest[start.upperBound...].range(of: "</summary>"),
            let end = rest[middle.upperBound...].range(of: "</details>")
        {
            let summary = rest[start.upperBound..<middle.lowerBound]
            let body = rest[middle.upperBound..<end.lowerBound].trimmingCharacters(in: .newlines)
            // Quotation marks end a directive's argument.
            let title = summary.replacingOccurrences(of: "\"", with: "'")
            result += rest[..<start.lowerBound]
            result += """

                @TabNavigator {
                    @Tab("Folded") { … }
                    @Tab("\(title)") {

                \(body.components(separatedBy: "\n").map { $0.isEmpty ? "" : "        " + $0 }.joined(separator: "\n"))
                    }
                }

                """
            rest = rest[end.upperBound...]
        }
        return result + rest
    }
}
