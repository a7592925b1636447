// A lab as its data file says it: Labs/NN-name/lab.json. Tests/LabsTests hold the files to what stands here.

import Foundation

/// One lab: what is taken out of the tree, and how what takes its place is graded.
public struct Lab: Decodable, Sendable {
    /// As `make lab LAB=` takes it.
    public let name: String
    public let title: String
    public let tasks: [Task]
    public internal(set) var stages: [Stage]
    public let mistakes: [Mistake]
    /// The machine that its guest checks run on; nil: three harts behind QEMU's own network.
    public let guest: GuestSettings?
    /// Of a lab that adds to the tree what is not in it: a solution for each stage, on top of those before it, as files of
    /// the lab's folder that `git apply` takes. Its tasks then take nothing out.
    public let patches: [String]?
    /// What VARIANT= changes.
    public let constants: [Constant]?
    /// Files and folders beside Tests, Labs and Tools that stay as they are: what is measured with.
    public let kept: [String]?
    /// By mistake, the tests that failed when it was planted: the lab's failures.json, which `lab check --record` writes.
    public internal(set) var failures: [String: [String]]?

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
        /// By declaration: what is said when it is the first one that is missing. Without it its doc comment is shown.
        public let hints: [String: String]?
    }

    /// What is graded together: all of its tests pass, or it has no points.
    public struct Stage: Decodable, Sendable {
        public let title: String
        public let points: Int
        /// Tests as `Target.Suite/test()`, or all of `Target.Suite`.
        public let tests: [String]
        /// What is to be found out and written into the tree's answers.txt.
        public let questions: [Question]?
        /// What is looked at in a guest that runs the tree's kernel, when the tests have passed.
        public let guest: [GuestCheck]?
        /// What is counted, against the starter's kernel, when all else of the stage has passed: its points are then what
        /// was gained, and none when one of these operations takes more than `Gain.limit` percent more.
        public let measures: [Measure]?
        public let hint: String

        /// Whether it is graded with the student's kernel.
        public var needsKernel: Bool { guest != nil || measures != nil }
    }

    /// An operation of `make bench`.
    public struct Measure: Decodable, Sendable {
        /// As the table's files have it: `getpid`, `virtio-echo-56`.
        public let name: String
        /// 0: it must only not get worse.
        public let points: Int
        /// So many percent fewer instructions are worth all the points; half of them half.
        public let percent: Double
    }

    /// A question with one right answer, which stands nowhere in plain text.
    public struct Question: Decodable, Sendable {
        /// Once in its lab: what stands before the colon in answers.txt. `answer/NAME` in `TEST=`.
        public let name: String
        public let asks: String
        /// Marks of the answers that are right (`lab mark`): several ways to write it.
        public let marks: [String]
    }

    /// How the guest of a lab's checks is started.
    public struct GuestSettings: Decodable, Sendable {
        /// `user`; or `wire`: a wire whose other end is the grader, at 10.9.0.1; the guest is 10.9.0.2; or `dhcp`: a network
        /// with dnsmasq on it, 192.168.76.0/24, where the grader can make one, else as `user`.
        public let network: String?
        /// Ports of the guest that the host reaches on an unreserved one, as `udp:7`: PORT_7 of `host` commands.
        public let forward: [String]?
        /// Whether the host sends datagrams back that come to 10.0.2.2 at the port `$PORT_echo`.
        public let echo: Bool?
        /// More options of qemu/start: CPUS, ARGS, NIC, QEMUFLAGS.
        public let options: [String: String]?
    }

    /// One look at the guest; all that it names must come about.
    public struct GuestCheck: Decodable, Sendable {
        /// Once in its lab; `guest/NAME` in `Mistake.fails` and `TEST=`.
        public let name: String
        /// A regular expression that the console matches when the boot ends: at the prompt, or with a panic. For tasks
        /// without which there is no shell.
        public let console: String?
        /// A command for the guest's shell that ends at once and leaves a service behind; `run` is tried again until
        /// what it prints matches.
        public let before: String?
        /// A command for the guest's shell.
        public let run: String?
        /// A regular expression that what the command prints must match.
        public let expect: String?
        /// A command for bash on the host, tried again until what it prints matches `hostExpect`; meanwhile `run` runs,
        /// and ends by ^C after it.
        public let host: String?
        public let hostExpect: String?
        /// A program of the host's without which the check cannot be made.
        public let needs: String?
        /// A datagram that the grader sends on its wire until it is answered.
        public let datagram: Datagram?
        /// Bytes of payload of an echo request that the grader sends on its wire and that is to be answered.
        public let ping: Int?
        /// How many harts the guest has; without it as the lab's guest settings say. Another number than before is another
        /// boot.
        public let harts: Int?
        /// Seconds that it may take; 60 without it.
        public let seconds: Double?
    }

    /// What a protocol over IPv4 is asked, and what it has to answer.
    public struct Datagram: Decodable, Sendable {
        /// Of the IPv4 header: 1 ICMP, 17 UDP.
        public let protocolNumber: UInt8
        /// Behind the IPv4 header, in hexadecimal; spaces do not count. ICMP's checksum is put in.
        public let payload: String
        /// A regular expression that the payload of the answer matches, in hexadecimal without spaces; nil: silence for two
        /// seconds is right.
        public let answer: String?
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
        /// Tests that fail, as in `Stage.tests` but one each; `guest/NAME` of a guest check.
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
            var lab = try JSONDecoder().decode(Lab.self, from: Data(contentsOf: file("Labs/\(folder)/lab.json")))
            if let recorded = try? Data(contentsOf: file("Labs/\(folder)/failures.json")) {
                lab.failures = try JSONDecoder().decode([String: [String]].self, from: recorded)
            }
            return lab
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

    /// Copies what a lab's folder has in `starter` to the same place of the tree: programs that the grader runs.
    func addStarterFiles(of folder: String) throws {
        for path in starterFiles(of: folder) {
            let place = file(path)
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(contentsOf: file("\(folder)/starter/\(path)")).write(to: place)
        }
    }

    /// Files that a lab brings into its tree.
    func starterFiles(of folder: String) -> [String] {
        let all =
            FileManager.default.enumerator(atPath: file("\(folder)/starter").path)?.compactMap { $0 as? String } ?? []
        return all.filter { !$0.hasSuffix("~") && (try? text("\(folder)/starter/\($0)")) != nil }.sorted()
    }

    /// Applies patches of a lab's folder.
    public func apply(_ patches: some Sequence<String>, of folder: String) throws {
        for patch in patches {
            var command = Command(["git", "apply", file("\(folder)/\(patch)").path], in: root)
            // A scratch copy lies within a repository, whose root is not meant.
            command.environment["GIT_CEILING_DIRECTORIES"] = root.deletingLastPathComponent().path
            try command.output()
        }
    }

    /// The names of all labs, in order.
    public func labNames() throws -> [String] {
        try labFolders().map { String($0.drop(while: \.isNumber).dropFirst()) }
    }
}
