// A lab as its data file says it: Labs/NN-name/lab.json. Tests/LabsTests hold the files to what stands here.

import Foundation

/// One lab: what is taken out of the tree, and how what takes its place is graded.
public struct Lab: Decodable, Sendable {
    /// As `make lab LAB=` takes it.
    public let name: String
    public let title: String
    public let tasks: [Task]
    public let stages: [Stage]
    public let mistakes: [Mistake]

    /// Declarations of one file whose bodies the student writes.
    public struct Task: Decodable, Sendable {
        public let title: String
        /// The stage that grades it, from 1.
        public let stage: Int
        /// `easy`, `moderate` or `hard`.
        public let level: String
        /// Honest hours for a student who has read what the lab says is to be read.
        public let hours: Double
        /// From the project's folder.
        public let file: String
        /// As `Declaration.name` has them.
        public let declarations: [String]
    }

    /// What is graded together: all of its tests pass, or it has no points.
    public struct Stage: Decodable, Sendable {
        public let title: String
        public let points: Int
        /// Tests as `Target.Suite/test()`, or all of `Target.Suite`.
        public let tests: [String]
        public let hint: String
    }

    /// A mistake that is often made: planted by `lab check`, recognised by `lab grade`.
    public struct Mistake: Decodable, Sendable {
        public let name: String
        /// What the grader says of it.
        public let says: String
        public let file: String
        public let declaration: String
        /// Stands once in the declaration's body.
        public let find: String
        public let replace: String
        /// Tests that fail, as in `Stage.tests` but one each.
        public let fails: [String]
        /// Tests that pass all the same: what tells the mistake from others.
        public let passes: [String]?
        /// A regular expression that what the failed tests say must match.
        public let output: String?
    }
}

/// Why a command of this tool cannot do what was asked.
public struct LabError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// A folder with the project's files.
public struct Tree: Sendable {
    public let root: URL
    public init(_ root: URL) { self.root = root }

    public func file(_ path: String) -> URL { root.appendingPathComponent(path) }
    public func text(_ path: String) throws -> String { try String(contentsOf: file(path), encoding: .utf8) }

    /// The folders of all labs, in order: `01-wire`, …
    public func labFolders() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: file("Labs").path)
            .filter { FileManager.default.fileExists(atPath: file("Labs/\($0)/lab.json").path) }.sorted()
    }

    public func lab(inFolder folder: String) throws -> Lab {
        do {
            return try JSONDecoder().decode(Lab.self, from: Data(contentsOf: file("Labs/\(folder)/lab.json")))
        } catch {
            throw LabError("Labs/\(folder)/lab.json: \(error)")
        }
    }

    /// The lab of this name, with its folder.
    public func lab(named name: String) throws -> (lab: Lab, folder: String) {
        let folders = try labFolders()
        for folder in folders {
            if folder.drop(while: \.isNumber).dropFirst() == name {
                return (try lab(inFolder: folder), "Labs/\(folder)")
            }
        }
        throw LabError("LAB=\(name): there is no such lab; there are \(try labNames().joined(separator: ", "))")
    }

    /// The names of all labs, in order.
    public func labNames() throws -> [String] {
        try labFolders().map { String($0.drop(while: \.isNumber).dropFirst()) }
    }
}
