// tail: the last lines of files.

import SystemInterface
import UserLibrary

@main enum Tail: Program {
    static let usage: StaticString = """
        usage: tail [-n lines] [file ...]
        Prints the last lines (10) of the files, or of standard input.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var count = 10
        arguments.takeOptions(usage, withValue: "n") { letter, value in
            guard letter == UInt8(ascii: "n"), let number = value.number, number >= 0 else { return false }
            count = number
            return true
        }
        let isMany = arguments.count > 1
        return forEachFile(arguments) { (file, name) throws(SystemError) in
            if isMany, let name { print("==> \(name) <==") }
            try printTail(of: file, count)
        }
    }

    /// Keeps the last lines while reading: there is no seek.
    private static func printTail(of file: Descriptor, _ count: Int) throws(SystemError) {
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
        for index in 0..<kept.count {
            kept[(oldest + index) % kept.count].withUnsafeBufferPointer { print("\($0, width: 0)") }
        }
    }
}
