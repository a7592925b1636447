// head: the first lines of files.

import SystemInterface
import UserLibrary

@main enum Head: Program {
    static let usage: StaticString = """
        usage: head [-n lines] [file ...]
        Prints the first lines (10) of the files, or of standard input. -5 is -n 5.
        """
    static let options: StaticString? = "n:#"

    static func run(_ arguments: Arguments) -> Int32 {
        let count = arguments.number("n", in: 0...Int.max) ?? 10
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
                standardOutput.write(buffer.span.extracting(0..<end))
            }
        }
    }
}
