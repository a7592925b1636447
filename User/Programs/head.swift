// head: the first lines of files.

import SystemInterface
import UserLibrary

@main enum Head: Program {
    static let usage: StaticString = """
        usage: head [-n lines] [file ...]
        Prints the first lines (10) of the files, or of standard input.
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
            var buffer = [UInt8](repeating: 0, count: 1024)
            var left = count
            while left > 0 {
                let piece = try readPiece(file, into: &buffer)
                if piece == 0 { return }
                var end = 0
                while end < piece, left > 0 {
                    if buffer[end] == 10 { left -= 1 }
                    end += 1
                }
                buffer.withUnsafeBufferPointer { standardOutput.write(UnsafeBufferPointer(rebasing: $0[..<end])) }
            }
        }
    }
}
