// From bytes to words and operators.

import UserLibrary

enum Token {
    case word(Word)
    /// A digit right before < or >.
    case descriptor(Int32)
    case pipe, semicolon, newline, ampersand, andAnd, orOr, open, close
    case less, greater, greaterGreater, lessGreater, lessAnd, greaterAnd
    case end
}

struct Lexer {
    private let text: [UInt8]
    private var position = 0

    init(_ text: [UInt8]) { self.text = text }

    private func byte(_ offset: Int = 0) -> UInt8? {
        position + offset < text.count ? text[position + offset] : nil
    }

    private mutating func take(_ token: Token, _ count: Int) -> Token {
        position += count
        return token
    }

    /// The next token.
    mutating func next() throws(SyntaxError) -> Token {
        try skipSpace()
        switch (byte(), byte(1)) {
        case (nil, _): return .end
        case (10, _): return take(.newline, 1)
        case (UInt8(ascii: "|"), UInt8(ascii: "|")): return take(.orOr, 2)
        case (UInt8(ascii: "|"), _): return take(.pipe, 1)
        case (UInt8(ascii: "&"), UInt8(ascii: "&")): return take(.andAnd, 2)
        case (UInt8(ascii: "&"), _): return take(.ampersand, 1)
        case (UInt8(ascii: ">"), UInt8(ascii: ">")): return take(.greaterGreater, 2)
        case (UInt8(ascii: ">"), UInt8(ascii: "&")): return take(.greaterAnd, 2)
        case (UInt8(ascii: ">"), UInt8(ascii: "|")): return take(.greater, 2)
        case (UInt8(ascii: ">"), _): return take(.greater, 1)
        case (UInt8(ascii: "<"), UInt8(ascii: "<")): throw SyntaxError(reason: "<< is not known here")
        case (UInt8(ascii: "<"), UInt8(ascii: ">")): return take(.lessGreater, 2)
        case (UInt8(ascii: "<"), UInt8(ascii: "&")): return take(.lessAnd, 2)
        case (UInt8(ascii: "<"), _): return take(.less, 1)
        case (UInt8(ascii: ";"), _): return take(.semicolon, 1)
        case (UInt8(ascii: "("), _): return take(.open, 1)
        case (UInt8(ascii: ")"), _): return take(.close, 1)
        case (.some(let digit), UInt8(ascii: "<")) where isDigit(digit),
            (.some(let digit), UInt8(ascii: ">")) where isDigit(digit):
            return take(.descriptor(Int32(digit - UInt8(ascii: "0"))), 1)
        default: return .word(try word())
        }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

    private mutating func skipSpace() throws(SyntaxError) {
        while let next = byte() {
            if next == 32 || next == 9 || next >= 11 && next <= 13 {
                position += 1
            } else if next == UInt8(ascii: "\\"), byte(1) == 10 {
                position += 2
                try continueLine()
            } else if next == UInt8(ascii: "#") {
                while let next = byte(), next != 10 { position += 1 }
            } else {
                return
            }
        }
    }

    /// Behind a \ and a line end.
    private func continueLine() throws(SyntaxError) {
        if byte() == nil { throw SyntaxError(reason: "nothing after \\", isIncomplete: true, isInQuote: true) }
    }

    private mutating func word() throws(SyntaxError) -> Word {
        var word = Word()
        while let next = byte(), !Self.endsWord(next) {
            position += 1
            switch next {
            case UInt8(ascii: "'"): try takeQuoted(by: next, into: &word)
            case UInt8(ascii: "\""): try takeQuoted(by: next, into: &word)
            case UInt8(ascii: "\\"):
                guard let escaped = byte() else {
                    throw SyntaxError(reason: "nothing after \\", isIncomplete: true, isInQuote: true)
                }
                position += 1
                if escaped == 10 { try continueLine() } else { word.append(escaped) }
            default: take(next, into: &word)
            }
        }
        return word
    }

    /// Takes a byte that stands for itself, unless it begins a $? or $!.
    private mutating func take(_ next: UInt8, into word: inout Word) {
        switch (next, byte()) {
        case (UInt8(ascii: "$"), UInt8(ascii: "?")): word.append(.lastStatus)
        case (UInt8(ascii: "$"), UInt8(ascii: "!")): word.append(.lastBackground)
        default:
            word.append(next)
            return
        }
        position += 1
    }

    /// Takes what stands between quotes, behind the first of them.
    private mutating func takeQuoted(by quote: UInt8, into word: inout Word) throws(SyntaxError) {
        let isDouble = quote == UInt8(ascii: "\"")
        while let next = byte() {
            position += 1
            if next == quote { return }
            guard isDouble else {
                word.append(next)
                continue
            }
            if next == UInt8(ascii: "\\") {
                switch byte() {
                case 10: position += 1
                case .some(let escaped)
                where escaped == UInt8(ascii: "$") || escaped == UInt8(ascii: "`") || escaped == UInt8(ascii: "\"")
                    || escaped == UInt8(ascii: "\\"):
                    word.append(escaped)
                    position += 1
                default: word.append(next)
                }
            } else {
                take(next, into: &word)
            }
        }
        throw SyntaxError(reason: "a quote is not closed", isIncomplete: true, isInQuote: true)
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 9...13, 32, UInt8(ascii: "|"), UInt8(ascii: "&"), UInt8(ascii: ";"), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "("), UInt8(ascii: ")"):
            true
        default: false
        }
    }
}
