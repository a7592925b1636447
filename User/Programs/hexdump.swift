// hexdump: bytes as hexadecimal numbers and as characters.

import SystemInterface
import UserLibrary

@main enum HexDump: Program {
    static let usage: StaticString = """
        usage: hexdump [-n bytes] [file ...]
        Prints the bytes of the files, or of standard input, 16 a line: offset, hexadecimal, characters.
          -n bytes   no more than so many of each
        """
    static let options: StaticString? = "n:"

    static func run(_ arguments: Arguments) -> Int32 {
        let limit = arguments.number("n", in: 0...Int.max) ?? Int.max
        return forEachFile(arguments) { (file, _) throws(SystemError) in try dump(file, limit) }
    }

    private static func dump(_ file: FileDescriptor, _ limit: Int) throws(SystemError) {
        var buffer = [UInt8](repeating: 0, count: 16)
        var offset = 0
        while offset < limit {
            let count = min(try fill(&buffer, from: file), limit - offset)
            if count == 0 { break }
            var line: Text = "\(hex: UInt64(offset), digits: 8) "
            for index in 0..<16 {
                if index == 8 { line.append(" ") }
                if index < count {
                    line = "\(line) \(hex: UInt64(buffer[index]), digits: 2)"
                } else {
                    line.append("   ")
                }
            }
            line.append("  |")
            for index in 0..<count {
                line.bytes.append(buffer[index] >= 32 && buffer[index] < 127 ? buffer[index] : UInt8(ascii: "."))
            }
            line.append("|")
            print(line)
            offset += count
            if count < 16 { break }  // the end, which a console has only once
        }
        print("\(hex: UInt64(offset), digits: 8)")
    }

    /// Pipes and the console give less than was asked for: reads until there are 16 bytes or the end has come.
    private static func fill(_ buffer: inout [UInt8], from file: FileDescriptor) throws(SystemError) -> Int {
        var count = 0
        var piece = [UInt8](repeating: 0, count: 16)
        while count < 16 {
            if piece.count != 16 - count { piece = [UInt8](repeating: 0, count: 16 - count) }
            let got = try readPiece(file, into: &piece)
            if got == 0 { break }
            for index in 0..<got { buffer[count + index] = piece[index] }
            count += got
        }
        return count
    }
}
