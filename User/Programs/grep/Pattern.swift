// What a pattern means, as a tree.

struct PatternError: Error {
    var reason: StaticString
}

/// A set of bytes.
struct ByteSet {
    private var words = [4 of UInt64](repeating: 0)

    init() {}
    init(_ byte: UInt8) { insert(byte) }

    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 != 0 }
    mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }

    mutating func insert(_ first: UInt8, through last: UInt8) {
        for byte in Int(first)...Int(last) { insert(UInt8(byte)) }
    }

    mutating func invert() { for index in 0..<4 { words[index] = ~words[index] } }

    /// Adds the other case of each letter.
    mutating func foldCase() {
        for letter in UInt8(ascii: "a")...UInt8(ascii: "z") {
            if contains(letter) { insert(letter - 32) } else if contains(letter - 32) { insert(letter) }
        }
    }
}

indirect enum Pattern {
    case empty
    case one(ByteSet)
    case lineStart
    case lineEnd
    case sequence([Pattern])
    case alternatives([Pattern])
    /// `most` nil: any number.
    case repeated(Pattern, least: Int, most: Int?)
}
