// Tests that students do not have, and the stages that they grade.

import Foundation

/// Tests that students do not have: a folder with `Tests/…` and with `stages.json`, the stages that they grade.
struct HeldOut {
    let root: Tree
    let stages: [Lab.Stage]

    init(_ folder: URL) throws {
        root = Tree(folder)
        do {
            stages = try JSONDecoder().decode([Lab.Stage].self, from: Data(contentsOf: root.file("stages.json")))
        } catch { throw LabError("HELDOUT=\(folder.path): stages.json: \(error)") }
    }

    func copy(to tree: Tree) throws {
        let files = FileManager.default.enumerator(atPath: root.file("Tests").path)?.compactMap { $0 as? String } ?? []
        for path in files where path.hasSuffix(".swift") {
            try Data(contentsOf: root.file("Tests/\(path)")).write(to: tree.file("Tests/\(path)"))
        }
    }
}

extension Lab {
    /// The lab with more stages behind its own.
    func adding(_ more: [Stage]) -> Lab {
        var lab = self
        lab.stages += more
        return lab
    }
}
