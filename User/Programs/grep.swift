// grep: prints the lines that match a pattern. Patterns as in Kernighan and Pike's matcher: . any byte, * any number of
// the one before, ^ and $ the ends of the line, \ takes the next byte as it is.

import SystemInterface
import UserLibrary

@main enum Grep: Program {
    static let usage: StaticString = """
        usage: grep [-vcni] pattern [file ...]
        Prints the lines of the files, or of standard input, that hold the pattern. Exit status 0 if there were any.
          .  any character     *  any number of the character before
          ^  start of line     $  end of line     \\  the next character as it is
          -v  lines that do not match    -c  only count them    -n  with line numbers    -i  upper and lower case alike
        """
    static let options: StaticString? = "vcni"

    static func run(_ arguments: Arguments) -> Int32 {
        let (inverted, counting, numbered) = (arguments.has("v"), arguments.has("c"), arguments.has("n"))
        let matcher = Matcher(pattern: arguments.count > 0 ? arguments[0].bytes : [], ignoresCase: arguments.has("i"))
        guard arguments.count > 0 else { arguments.refuse("a pattern is needed") }
        let files = arguments.dropFirst(1)
        let named = files.count > 1
        var found = false
        let status = forEachFile(files) { (file, name) throws(SystemError) in
            var lines = LineReader(file)
            var number = 0
            var count = 0
            while let line = try lines.next() {
                number += 1
                guard matcher.matches(line) != inverted else { continue }
                found = true
                count += 1
                if counting { continue }
                var output = Text()
                if named, let name { output = "\(name):" }
                if numbered { output = "\(output)\(number):" }
                output.bytes += line
                print(output)
            }
            if counting { print(named ? "\(name ?? "-"):\(count)" : "\(count)") }
        }
        return status != 0 ? 2 : found ? 0 : 1
    }
}

/// A pattern that lines are compared with.
struct Matcher {
    let pattern: [UInt8]
    let ignoresCase: Bool

    /// Whether a line holds the pattern.
    func matches(_ line: [UInt8]) -> Bool {
        if pattern.first == UInt8(ascii: "^") { return matchesHere(1, line, 0) }
        for start in 0...line.count where matchesHere(0, line, start) { return true }
        return false
    }

    /// Whether the pattern from `index` on matches the line from `position` on.
    private func matchesHere(_ index: Int, _ line: [UInt8], _ position: Int) -> Bool {
        var index = index
        var position = position
        while true {
            guard index < pattern.count else { return true }
            if pattern[index] == UInt8(ascii: "$"), index + 1 == pattern.count { return position == line.count }
            let isEscaped = pattern[index] == UInt8(ascii: "\\") && index + 1 < pattern.count
            let character = isEscaped ? pattern[index + 1] : pattern[index]
            let isAny = !isEscaped && character == UInt8(ascii: ".")
            let after = index + (isEscaped ? 2 : 1)
            if after < pattern.count, pattern[after] == UInt8(ascii: "*") {
                while true {
                    if matchesHere(after + 1, line, position) { return true }
                    guard position < line.count, isAny || isSame(character, line[position]) else { return false }
                    position += 1
                }
            }
            guard position < line.count, isAny || isSame(character, line[position]) else { return false }
            index = after
            position += 1
        }
    }

    private func isSame(_ a: UInt8, _ b: UInt8) -> Bool {
        ignoresCase ? lowercased(a) == lowercased(b) : a == b
    }

    private func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= 65 && byte <= 90 ? byte + 32 : byte
    }
}
