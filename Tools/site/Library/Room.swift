// A page for each room: what it is for, its files with the first lines of each, and its types, which lead to what their
// doc comments say.

import Foundation

/// A folder of the table in Documentation/Design.md, and the module that it is compiled into.
struct Room {
    let folder: String
    let purpose: String
    let module: String

    /// The page's name on the site.
    var name: String { "Room-" + folder.replacingOccurrences(of: "/", with: "-") }

    /// The rooms of the table, with NetStack's and the drivers' folders one by one.
    static func all(in tree: Sources, design: String) -> [Room] {
        var rooms: [Room] = []
        for row in design.matches(of: /\| `([A-Za-z\/]+)` \| (.+) \|/) {
            let (folder, purpose) = (String(row.1), String(row.2))
            switch folder {
            case "Drivers", "NetStack":
                rooms.append(Room(folder: folder, purpose: purpose, module: folder))
                for inner in tree.folders(in: folder) {
                    let module = inner == "NetStack/Packet" ? "Packets" : folder
                    rooms.append(Room(folder: inner, purpose: "A part of \(folder).", module: module))
                }
            case "User": rooms.append(Room(folder: "User/Library", purpose: purpose, module: "UserLibrary"))
            case "Kernel/Interface": rooms.append(Room(folder: folder, purpose: purpose, module: "SystemInterface"))
            case "Kernel/Storage", "Kernel/FileSystem":
                rooms.append(Room(folder: folder, purpose: purpose, module: String(folder.dropFirst(7))))
            case _ where folder.hasPrefix("Kernel/"):
                rooms.append(Room(folder: folder, purpose: purpose, module: "Kernel"))
            default: continue
            }
        }
        return rooms
    }

    /// The page.
    /// - Parameter symbols: paths of the types that the symbol graphs have, such as Kernel/Network.
    func page(_ tree: Sources, symbols: Set<String>) -> String {
        var text = "# \(folder)\n\n\(purpose.prefix(1).uppercased() + purpose.dropFirst())\n\n## Overview\n"
        for file in tree.files(in: folder) {
            let source = tree.text(of: file)
            let about = Self.firstComment(of: source)
            text += "\n**\(file.split(separator: "/").last ?? "")** \(about)\n"
            let types = Self.types(in: source).filter { symbols.contains("\(module)/\($0)") }
            if !types.isEmpty { text += "\n" + types.map { "- ``/\(module)/\($0)``\n" }.joined() }
        }
        return text
    }

    /// The comment that a file begins with, or its first line of a doc comment.
    static func firstComment(of source: String) -> String {
        let lines = source.components(separatedBy: "\n")
        let first = lines.prefix { $0.hasPrefix("//") || $0.hasPrefix("#") || $0.hasPrefix(" *") || $0.hasPrefix("/*") }
        let kept =
            first.isEmpty ? Array(lines.drop { !$0.hasPrefix("///") }.prefix { $0.hasPrefix("///") }) : Array(first)
        return kept.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "/#* ")) }
            .joined(separator: " ").replacingOccurrences(of: "<", with: "\\<")
            .replacingOccurrences(of: "*", with: "\\*").replacingOccurrences(of: "_", with: "\\_")
    }

    /// The types that a file declares on its outermost level.
    static func types(in source: String) -> [String] {
        source.matches(
            of:
                /(?m)^(?:@\w+(?:\([^)]*\))? )*(?:public |package |final |internal )*(?:struct|enum|protocol|class|actor) (\w+)/
        ).map { String($0.1) }
    }
}
