import Foundation

/// The project's files, by their paths from its folder.
public struct Sources {
    /// The project's folder.
    let root: String

    public init(root: String) { self.root = root }

    /// The text of a file; empty when it cannot be read.
    func text(of path: String) -> String { (try? String(contentsOfFile: "\(root)/\(path)", encoding: .utf8)) ?? "" }

    /// The source files of a folder, without those of folders in it, in order.
    func files(in folder: String) -> [String] {
        names(in: folder).filter { name in [".swift", ".S", ".h"].contains { name.hasSuffix($0) } }
            .map { "\(folder)/\($0)" }
    }

    /// The folders of a folder that have source files, in order.
    func folders(in folder: String) -> [String] {
        names(in: folder).map { "\(folder)/\($0)" }
            .flatMap { files(in: $0).isEmpty ? folders(in: $0) : [$0] + folders(in: $0) }
    }

    /// The names in a folder, in order; none when it is no folder.
    func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")) ?? []).sorted()
    }
}
