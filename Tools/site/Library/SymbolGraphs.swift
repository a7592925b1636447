import Foundation

/// What the compiler said that it compiled: modules, and their outermost types.
struct SymbolGraphs {
    private(set) var modules: [String] = []
    /// Such as Kernel/Network.
    private(set) var types: Set<String> = []

    private var files: [String] = []

    private struct Graph: Decodable {
        struct Symbol: Decodable {
            struct Kind: Decodable { let identifier: String }
            let kind: Kind
            let pathComponents: [String]
        }
        struct Module: Decodable { let name: String }
        let module: Module
        let symbols: [Symbol]
    }

    /// Reads NAME.symbols.json of a folder.
    /// - Throws: when there is none, or one is no symbol graph.
    init(folder: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        for name in names where name.hasSuffix(".symbols.json") && !name.contains("@") {
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
            let graph = try JSONDecoder().decode(Graph.self, from: data)
            modules.append(graph.module.name)
            for symbol in graph.symbols
            where symbol.pathComponents.count == 1
                && ["swift.struct", "swift.enum", "swift.protocol", "swift.class"].contains(symbol.kind.identifier)
            {
                types.insert("\(graph.module.name)/\(symbol.pathComponents[0])")
            }
        }
        for name in names where name.hasSuffix(".symbols.json") { files.append("\(folder)/\(name)") }
        guard !modules.isEmpty else { throw SiteError("\(folder): no symbol graphs (make docs makes them)") }
    }

    /// Writes the graphs for DocC: what a module shows of another one's (`@_exported import`) stays with that one.
    func write(to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for file in files {
            let name = file.split(separator: "/").last.map(String.init) ?? ""
            let own = name.prefix { $0 != "." && $0 != "@" }
            let foreign = modules.filter { $0 != own }.map { "s:\($0.count)\($0)" }
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            guard var graph = try JSONSerialization.jsonObject(with: data) as? [String: Any] else {
                throw SiteError("\(file): no symbol graph")
            }
            let isOwn = { (identifier: Any?) in
                let identifier = identifier as? String ?? ""
                return name.contains("@") || !foreign.contains { identifier.hasPrefix($0) }
            }
            graph["symbols"] = (graph["symbols"] as? [[String: Any]] ?? []).filter {
                isOwn(($0["identifier"] as? [String: Any])?["precise"])
            }
            graph["relationships"] = (graph["relationships"] as? [[String: Any]] ?? []).filter { isOwn($0["source"]) }
            try JSONSerialization.data(withJSONObject: graph).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
        }
    }
}
