// What a student does not change: what grades, and what a grade is taken from.

import Foundation

extension Lab {
    /// Paths that stay as they are in a lab's tree, and that are left out of what is handed in.
    /// - Parameters:
    ///   - files: those that the lab brings with it.
    ///   - programs: names in User/Programs of the starter.
    func protected(files: [String], programs: [String]) -> [String] {
        ["Tests", "Labs", "Tools", "Package.swift", "Makefile", ".lab", "qemu", "Linker"] + files + (kept ?? [])
            // Of a lab that adds to the tree a call may need its place in the library.
            + (patches == nil ? ["User/Library"] : []) + believed(among: programs).map { "User/Programs/\($0)" }
    }

    /// Programs whose word is taken when a guest is looked at, and the shell that runs them. One that the student is to
    /// write is not among those of the starter.
    private func believed(among programs: [String]) -> [String] {
        let commands = guestChecks.flatMap { [$0.before, $0.run] }.compactMap { $0 }
            .flatMap { $0.split { ";|&".contains($0) } }
        let names = Set(commands.compactMap { $0.split(separator: " ").first } + ["init", "sh"])
        return programs.filter { program in names.contains(program.prefix { $0 != "." }) }
    }
}

extension Tree {
    /// What stays as it is of a tree that is no student's.
    func protected(of lab: Lab, folder: String) throws -> [String] {
        lab.protected(
            files: starterFiles(of: folder),
            programs: try FileManager.default.contentsOfDirectory(atPath: file("User/Programs").path))
    }
}

extension LabTree {
    /// Files that are not as they were, though they are none of the student's.
    /// - Parameter folder: the lab's.
    public func changedTests(of lab: Lab, folder: String) throws -> [String] {
        let programs = try git("ls-tree", "--name-only", starter, "User/Programs/", in: tree).split(separator: "\n")
            .map { String($0.dropFirst("User/Programs/".count)) }
        let parts = lab.protected(files: tree.starterFiles(of: folder), programs: programs)
        let run = { (arguments: [String]) in
            try Command(["git"] + arguments + ["--"] + parts, in: tree.root).output().split(separator: "\n").map(
                String.init)
        }
        return try run(["diff", "--name-only", starter]) + run(["ls-files", "--others", "--exclude-standard"])
    }
}
