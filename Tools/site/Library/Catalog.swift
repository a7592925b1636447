// What DocC reads: the repository's pages as articles, a page a room, the pictures, and the order of all of them.

import Foundation

/// The catalogue of the site, made from the project's files.
public struct Catalog {
    private let tree: Sources
    private let articles: [Article]

    /// The pages of Documentation, in this order under the site's headings; what is not named comes last.
    private static let sections: [(heading: String, names: [String])] = [
        ("Start", ["SetUp", "Debugging", "CompilerErrors", "Comparison"]),
        (
            "How it is built",
            ["Design", "Journeys", "ABI", "Cards", "TCP", "DHCP", "Load", "Bench", "Glossary", "Contributing"]
        ),
    ]

    /// Reads the project's pages.
    public init(_ tree: Sources) {
        self.tree = tree
        var paths = [(path: "CONTRIBUTING.md", name: "Contributing"), (path: "Labs/README.md", name: "Lab-course")]
        for file in tree.names(in: "Documentation") where file.hasSuffix(".md") {
            paths.append((path: "Documentation/\(file)", name: String(file.dropLast(3))))
        }
        for folder in tree.names(in: "Labs") where tree.names(in: "Labs/\(folder)").contains("README.md") {
            paths.append((path: "Labs/\(folder)/README.md", name: "Lab-\(folder)"))
        }
        articles = paths.map { Article(path: $0.path, name: $0.name, text: tree.text(of: $0.path)) }
    }

    /// Writes the catalogue.
    /// - Parameters:
    ///   - folder: a folder that is not there yet.
    ///   - symbols: the folder with the compiler's symbol graphs.
    /// - Throws: a link that leads nowhere, a picture that is missing, or a file that cannot be written.
    public func write(to folder: String, symbols: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var names = Dictionary(uniqueKeysWithValues: articles.map { ($0.path, $0.name) })
        names["README.md"] = "Swiftlet"
        let readme = Article(path: "README.md", name: "Swiftlet", text: tree.text(of: "README.md"))
        let graphs = try SymbolGraphs(folder: symbols)
        let rooms = Room.all(in: tree, design: tree.text(of: "Documentation/Design.md"))

        let root = "@Metadata {\n    @TechnologyRoot\n}"
        try save(
            try readme.converted(names: names, extra: root) + "\n\n" + topics(rooms, graphs), "Swiftlet.md", in: folder)
        for article in articles {
            try save(try article.converted(names: names), article.name + ".md", in: folder)
        }
        for room in rooms {
            try save(room.page(tree, symbols: graphs.types), room.name + ".md", in: folder)
        }
        try graphs.write(to: "\(folder)/symbols")
        for picture in Set((articles + [readme]).flatMap { $0.pictures() }) {
            let source = "\(tree.root)/\(picture)"
            guard FileManager.default.fileExists(atPath: source) else {
                throw SiteError("\(picture): a page shows it, and it is not there")
            }
            try FileManager.default.copyItem(atPath: source, toPath: "\(folder)/\(Article.pictureName(picture))")
        }
    }

    /// The lists at the end of the first page: all pages, in order.
    private func topics(_ rooms: [Room], _ graphs: SymbolGraphs) -> String {
        var text = "## Topics\n"
        var rest = articles.map(\.name)
        func list(_ heading: String, _ names: [String]) {
            text += "\n### \(heading)\n\n" + names.map { "- <doc:\($0)>\n" }.joined()
            rest.removeAll { names.contains($0) }
        }
        for section in Self.sections { list(section.heading, section.names.filter { rest.contains($0) }) }
        list("Labs", rest.filter { $0.hasPrefix("Lab") })
        if !rest.isEmpty { list("More", rest) }
        list("Rooms", rooms.map(\.name))
        text += "\n### Declarations\n\n" + graphs.modules.map { "- ``/\($0)``\n" }.joined()
        return text
    }

    private func save(_ text: String, _ name: String, in folder: String) throws {
        try text.write(toFile: "\(folder)/\(name)", atomically: false, encoding: .utf8)
    }
}
