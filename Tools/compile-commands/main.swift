// compile-commands: tells editors how each file is compiled. SwiftPM knows one build of a package; this one has two, of the host's
// tools and tests and of the freestanding system. sourcekit-lsp reads build/compile_commands.json (.sourcekit-lsp/config.json
// says so) and knows both.

import Foundation

let usage = """
    usage: compile-commands OUTPUT PLAN...
    Writes how the files of the project are compiled, for sourcekit-lsp, from the plans that SwiftPM left: debug.yaml or
    release.yaml in its scratch folder. A file in several plans is compiled as the first of them says; a plan that is
    not there is passed over.
    """

/// One file's entry.
struct Entry: Encodable {
    let directory: String
    let file: String
    let arguments: [String]
}

/// The lists of arguments of a plan's compilations, one a module.
func compilations(in plan: String) -> [[String]] {
    var lists: [[String]] = []
    var isCompilation = false
    for line in plan.split(separator: "\n") {
        if line.hasPrefix("  \"") {
            isCompilation = line.hasPrefix("  \"C.") && line.hasSuffix(".module\":")
        } else if isCompilation, line.hasPrefix("    args: ["),
            let list = try? JSONDecoder().decode([String].self, from: Data(line.dropFirst(10).utf8))
        {
            lists.append(list)
        }
    }
    return lists
}

let arguments = CommandLine.arguments.dropFirst()
if arguments == ["--help"] {
    print(usage)
    exit(0)
}
guard let output = arguments.first, arguments.count > 1 else {
    FileHandle.standardError.write(Data("compile-commands: \(usage)\n".utf8))
    exit(2)
}
let folder = FileManager.default.currentDirectoryPath
var entries: [Entry] = []
var known: Set<String> = []
for path in arguments.dropFirst() {
    guard let plan = try? String(contentsOfFile: path, encoding: .utf8) else { continue }
    for list in compilations(in: plan) {
        var sources: [String] = []
        let whole = list.flatMap { word -> [String] in
            // @FILE names a file with the sources, a line each, some in quotes.
            guard word.hasPrefix("@"),
                let names = try? String(contentsOfFile: String(word.dropFirst()), encoding: .utf8)
            else { return [word] }
            sources = names.split(separator: "\n").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " '\"")) }
            return sources
        }
        for file in sources where file.hasPrefix(folder + "/") && !file.hasPrefix(folder + "/build/") {
            if known.insert(file).inserted {
                entries.append(Entry(directory: folder, file: file, arguments: whole))
            }
        }
    }
}
guard !entries.isEmpty else {
    FileHandle.standardError.write(Data("compile-commands: no file of \(folder) in \(arguments.dropFirst())\n".utf8))
    exit(1)
}
let encoder = JSONEncoder()
encoder.outputFormatting = .withoutEscapingSlashes
let text = try encoder.encode(entries)
// Editors read it anew when it changes.
if text != FileManager.default.contents(atPath: output) { try text.write(to: URL(fileURLWithPath: output)) }
