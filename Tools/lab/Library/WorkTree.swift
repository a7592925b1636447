// A lab's tree: a git work tree beside the main one, on the branch lab/NAME, whose first commit takes the bodies out.
// The reference refs/labs/NAME keeps that commit; the file .lab in it says which lab and which solved commit.

import Foundation

/// A work tree of a lab.
public struct LabTree {
    public let tree: Tree
    public let name: String
    /// The commit with the solved bodies.
    let solved: String
    /// Whose constants it has.
    let variant: String?

    private struct Mark: Codable {
        var lab: String
        var solved: String
        var variant: String?
    }

    /// The lab's tree that a folder is; nil for the main tree.
    public init?(_ tree: Tree) throws {
        guard FileManager.default.fileExists(atPath: tree.file(".lab").path) else { return nil }
        let mark = try JSONDecoder().decode(Mark.self, from: Data(contentsOf: tree.file(".lab")))
        self.tree = tree
        name = mark.lab
        solved = mark.solved
        variant = mark.variant
    }

    var starter: String { "refs/labs/\(name)" }

    /// Makes the tree of a lab beside the main one; returns its folder. What is there already is left alone.
    /// - Parameter variant: whose constants it gets; nil: those of the main tree.
    public static func make(
        _ lab: Lab, folder labFolder: String, variant: String?, from main: Tree
    ) throws -> String {
        guard try LabTree(main) == nil else {
            throw LabError("this is a lab's tree: make lab belongs into the main one")
        }
        let folder = "\(main.root.path)-lab-\(lab.name)", branch = "lab/\(lab.name)"
        guard !FileManager.default.fileExists(atPath: folder) else {
            throw LabError(
                "\(folder) is there already, and was left alone: go on there, or make lab-reset in it begins anew")
        }
        try git("worktree", "prune", in: main)
        if (try? git("rev-parse", "--verify", "--quiet", branch, in: main)) != nil {
            try git("worktree", "add", folder, branch, in: main)  // its folder was removed: work goes on
            return folder
        }
        let commit = try git("rev-parse", "HEAD", in: main)
        try git("worktree", "add", "-b", branch, folder, commit, in: main)
        let tree = Tree(URL(fileURLWithPath: folder))
        do {
            if let variant { try tree.vary(lab, variant) }
            try tree.makeStarter(of: lab, folder: labFolder)
            try JSONEncoder().encode(Mark(lab: lab.name, solved: commit, variant: variant)).write(to: tree.file(".lab"))
            try git("add", "--all", in: tree)
            try LabTree.commit("Lab \(lab.name): the starter", in: tree)
            try git("update-ref", "refs/labs/\(lab.name)", "HEAD", in: tree)
        } catch {
            // The tree is this call's own; nothing was written into it by hand.
            _ = try? git("worktree", "remove", "--force", folder, in: main)
            _ = try? git("branch", "-D", branch, in: main)
            throw error
        }
        return folder
    }

    private static func commit(_ message: String, in tree: Tree) throws {
        try git(
            "-c", "user.name=Swiftlet labs", "-c", "user.email=labs@localhost", "commit", "--quiet", "--no-verify",
            "-m", message, in: tree)
    }

    /// What was written since the start.
    public func difference() throws -> String { try git("diff", starter, in: tree) }

    /// What its kernel is measured against: the commit that it began with.
    public func benchmark() throws -> Benchmark { try Benchmark.ofLabTree(tree, name: name) }

    /// Keeps all that is in the tree, files that git does not know too, on a branch of its own. Returns its name; nil
    /// when nothing was written since the start.
    func save() throws -> String? {
        try git("add", "--all", in: tree)
        guard try !git("diff", "--cached", "--name-only", starter, in: tree).isEmpty else { return nil }
        var number = 1
        while (try? git("rev-parse", "--verify", "--quiet", "lab/\(name)-saved-\(number)", in: tree)) != nil {
            number += 1
        }
        if try !git("diff", "--cached", "--name-only", "HEAD", in: tree).isEmpty {
            try Self.commit("Lab \(name): saved", in: tree)
        }
        let branch = "lab/\(name)-saved-\(number)"
        try git("branch", branch, in: tree)
        return branch
    }

    /// Begins anew; returns the branch with what was there, nil if there was nothing.
    public func reset() throws -> String? {
        let saved = try save()
        try git("reset", "--quiet", "--hard", starter, in: tree)
        return saved
    }

    /// Puts the solved bodies in, up to a stage; returns the branch with what was there, nil if there was nothing.
    /// - Parameter folder: the lab's.
    public func solve(_ lab: Lab, folder: String, upTo stage: Int) throws -> String? {
        let saved = try save()
        if let patches = lab.patches {
            try git("reset", "--quiet", "--hard", starter, in: tree)
            try tree.apply(patches.prefix(stage), of: folder)
            return saved
        }
        if lab.hasQuestions { try tree.answer(lab, folder: folder, upTo: stage) }
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("lab-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: place) }
        let original = Tree(place)
        for (path, holes) in Dictionary(grouping: lab.holes.filter { $0.stage <= stage }, by: \.file) {
            let file = original.file(path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            let text = try lab.varied(
                Command(["git", "show", "\(solved):\(path)"], in: tree.root).output(), of: path, variant)
            try Data(text.utf8).write(to: file)
            let bytes = Array(text.utf8)
            try tree.replaceBodies(in: path, holes.map(\.declaration)) { declaration, _ in
                String(decoding: bytes[try original.declaration(declaration.name, in: path).body], as: UTF8.self)
            }
        }
        return saved
    }
}
