// tail: the last lines of files.

import SystemInterface
import UserLibrary

@main enum Tail: Program {
    static let usage: StaticString = """
        usage: tail [-n lines] [file ...]
        Prints the last lines (10) of the files, or of standard input. -5 is -n 5.
        """
    static let options: StaticString? = "n:#"

    static func run(_ arguments: Arguments) -> Int32 {
        let count = arguments.number("n", in: 0...Int.max) ?? 10
        let isMany = arguments.count > 1
        return forEachFile(arguments) { (file, name) throws(SystemError) in
            if isMany, let name { print("==> \(name) <==") }
            try printTail(of: file, count)
        }
    }

    /// Keeps the last lines while reading: there is no seek.
    private static func printTail(of file: FileDescriptor, _ count: Int) throws(SystemError) {
        var lines = LineReader(file)
        var kept: [[UInt8]] = []
        var oldest = 0
        while let line = try lines.next() {
            if kept.count < count {
                kept.append(line)
            } else if count > 0 {
                kept[oldest] = line
                oldest = (oldest + 1) % count
            }
        }
        for index in 0..<kept.count { print("\(kept[(oldest + index) % kept.count])") }
    }
}
