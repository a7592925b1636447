// xargs: runs a program with what standard input holds as arguments.

import SystemInterface
import UserLibrary

@main enum XArgs: Program {
    static let usage: StaticString = """
        usage: xargs [-n count] [program [argument ...]]
        Reads words from standard input and runs the program (echo) with its arguments and as many of the words as fit after them,
        as often as it takes.
          -n count   no more than so many words at a time
        Exit status 0 if every run was successful, 123 if one was not, 126 or 127 if the program does not run.
        """
    static let options: StaticString? = "n:"

    /// exec takes 31 arguments, and all of them in less than a page: half of one leaves room for the program's own
    /// stack.
    private static let mostWords = 31
    private static let mostBytes = 2048

    static func run(_ arguments: Arguments) -> Int32 {
        let limit = arguments.number("n", in: 1...Int.max) ?? Int.max
        let command = arguments.count > 0 ? arguments.commandWords : [CString("echo").bytes]
        guard command.count < mostWords else { fail("too many arguments for one program") }
        do throws(SystemError) { return try runAll(command, limit) } catch { fail("\(error)") }
    }

    private static func runAll(_ command: [[UInt8]], _ limit: Int) throws(SystemError) -> Int32 {
        var lines = LineReader(.standardInput)
        var words = command
        var result: Int32 = 0
        var ran = false
        func size(_ words: [[UInt8]]) -> Int { words.reduce(0) { $0 + (($1.count + 16) & ~15) + 8 } }
        func flush() throws(SystemError) {
            let status = try runProgram(words)
            if status == 126 || status == 127 { end(status) }
            if status != 0 { result = 123 }
            ran = true
            words = command
        }
        while let line = try lines.next() {
            for word in line.split(whereSeparator: { $0 == 32 || $0 == 9 || $0 == 13 }) {
                let next = Array(word)
                guard !next.contains(0) else { fail("a NUL in the input, which no argument has") }
                if words.count > command.count,
                    words.count == mostWords || words.count - command.count == limit
                        || size(words) + size([next]) > mostBytes
                {
                    try flush()
                }
                words.append(next)
            }
        }
        if words.count > command.count || !ran { try flush() }
        return result
    }
}
