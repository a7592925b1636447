// wc: counts lines, words and bytes.

import SystemInterface
import UserLibrary

@main enum WordCount: Program {
    static let usage: StaticString = """
        usage: wc [-lwc] [file ...]
        Counts lines, words and bytes of the files, or of standard input.
          -l, -w, -c   print only lines, words, bytes
        """
    static let options: StaticString? = "lwc"

    struct Counts {
        var lines = 0
        var words = 0
        var bytes = 0

        static func += (a: inout Counts, b: Counts) {
            a.lines += b.lines
            a.words += b.words
            a.bytes += b.bytes
        }
    }

    static func run(_ arguments: Arguments) -> Int32 {
        var (lines, words, bytes) = (arguments.has("l"), arguments.has("w"), arguments.has("c"))
        if !lines && !words && !bytes { (lines, words, bytes) = (true, true, true) }
        func report(_ counts: Counts, _ name: CString?) {
            var line = Text()
            for (wanted, count) in [(lines, counts.lines), (words, counts.words), (bytes, counts.bytes)] where wanted {
                if !line.bytes.isEmpty { line.append(" ") }
                line.append(UInt64(count))
            }
            if let name {
                line.append(" ")
                line.append(name)
            }
            print(line)
        }
        var total = Counts()
        let status = forEachFile(arguments) { (file, name) throws(SystemError) in
            let counts = try count(file)
            total += counts
            report(counts, name)
        }
        if arguments.count > 1 { report(total, "total") }
        return status
    }

    private static func count(_ file: FileDescriptor) throws(SystemError) -> Counts {
        var counts = Counts()
        var buffer = [UInt8](repeating: 0, count: 4096)
        var inWord = false
        while true {
            let piece = try readPiece(file, into: &buffer)
            if piece == 0 { return counts }
            counts.bytes += piece
            for index in 0..<piece {
                let byte = buffer[index]
                if byte == 10 { counts.lines += 1 }
                let isSpace = byte == 32 || (byte >= 9 && byte <= 13)
                if !isSpace && !inWord { counts.words += 1 }
                inWord = !isSpace
            }
        }
    }
}
