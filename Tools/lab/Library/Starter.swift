// A starter: the solved tree with the bodies of a lab taken out.

import Foundation

/// A body that is taken out, and where it stands.
public struct Hole: Sendable {
    public let lab: String
    public let stage: Int
    public let file: String
    public let declaration: String

    /// The function that stands in its place; backtraces show it.
    var symbol: String {
        let words = declaration.split { !($0.isLetter || $0.isNumber || $0 == "_") }
        return "lab_\(lab)_" + words.filter { $0 != "_" }.joined(separator: "_")
    }

    /// What is said when it is called.
    public var message: String { "LAB \(lab): `\(declaration)` is not written yet (\(file))" }
}

extension Lab {
    public var holes: [Hole] {
        tasks.flatMap { task in
            task.declarations.map { Hole(lab: name, stage: task.stage, file: task.file, declaration: $0) }
        }
    }
}

extension Tree {
    /// Modules by their folders, the inner ones first, as Package.swift has them.
    private static let modules = [
        "Kernel/Storage", "Kernel/Interface", "Kernel/FileSystem", "Kernel", "NetStack/Packet", "NetStack", "Drivers",
        "User/HTTP", "User/Library",
    ]

    static func module(of file: String) throws -> String {
        guard let module = modules.first(where: { file.hasPrefix($0 + "/") }) else {
            throw LabError("\(file) is in none of \(modules.joined(separator: ", "))")
        }
        return module
    }

    /// The file that a module's tasks are written to, in its folder and with its name.
    public static func tasksFile(of module: String) -> String {
        "\(module)/\(module.split(separator: "/").last ?? "")Tasks.swift"
    }

    /// Replaces the bodies of declarations in a file by what `text` says of each, and leaves the rest as it is.
    func replaceBodies(in path: String, _ names: [String], by text: (Declaration, String) throws -> String) throws {
        var bytes = Array(try self.text(path).utf8)
        let all = try names.map { try declaration($0, in: path) }
        for declaration in all.sorted(by: { $0.body.lowerBound > $1.body.lowerBound }) {
            let body = String(decoding: bytes[declaration.body], as: UTF8.self)
            bytes.replaceSubrange(declaration.body, with: Array(try text(declaration, body).utf8))
        }
        try Data(bytes).write(to: file(path))
    }

    /// The spaces in front of the line that a declaration starts in.
    func indentation(of declaration: Declaration, in path: String) throws -> String {
        let bytes = Array(try text(path).utf8)
        let line = bytes[..<declaration.start].lastIndex(of: 10).map { $0 + 1 } ?? 0
        return String(repeating: " ", count: bytes[line...].prefix { $0 == 32 }.count)
    }

    /// Takes the bodies of a lab out, and adds what the kernel and host need to say so when one is called.
    public func makeStarter(of lab: Lab, folder: String) throws {
        try addStarterFiles(of: folder)
        if lab.hasQuestions { try Data(lab.blankAnswers(folder: folder).utf8).write(to: file(Answers.file)) }
        guard !lab.holes.isEmpty else { return }
        for (path, holes) in Dictionary(grouping: lab.holes, by: \.file) {
            let symbols = Dictionary(uniqueKeysWithValues: holes.map { ($0.declaration, $0) })
            let indentations = try Dictionary(
                uniqueKeysWithValues: holes.map {
                    ($0.declaration, try indentation(of: declaration($0.declaration, in: path), in: path))
                })
            try replaceBodies(in: path, holes.map(\.declaration)) { declaration, _ in
                guard let hole = symbols[declaration.name], let space = indentations[declaration.name] else {
                    return ""
                }
                return """
                    {
                    \(space)    // Stage \(hole.stage): \(folder)/README.md says what belongs here.
                    \(space)    \(hole.symbol)()
                    \(space)}
                    """
            }
        }
        try writeTasks(lab.holes)
    }

    /// Writes the functions that stand for bodies which are not there, a file in each module, and their way to the
    /// kernel's panic.
    func writeTasks(_ holes: [Hole], also more: String = "", assembly: String = "") throws {
        for (module, holes) in Dictionary(grouping: holes, by: { (try? Self.module(of: $0.file)) ?? "" }) {
            var text = Self.head + more
            for hole in holes {
                text += """

                    @inline(never) func \(hole.symbol)() -> Never {
                        missing("\(hole.message)")
                    }

                    """
            }
            try Data(text.utf8).write(to: file(Self.tasksFile(of: module)))
        }
        try Data((Self.kernelEntry + assembly).utf8).write(to: file("Kernel/Machine/LabTask.S"))
        try Data((Self.programEntry + assembly).utf8).write(to: file("Kernel/Machine/User/LabTask.S"))
    }

    private static let head = """
        // What stands for the bodies that a lab took out; `make lab` wrote it.
        // swift-format-ignore-file

        #if hasFeature(Embedded)
        @_silgen_name("lab_task_missing") private func stop(_ text: UnsafePointer<UInt8>, _ count: UInt64) -> Never
        private func missing(_ text: StaticString) -> Never {
            unsafe stop(text.utf8Start, UInt64(text.utf8CodeUnitCount))  // the text is a constant of the program
        }
        #else
        private func missing(_ text: StaticString) -> Never { fatalError("\\(text)") }
        #endif

        """

    private static let kernelEntry = """
        # The way from a task that is not written to the kernel's panic; `make lab` wrote it.
        .section .text
        .globl lab_task_missing
        lab_task_missing:
            tail report_panic

        """

    /// Programs use modules of the kernel's too: tcpdump reads headers. write is call 16, exit call 2.
    private static let programEntry = """
        # What a program does when it comes to a task that is not written: it says so and ends; `make lab` wrote it.
        .section .text
        .globl lab_task_missing
        lab_task_missing:
            mv a2, a1
            mv a1, a0
            li a0, 2
            li a7, 16
            ecall
            li a0, 2
            lla a1, end_of_line
            li a2, 1
            li a7, 16
            ecall
            li a0, 1
            li a7, 2
            ecall
            unimp
        .section .rodata
        end_of_line:
            .ascii "\\n"

        """
}
