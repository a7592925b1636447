// The project's own files, as these tests read them.

import Foundation

/// The project's folder: this file is Tests/HouseTests/Sources.swift in it.
let projectFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

/// One file of the repository.
struct SourceFile {
    /// From the project's folder.
    let path: String
    let text: String

    var name: String { String(path.split(separator: "/").last ?? "") }

    /// The text without comments and without what stands in string literals; lines stay where they are.
    var code: String {
        path.hasSuffix(".swift") || path.hasSuffix(".h")
            ? text.replacing(#/\/\/.*/#, with: "").replacing(#/"(?:\\.|[^"\\\n])*"/#, with: "\"\"") : text
    }

    var comments: String { text.matches(of: #/\/\/.*/#).map { String($0.0) }.joined(separator: "\n") }
}

/// All files that git tracks, or would: texts only.
let sourceFiles: [SourceFile] = {
    var files: [SourceFile] = []
    let keys: [URLResourceKey] = [.isRegularFileKey, .fileSizeKey]
    guard let walk = FileManager.default.enumerator(at: projectFolder, includingPropertiesForKeys: keys) else {
        return []
    }
    for case let url as URL in walk {
        let path = String(url.path.dropFirst(projectFolder.path.count + 1))
        if path == "build" || path.hasPrefix(".git/") || path == ".git" || path.hasPrefix(".build")
            || path.hasPrefix("Tests/Fuzz/Corpus")
        {
            walk.skipDescendants()
            continue
        }
        let values = try? url.resourceValues(forKeys: Set(keys))
        guard values?.isRegularFile == true, (values?.fileSize ?? 0) < 500_000,
            let text = try? String(contentsOf: url, encoding: .utf8)
        else { continue }
        files.append(SourceFile(path: path, text: text))
    }
    return files
}()

func swiftFiles(below folder: String) -> [SourceFile] {
    sourceFiles.filter { $0.path.hasPrefix(folder + "/") && $0.path.hasSuffix(".swift") }
}
