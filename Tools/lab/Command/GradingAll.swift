// `lab grade-all`: grades a folder, prints a table, writes the reports beside the submissions.

import Foundation
import Laboratory

/// Returns the exit status.
/// - Parameter tree: with the tests and the solution that submissions are held against.
func gradeAll(_ name: String, in tree: Tree, _ submissions: URL, _ heldOut: URL?) throws -> Int32 {
    let (lab, folder) = try tree.lab(named: name)
    let all = try GradeAll(tree, lab, folder: folder, submissions: submissions, heldOut: heldOut) { say($0) }
    let graded = try all.run()
    let alike = graded.similarities(solution: tree.solution(of: lab, folder: folder)).map {
        "\(Int(($0.part * 100).rounded())) %  \($0.first)  \($0.second)\n"
    }.joined()
    let report = """
        Lab \(lab.name): what two submissions have in common, in runs of five tokens, without names, numbers, comments and layout.
        Short bodies have few ways to be written: look at the pairs, and ask.

        \(alike.isEmpty ? "No pair has 60 % or more in common.\n" : alike)
        """
    for (name, text) in [("grades.json", graded.json), ("grades.csv", graded.csv), ("similarity.txt", report)] {
        try Data(text.utf8).write(to: submissions.appendingPathComponent(name))
    }
    print(graded.table)
    var files = "grades.json, grades.csv, similarity.txt"
    if lab.isMeasured {
        let board = LeaderBoard(graded)
        print("Instructions of each operation:\n\n\(board.table)")
        try Data(board.csv.utf8).write(to: submissions.appendingPathComponent("leaders.csv"))
        files += ", leaders.csv"
    }
    print("\(submissions.path): \(files)")
    return graded.allSatisfy(\.couldBeGraded) ? 0 : 2
}
