// What a Swift file declares, as the toolchain's own parser sees it.

import Foundation

/// A function, initialiser or accessor with a body.
public struct Declaration: Sendable {
    /// With the types around it and its argument labels: `Checksum.add(_:from:to:)`, `ICMPHeader.init(parsing:)`; of a
    /// computed property's getter `Checksum.folded`, of other accessors `Packet.bytes.set`.
    public let name: String
    /// Offset in bytes of UTF-8 where it starts, behind its attributes.
    public let start: Int
    /// From the opening brace to behind the closing one.
    public let body: Range<Int>
    /// The body is one expression, whose value is returned without the word.
    public let returnsItsExpression: Bool
    /// Attributes that it carries: `Test` of a test.
    public let attributes: [String]
}

extension Tree {
    /// All declarations with bodies in a file, in order.
    public func declarations(in path: String) throws -> [Declaration] {
        // Not by way of swiftc, which leaves an empty folder in TMPDIR each time.
        let result = try Command(
            ["swift-frontend", "-dump-parse", "-dump-ast-format", "json"]
                + ["-enable-experimental-feature", "Lifetimes", file(path).path]
        ).run()
        guard let tree = try? JSONSerialization.jsonObject(with: result.output) as? [String: Any] else {
            throw LabError("\(path): the compiler does not parse it:\n\(result.errors)")
        }
        var walk = DeclarationWalk(text: Array(try text(path).utf8))
        walk.visit(tree["items"], inside: [])
        return walk.found
    }

    /// The one declaration of this name in a file.
    public func declaration(_ name: String, in path: String) throws -> Declaration {
        let all = try declarations(in: path)
        let found = all.filter { $0.name == name }
        guard found.count == 1 else {
            throw LabError(
                "\(path): \(found.count) declarations are named \(name); there are "
                    + all.map(\.name).joined(separator: ", "))
        }
        return found[0]
    }

    /// The doc comment of a declaration, as one line; empty without one.
    func comment(of name: String, in path: String) throws -> String {
        let before = Array(try text(path).utf8)[..<(try declaration(name, in: path).start)]
        var lines: [String] = []
        // Attributes stand between the comment and the declaration.
        for line in String(decoding: before, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .dropLast().reversed()
        {
            let text = line.trimmingCharacters(in: .whitespaces)
            if text.hasPrefix("///") {
                lines.insert(text.dropFirst(3).trimmingCharacters(in: .whitespaces), at: 0)
            } else if !text.hasPrefix("@") {
                break
            }
        }
        return lines.joined(separator: " ")
    }
}

/// One walk over the parser's output.
private struct DeclarationWalk {
    let text: [UInt8]
    var found: [Declaration] = []

    mutating func visit(_ items: Any?, inside types: [String]) {
        for node in items as? [[String: Any]] ?? [] {
            switch node["_kind"] as? String {
            case "struct_decl", "enum_decl", "class_decl", "protocol_decl", "actor_decl":
                visit(node["members"], inside: types + [baseName(node)])
            case "extension_decl":
                let type = node["extended_type"] as? String ?? ""
                visit(node["members"], inside: types + [String(type.prefix { $0 != "<" })])
            case "func_decl", "constructor_decl":
                add(node, named: baseName(node) + labels(node), inside: types, node["result"] != nil)
            case "destructor_decl": add(node, named: "deinit", inside: types, false)
            case "var_decl": visitAccessors(of: node, named: baseName(node), inside: types)
            case "subscript_decl": visitAccessors(of: node, named: "subscript" + labels(node), inside: types)
            default: break
            }
        }
    }

    private mutating func visitAccessors(of node: [String: Any], named name: String, inside types: [String]) {
        for accessor in node["accessors"] as? [[String: Any]] ?? [] {
            let kind = ["set", "willSet", "didSet", "read", "modify", "address", "mutable_address"].first {
                accessor[$0] as? Bool == true
            }
            add(accessor, named: kind.map { "\(name).\($0)" } ?? name, inside: types, kind == nil)
        }
    }

    private mutating func add(
        _ node: [String: Any], named name: String, inside types: [String], _ hasResult: Bool
    ) {
        guard let body = node["body"] as? [String: Any], let range = body["range"] as? [String: Any],
            let first = range["start"] as? Int, let last = range["end"] as? Int,
            let start = (node["range"] as? [String: Any])?["start"] as? Int
        else { return }
        let elements = body["elements"] as? [[String: Any]] ?? []
        let kind = elements.first?["_kind"] as? String ?? ""
        let bytes = text[first..<last]
        let isExpression = kind.hasSuffix("_expr") || kind == "if_stmt" || kind == "switch_stmt"
        let attributes = (node["attrs"] as? [[String: Any]] ?? []).compactMap {
            $0["type"] as? String ?? $0["_kind"] as? String
        }
        found.append(
            Declaration(
                name: (types + [name]).joined(separator: "."), start: start, body: first..<last + 1,
                returnsItsExpression: hasResult && elements.count == 1 && isExpression
                    && !String(decoding: bytes, as: UTF8.self).contains("return "),
                attributes: attributes))
    }

    private func baseName(_ node: [String: Any]) -> String {
        let base = (node["name"] as? [String: Any])?["base_name"] as? [String: Any]
        return base?["name"] as? String ?? base?["special"] as? String ?? ""
    }

    private func labels(_ node: [String: Any]) -> String {
        let labels = (node["name"] as? [String: Any])?["args"] as? [String] ?? []
        return "(" + labels.map { ($0.isEmpty ? "_" : $0) + ":" }.joined() + ")"
    }
}
