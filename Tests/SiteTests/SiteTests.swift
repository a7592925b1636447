// The documentation's site: pictures say what the tables say, tables name what is there, links lead somewhere.

import Foundation
import Testing

@testable import SiteBuilder

/// The project's folder: this file is Tests/SiteTests/SiteTests.swift in it.
private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

@Suite struct SiteTests {
    private let sources = Sources(root: root)
    private var journeys: [Journey] {
        get throws { try Journey.all(in: sources.text(of: "Documentation/Journeys.md")) }
    }

    @Test func picturesAreDrawnFromTheTables() throws {
        #expect(try journeys.count >= 5)
        for journey in try journeys {
            let picture = sources.text(of: "Documentation/pictures/\(journey.picture)")
            let isSame = picture == journey.svg
            #expect(isSame, "\(journey.picture) is not what its table says: make pictures draws it")
        }
    }

    /// Each step's function is declared in the room that the table names.
    @Test func stepsAreWhereTheTablesSay() throws {
        for journey in try journeys {
            for step in journey.steps {
                let parts = step.function.split(separator: ".")
                let folder = step.room == "User" ? "User/Library" : step.room
                let files = ([folder] + sources.folders(in: folder)).flatMap { sources.files(in: $0) }
                let isThere = try files.contains { file in
                    let text = sources.text(of: file)
                    let isFunction = try Regex("\\bfunc \(parts.last!)\\b")
                    let isType = try Regex("((struct|enum|class|extension)|Value ==) \(parts[0])\\b")
                    return text.contains(isFunction) && (parts.count == 1 || text.contains(isType))
                }
                #expect(isThere, "\(journey.title): \(step.room) has no \(step.function)")
            }
        }
    }

    @Test func malformedTablesAreRefused() {
        for page in ["# J\n\n## One\n\ntext\n", "# J\n\n## One\n\n| a | b |\n|--|--|\n| c | d |\n| e | f |\n"] {
            #expect(throws: SiteError.self) { try Journey.all(in: page) }
        }
        #expect(throws: SiteError.self) {
            try Journey.all(in: "# J\n\n## One\n\n| room | runs | does |\n|--|--|--|\n| a | b | c |\n| a | b | c |\n")
        }
    }

    @Test func linksLeadToPagesOfTheSite() throws {
        let names = ["Documentation/ABI.md": "ABI", "Labs/README.md": "Course", "README.md": "Swiftlet"]
        func converted(_ text: String) throws -> String {
            try Article(path: "Documentation/X.md", name: "X", text: text).converted(names: names)
        }
        #expect(try converted("a [b](ABI.md) c [d](../Labs/README.md#e)") == "a [b](doc:ABI) c [d](doc:Course)")
        #expect(try converted("[w](https://x.y/z.md), ![p](pictures/a.svg)") == "[w](https://x.y/z.md), ![p](a.svg)")
        #expect(
            try converted("    [code](gone.md)\n```\n[code](gone.md)\n```")
                == "    [code](gone.md)\n```\n[code](gone.md)\n```")
        #expect(try converted("## `a` b\n`c`") == "## a b\n`c`")
        #expect(throws: SiteError.self) { try converted("[lost](Gone.md)") }
    }

    @Test func picturesOfFoldersKeepApart() {
        let article = Article(
            path: "Labs/01-wire/README.md", name: "X", text: "![a](a.svg) ![b](../../Documentation/pictures/b.svg)")
        #expect(article.pictures() == ["Labs/01-wire/a.svg", "Documentation/pictures/b.svg"])
        #expect(article.pictures().map(Article.pictureName) == ["labs-01-wire-a.svg", "b.svg"])
    }

    @Test func whatUnfoldsBecomesTabs() throws {
        let text = "before\n\n<details><summary>A \"hint\"</summary>\n\none\n\n    two\n</details>\n\nafter"
        let tabs = try Article(path: "X.md", name: "X", text: text).converted(names: [:])
        #expect(tabs.contains("@Tab(\"A 'hint'\") {\n\n        one\n\n            two\n"))
        #expect(!tabs.contains("details") && tabs.hasPrefix("before\n") && tabs.hasSuffix("\nafter"))
    }

    /// All pages of the project as they are: none has a link that leads nowhere.
    @Test func theProjectsPagesConvert() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("site-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let graphs = folder + "/graphs"
        try FileManager.default.createDirectory(atPath: graphs, withIntermediateDirectories: true)
        let graph = """
            {"module": {"name": "Kernel"}, "relationships": [], "symbols": [
            {"kind": {"identifier": "swift.enum"}, "pathComponents": ["Network"], "identifier": {"precise": "s:6Kernel7NetworkO"}},
            {"kind": {"identifier": "swift.enum"}, "pathComponents": ["Packet"], "identifier": {"precise": "s:7Packets6PacketV"}}]}
            """
        try graph.write(toFile: graphs + "/Kernel.symbols.json", atomically: false, encoding: .utf8)
        let packets = graph.replacingOccurrences(of: "\"Kernel\"", with: "\"Packets\"")
        try packets.write(toFile: graphs + "/Packets.symbols.json", atomically: false, encoding: .utf8)
        try Catalog(sources).write(to: folder + "/S.docc", symbols: graphs)
        let page = Sources(root: folder).text(of: "S.docc/Room-Kernel-Network.md")
        #expect(page.contains("- ``/Kernel/Network``\n"))
        #expect(!page.contains("Echoes``"), "a type that the compiler did not name")
        let first = Sources(root: folder).text(of: "S.docc/Swiftlet.md")
        for name in ["Design", "Journeys", "Lab-course", "Lab-07-rings", "Room-NetStack-Packet", "Room-Kernel-Trap"] {
            #expect(first.contains("<doc:\(name)>"))
        }
        // What a module shows of another one's stays with that one.
        #expect(!Sources(root: folder).text(of: "S.docc/symbols/Kernel.symbols.json").contains("6PacketV"))
        #expect(Sources(root: folder).text(of: "S.docc/symbols/Packets.symbols.json").contains("6PacketV"))
    }

    @Test func deadLinksAreFound() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("site-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["data/documentation", "documentation/a", "images"] {
            try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        let page = """
            {"references": {"x": {"url": "/documentation/a#part"}, "y": {"url": "https://elsewhere.org"},
            "z": {"variants": [{"url": "/images/p.svg"}]}}}
            """
        try page.write(toFile: folder + "/data/documentation/a.json", atomically: false, encoding: .utf8)
        try "".write(toFile: folder + "/documentation/a/index.html", atomically: false, encoding: .utf8)
        let (pages, links, dead) = try Links(root: folder).check()
        #expect((pages, links) == (1, 3))
        #expect(dead == ["documentation/a.json: images/p.svg"])
        #expect(throws: SiteError.self) { try Links(root: folder + "/none").check() }
    }

    @Test func onlyParametersWithoutTextArePassedOver() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("site-\(UUID().uuidString).json").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try """
        {"diagnostics": [{"summary": "Parameter 'now' is missing documentation", "severity": "warning"},
        {"summary": "'X' doesn't exist at '/Y'", "source": "file:///Z.md", "range": {"start": {"line": 7, "column": 1}}}]}
        """.write(toFile: file, atomically: false, encoding: .utf8)
        #expect(try Diagnostics.problems(in: file) == ["file:///Z.md:7: 'X' doesn't exist at '/Y'"])
    }

    /// Pieces of a screen: where each stands, and when; long pauses are cut.
    @Test func recordingsStandWhereATerminalShowsThem() {
        typealias Piece = Recording.Piece
        let wide = String(repeating: "x", count: Recording.columns + 2)
        let cells = Recording.layOut([
            Piece(time: 0, text: "$ l"), Piece(time: 1, text: "s\nfile\n"), Piece(time: 2, text: wide),
            Piece(time: 3, text: String(repeating: "\n", count: Recording.rows) + "below"),
        ])
        #expect(
            cells == [
                Recording.Cell(time: 0, row: 0, column: 0, text: "$ l"),
                Recording.Cell(time: 1, row: 0, column: 3, text: "s"),
                Recording.Cell(time: 1, row: 1, column: 0, text: "file"),
                Recording.Cell(time: 2, row: 2, column: 0, text: String(wide.dropLast(2))),
                Recording.Cell(time: 2, row: 3, column: 0, text: "xx"),
            ])
        let svg = Recording([[Piece(time: 0, text: "a<b"), Piece(time: 100, text: "c")]]).svg(
            title: "t", captions: ["one"])
        #expect(svg.contains(">a&lt;b</text>") && svg.contains("animation:t1 5.0s"), "\(svg)")
    }
}
