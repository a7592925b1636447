// lab: makes the labs' trees, grades them, and checks that the labs keep what they promise. `make lab`, `make grade` and
// `make labs-check` start it; Labs/README.md is its manual.

import Foundation
import Laboratory

// A guest that ended does not read what is typed: that is an error of the write, not this program's end.
signal(SIGPIPE, SIG_IGN)

let usage = """
    usage: lab make LAB [--variant NAME]
    Makes a tree with the bodies of a lab taken out, beside this one, on the branch lab/LAB. A name gives it constants of its own.
           lab diff | reset
    In a lab's tree: shows what was written; begins anew, what was there is kept on a branch.
           lab solution [--stage N]
    In a lab's tree: puts the solved bodies in, of the stages up to N; what was there is kept on a branch.
           lab grade [LAB] [--stage N | --test TEST] [--format json]
    Builds the host tests and grades them. Exit status 0: full; 1: not yet; 2: it could not be graded.
           lab grade-all LAB --submissions FOLDER [--heldout FOLDER] [--variant NAME]
    Grades each NAME.diff of a folder: a table; grades.json, grades.csv and similarity.txt in the folder. Exit status 0 when all
    could be graded, else 2.
           lab check [--kernel] [--starters] [--record] [--variant NAME] [LAB...]
    Tries each lab: its starter scores 0, its stages fill up one by one, the solved tree scores full, each planted mistake
    is named. --starters builds each real starter too, --kernel its kernel. --record runs all tests of a lab on each mistake, and
    writes down what fails: by that a mistake is told from others.
           lab mark LAB QUESTION ANSWER
    Prints what stands for an answer in lab.json.
           lab list
    Names the labs.
    """

func fail(_ message: String) -> Never {
    FileHandle.standardError.write(Data("lab: \(message)\n".utf8))
    exit(2)
}

/// Progress, which a program that reads the result does not get.
@Sendable func say(_ message: String, terminator: String = "\n") {
    FileHandle.standardError.write(Data((message + terminator).utf8))
}

var words = Array(CommandLine.arguments.dropFirst())
if words.isEmpty || words.contains("--help") {
    print(usage)
    exit(words.isEmpty ? 2 : 0)
}

/// Takes `--name value`; nil without it.
@MainActor func option(_ name: String) -> String? {
    guard let i = words.firstIndex(of: "--\(name)") else { return nil }
    guard i + 1 < words.count else { fail("--\(name) needs a value\n\(usage)") }
    defer { words.removeSubrange(i...i + 1) }
    return words[i + 1]
}

@MainActor func flag(_ name: String) -> Bool {
    guard let i = words.firstIndex(of: "--\(name)") else { return false }
    words.remove(at: i)
    return true
}

let tree = Tree(URL(fileURLWithPath: FileManager.default.currentDirectoryPath))

func number(_ text: String?, ofStageIn lab: Lab) -> Int? {
    guard let text else { return nil }
    guard let number = Int(text), (1...lab.stages.count).contains(number) else {
        fail("STAGE=\(text): lab \(lab.name) has stages 1 to \(lab.stages.count)")
    }
    return number
}

@MainActor func here() throws -> LabTree {
    guard let here = try LabTree(tree) else { fail("this is no lab's tree: make lab LAB=name makes one") }
    return here
}

/// The tree, or a copy with the constants that a variant gives to labs.
func varied(_ variant: String?, _ labs: [String]) throws -> Tree {
    guard let variant else { return tree }
    return try LabCheck(tree) { say($0) }.varied(labs.map { try tree.lab(named: $0).lab }, variant)
}

func kept(_ branch: String?) {
    if let branch {
        print("What was here is kept on the branch \(branch): git checkout \(branch) -- . brings it back.")
    }
}

do {
    switch words.removeFirst() {
    case "make":
        let variant = option("variant")
        guard let name = words.first else {
            fail("LAB=name is missing: \(try tree.labNames().joined(separator: ", "))")
        }
        let (lab, folder) = try tree.lab(named: name)
        let place = try LabTree.make(lab, folder: folder, variant: variant, from: tree)
        print(
            "Lab \(lab.name), \(lab.title). Read \(folder)/README.md there; make grade says what is done:\n    cd \(place)"
        )
    case "diff": print(try here().difference())
    case "reset":
        let here = try here()
        kept(try here.reset())
        print("Lab \(here.name) begins anew.")
    case "solution":
        let here = try here(), (lab, folder) = try tree.lab(named: here.name)
        let stage = number(option("stage"), ofStageIn: lab) ?? lab.stages.count
        kept(try here.solve(lab, folder: folder, upTo: stage))
        print("The solved bodies of stages 1 to \(stage) are in.")
    case "grade":
        let format = option("format") ?? "text"
        guard format == "text" || format == "json" else { fail("FORMAT=\(format): there is FORMAT=json") }
        let test = option("test"), stage = option("stage")
        let labTree = try LabTree(tree)
        guard let name = words.first(where: { !$0.hasPrefix("--") }) ?? labTree?.name else {
            fail("LAB=name is missing: \(try tree.labNames().joined(separator: ", "))")
        }
        let (lab, folder) = try tree.lab(named: name)
        let grading = Grading(tree: tree, lab: lab, folder: folder, isJSON: format == "json", labTree: labTree)
        try grading.refuseChangedTests()
        exit(try grading.run(stage: number(stage, ofStageIn: lab), test: test))
    case "grade-all":
        let submissions = option("submissions"), heldOut = option("heldout"), variant = option("variant")
        guard let name = words.first else {
            fail("LAB=name is missing: \(try tree.labNames().joined(separator: ", "))")
        }
        guard let submissions else { fail("DIR=folder is missing: the folder with the submissions, a NAME.diff each") }
        let place = URL(fileURLWithPath: submissions), tests = heldOut.map { URL(fileURLWithPath: $0) }
        exit(try gradeAll(name, in: try varied(variant, [name]), place, tests))
    case "check":
        let kernel = flag("kernel"), starters = flag("starters"), records = flag("record"), variant = option("variant")
        let names = words.isEmpty ? try tree.labNames() : words, place = try varied(variant, names)
        let labs = try names.map { try place.lab(named: $0) }
        let check = LabCheck(place, home: tree, records: records) { say($0) }
        var problems = try check.run(labs)
        if kernel || starters {
            for (lab, folder) in labs { problems += try check.buildStarter(of: lab, folder: folder, kernel: kernel) }
        }
        print(problems.isEmpty ? "\(labs.count) labs: all is as they promise" : "\(problems.count) problems")
        exit(problems.isEmpty ? 0 : 1)
    case "mark":
        guard words.count == 3 else { fail("a lab, a question and an answer are wanted\n\(usage)") }
        print(try tree.lab(named: words[0]).lab.mark(of: words[2], to: words[1]))
    case "list":
        for name in try tree.labNames() { print(name, try tree.lab(named: name).lab.title, separator: "\t") }
    default: fail("there is no such command\n\(usage)")
    }
} catch {
    fail("\(error)")
}
