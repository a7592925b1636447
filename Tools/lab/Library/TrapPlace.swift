// Where a test trapped: the test is run once more, and the runtime's own backtracer says which of the tree's lines led there.

import Foundation

extension HostTests {
    /// The innermost places of the tree on the way to the trap of a test, `FILE:LINE in FUNCTION`, those of the tests left
    /// out; empty when there are none to be had.
    public func placesOfTrap(in test: String, variant: String = "") -> [String] {
        var command = command(for: test, variant)
        command.environment["SWIFT_BACKTRACE"] =
            "enable=yes,color=no,interactive=no,threads=crashed,images=none,registers=none,timeout=60s,output-to=stderr"
        command.limit = 120
        guard let result = try? command.run(), result.isSignal else { return [] }
        return Self.places(in: result.errors, of: tree)
    }

    /// Those of the lines of a backtrace that are in a tree's own sources.
    public static func places(in backtrace: String, of tree: Tree) -> [String] {
        let root = tree.root.path + "/"
        var found: [String] = []
        for line in backtrace.split(separator: "\n") {
            guard let match = line.firstMatch(of: #/^\s*\d+ .*?(?:0x)?[0-9a-f]{8,} (.+?) in \S+ at (.+?):(\d+)/#),
                match.2.hasPrefix(root)
            else { continue }
            let path = match.2.dropFirst(root.count)
            guard !path.hasPrefix("Tests/"), !path.hasPrefix("build/") else { continue }
            let function = match.1.replacing(#/^(\[.*?\]|specialized) */#, with: "").replacing(#/ \+ \d+$/#, with: "")
            found.append("\(path):\(match.3) in \(function.prefix { $0 != "(" })")
        }
        return Array(found.prefix(3))
    }
}
