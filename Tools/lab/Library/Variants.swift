// One tree with every variant in it: each body that some lab takes out or plants a mistake in becomes a choice among the
// solved body, the task and the mistakes: on the host by the environment's LAB_VARIANT when a test begins, in a kernel
// by a table that is written into its file before it is booted. So one build checks all labs.

import Foundation

/// What can be chosen in a woven tree.
public struct Variants: Sendable {
    private struct Alternative {
        let lab: String
        let declaration: String
        let mistake: Lab.Mistake?
        let hole: Hole?
        let index: Int
    }

    /// By `FILE DECLARATION`, with numbers of their own.
    private var places: [(key: String, file: String, declaration: String, alternatives: [Alternative])] = []

    public init(of labs: [Lab]) {
        for lab in labs {
            for hole in lab.holes { add(lab, hole.file, hole.declaration, nil, hole) }
            for mistake in lab.mistakes { add(lab, mistake.file, mistake.declaration, mistake, nil) }
        }
    }

    private mutating func add(
        _ lab: Lab, _ file: String, _ declaration: String, _ mistake: Lab.Mistake?, _ hole: Hole?
    ) {
        let key = "\(file) \(declaration)"
        let i =
            places.firstIndex { $0.key == key }
            ?? {
                places.append((key, file, declaration, []))
                return places.count - 1
            }()
        let index = places[i].alternatives.count + 1
        places[i].alternatives.append(
            Alternative(lab: lab.name, declaration: declaration, mistake: mistake, hole: hole, index: index))
    }

    /// LAB_VARIANT of a lab's starter, with the tasks up to a stage solved.
    public func starter(of lab: Lab, solvedTo stage: Int = 0) -> String {
        variant { $0.lab == lab.name && ($0.hole?.stage ?? 0) > stage }
    }

    /// LAB_VARIANT of the solved tree with a mistake.
    public func mistake(_ name: String, of lab: Lab) -> String {
        variant { $0.lab == lab.name && $0.mistake?.name == name }
    }

    private func variant(_ isChosen: (Alternative) -> Bool) -> String {
        places.enumerated().compactMap { i, place in
            place.alternatives.first(where: isChosen).map { "\(i)=\($0.index)" }
        }.joined(separator: ",")
    }

    /// Weaves all alternatives into a tree.
    public func weave(into tree: Tree) throws {
        for (file, indices) in Dictionary(grouping: places.indices, by: { places[$0].file }) {
            let numbers = Dictionary(uniqueKeysWithValues: indices.map { (places[$0].declaration, $0) })
            try tree.replaceBodies(in: file, indices.map { places[$0].declaration }) { declaration, body in
                guard let number = numbers[declaration.name] else { return body }
                return try choice(number, declaration, body)
            }
        }
        let holes = places.flatMap { $0.alternatives.compactMap(\.hole) }
        for module in Set(try places.map { try Tree.module(of: $0.file) }) {
            let path = Tree.tasksFile(of: module)
            try? FileManager.default.removeItem(at: tree.file(path))
        }
        // A module that has mistakes only needs its choices too.
        try tree.writeTasks(holes, also: Self.chooser, assembly: Self.table)
        for module in Set(try places.map { try Tree.module(of: $0.file) }) {
            let path = tree.file(Tree.tasksFile(of: module))
            if !FileManager.default.fileExists(atPath: path.path) { try Data(Self.chooser.utf8).write(to: path) }
        }
    }

    private func choice(_ number: Int, _ declaration: Declaration, _ body: String) throws -> String {
        func branch(_ body: some StringProtocol) -> String {
            declaration.returnsItsExpression ? "{ return \(body.dropFirst().drop(while: \.isWhitespace))" : String(body)
        }
        var text = "{\n"
        for alternative in places[number].alternatives {
            text += "if lab_choice(\(number)) == \(alternative.index) "
            if let hole = alternative.hole { text += "{ \(hole.symbol)() } else " }
            guard let mistake = alternative.mistake else { continue }
            guard body.ranges(of: mistake.find).count == 1 else {
                throw LabError(
                    "lab \(alternative.lab), mistake \(mistake.name): its text stands "
                        + "\(body.ranges(of: mistake.find).count) times in \(mistake.declaration)")
            }
            text += "\(branch(body.replacing(mistake.find, with: mistake.replace))) else "
        }
        return text + "\(branch(body))\n}"
    }

    /// Writes a variant's choices into a copy of a woven kernel.
    public static func choose(_ variant: String, in kernel: URL, to copy: URL) throws {
        var image = try Data(contentsOf: kernel)
        guard let mark = image.range(of: Data("LAB CHOICES:".utf8)) else {
            throw LabError("\(kernel.path) is no kernel with choices")
        }
        for pair in variant.split(separator: ",") {
            let numbers = pair.split(separator: "=").compactMap { Int($0) }
            guard numbers.count == 2, numbers[0] < 1024 else {
                throw LabError("there are too many choices: \(variant)")
            }
            image[mark.upperBound + numbers[0]] = UInt8(numbers[1])
        }
        try image.write(to: copy)
    }

    /// The choices of a kernel, all 0 as it is linked.
    private static let table = """
        .section .text
        .globl lab_choice
        lab_choice:
            lla t0, lab_choices
            add t0, t0, a0
            lbu a0, 0(t0)
            ret
        .section .data
            .ascii "LAB CHOICES:"
        lab_choices:
            .space 1024

        """

    private static let chooser = """
        #if hasFeature(Embedded)
        @_silgen_name("lab_choice") func lab_choice(_ place: Int) -> UInt8
        #else
        #if canImport(Glibc)
        import Glibc
        #else
        import Darwin
        #endif

        private let chosen: [UInt8] = {
            var all = [UInt8](repeating: 0, count: 4096)
            guard let text = unsafe getenv("LAB_VARIANT")  // stays while the process lives
            else { return all }
            // as above
            for pair in unsafe String(cString: text).split(separator: ",") {
                let numbers = pair.split(separator: "=").compactMap { Int($0) }
                if numbers.count == 2 { all[numbers[0]] = UInt8(numbers[1]) }
            }
            return all
        }()
        @inline(never) func lab_choice(_ place: Int) -> UInt8 { chosen[place] }
        #endif

        """
}
