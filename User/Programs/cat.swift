// cat: copies files to standard output.

import SystemInterface
import UserLibrary

@main enum Cat: Program {
    static let usage: StaticString = """
        usage: cat [file ...]
        Copies the files, or standard input, to standard output.
        """

    static func run(_ arguments: Arguments) -> Int32 { forEachFile(arguments, copy) }

    private static func copy(_ file: FileDescriptor, _ name: CString?) throws(SystemError) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = try readPiece(file, into: &buffer)
            if count == 0 { return }
            standardOutput.write(buffer.span.extracting(0..<count))
        }
    }
}
