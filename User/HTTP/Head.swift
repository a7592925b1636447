// The head of an HTTP message (RFC 9112): the lines up to the empty one, and the fields in them. Messages come from
// other machines: whatever their bytes are, reading them ends, and never traps.

/// A part of a message: from `start` up to `end`.
public struct Piece: Equatable, Sendable {
    public var start: Int
    public var end: Int
    public init(_ start: Int, _ end: Int) {
        self.start = start
        self.end = end
    }
    public var isEmpty: Bool { start >= end }
}

/// The bytes of a head, its start line apart from the fields.
public struct Head {
    /// Larger heads are refused.
    public static let limit = 8192

    public let bytes: [UInt8]
    /// The request line or status line, without its end.
    public let startLine: Piece
    /// Bytes with the empty line that ends it.
    public let count: Int
    private let fields: Int

    /// nil while the head is not complete.
    public init?(_ bytes: [UInt8]) {
        var at = 0
        // Empty lines before a request are skipped (RFC 9112, 2.2).
        while at < bytes.count, bytes[at] == 13 || bytes[at] == 10 { at += 1 }
        guard let first = Self.lineEnd(bytes, at) else { return nil }
        startLine = Piece(at, Self.withoutReturn(bytes, at, first))
        fields = first + 1
        var line = first + 1
        while let end = Self.lineEnd(bytes, line) {
            if Self.withoutReturn(bytes, line, end) == line {
                count = end + 1
                self.bytes = bytes
                return
            }
            line = end + 1
        }
        return nil
    }

    private static func lineEnd(_ bytes: [UInt8], _ start: Int) -> Int? {
        var at = start
        while at < bytes.count {
            if bytes[at] == 10 { return at }
            at += 1
        }
        return nil
    }

    private static func withoutReturn(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Int {
        end > start && bytes[end - 1] == 13 ? end - 1 : end
    }

    /// The value of the first field with a name (in lower case), without the blanks around it; nil: there is none.
    public func field(_ name: StaticString) -> Piece? {
        var line = fields
        while line < count, let end = Self.lineEnd(bytes, line) {
            let stop = Self.withoutReturn(bytes, line, end)
            if let value = value(of: name, in: Piece(line, stop)) { return value }
            line = end + 1
        }
        return nil
    }

    private func value(of name: StaticString, in line: Piece) -> Piece? {
        let length = name.utf8CodeUnitCount
        guard line.start + length < line.end, bytes[line.start + length] == UInt8(ascii: ":") else { return nil }
        for i in 0..<length where Self.lower(bytes[line.start + i]) != name[i] { return nil }
        return trimmed(Piece(line.start + length + 1, line.end))
    }

    public func trimmed(_ piece: Piece) -> Piece {
        var piece = piece
        while !piece.isEmpty, Self.isBlank(bytes[piece.start]) { piece.start += 1 }
        while !piece.isEmpty, Self.isBlank(bytes[piece.end - 1]) { piece.end -= 1 }
        return piece
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
    static func lower(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte + 32 : byte }

    /// Whether a piece is a word, upper and lower case alike.
    public func `is`(_ piece: Piece, _ word: StaticString) -> Bool {
        guard piece.end - piece.start == word.utf8CodeUnitCount else { return false }
        for i in 0..<word.utf8CodeUnitCount where Self.lower(bytes[piece.start + i]) != word[i] { return false }
        return true
    }

    /// Whether a list, its members apart by commas, has a word.
    public func lists(_ piece: Piece, _ word: StaticString) -> Bool {
        var start = piece.start
        while start <= piece.end {
            var end = start
            while end < piece.end, bytes[end] != UInt8(ascii: ",") { end += 1 }
            if `is`(trimmed(Piece(start, end)), word) { return true }
            start = end + 1
        }
        return false
    }

    /// A decimal number without a sign; nil for anything else, and beyond what a file can have.
    public func number(_ piece: Piece) -> Int? {
        guard !piece.isEmpty else { return nil }
        var value = 0
        for i in piece.start..<piece.end {
            let digit = Int(bytes[i]) - 48
            guard digit >= 0, digit <= 9, value < Int.max / 16 else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// The part of a piece up to a byte, and what follows that; nil when it is not there.
    public func split(_ piece: Piece, at byte: UInt8) -> (Piece, Piece)? {
        for i in piece.start..<max(piece.start, piece.end) where bytes[i] == byte {
            return (Piece(piece.start, i), Piece(i + 1, piece.end))
        }
        return nil
    }

    public func copy(_ piece: Piece) -> [UInt8] { piece.isEmpty ? [] : [UInt8](bytes[piece.start..<piece.end]) }
}

extension StaticString {
    /// Byte number `index`, which it has.
    subscript(index: Int) -> UInt8 {
        precondition(index >= 0 && index < utf8CodeUnitCount, "a byte beyond a literal")
        return unsafe utf8Start[index]  // just checked
    }
}
