// The shell's language, as a tree.
//
//   list      = pipeline { (";" | "&" | "&&" | "||") pipeline } [";" | "&"]
//   pipeline  = command { "|" command }
//   command   = (word { word } | "(" list ")") mixed with redirections: "<" word, ">" word, ">>" word
//
// Words hold no space unless quoted: 'as it is', "as it is but for \\ and $?", \x for the one character. "#" begins a
// comment.

import UserLibrary

/// A word of the command line: bytes, and places whose contents are known only when the command runs.
struct Word {
    enum Piece {
        case bytes([UInt8])
        case lastStatus
    }
    fileprivate(set) var pieces: [Piece] = []

    fileprivate mutating func append(_ byte: UInt8) {
        if case .bytes(var bytes) = pieces.last {
            pieces.removeLast()
            bytes.append(byte)
            pieces.append(.bytes(bytes))
        } else {
            pieces.append(.bytes([byte]))
        }
    }

    /// The word's bytes now.
    func expanded(lastStatus: Int32) -> [UInt8] {
        var result: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): result += bytes
            case .lastStatus: result += Text("\(lastStatus)").bytes
            }
        }
        return result
    }
}

struct Redirection {
    enum Kind {
        case input, output, append
    }
    var kind: Kind
    var file: Word
}

indirect enum Command {
    case simple(words: [Word], redirections: [Redirection])
    case group(Command, redirections: [Redirection])
    case pipe(Command, Command)
    /// One after the other.
    case sequence(Command, Command)
    /// The second only if the first succeeded, or only if it failed.
    case conditional(Command, Command, onSuccess: Bool)
    case background(Command)
    case nothing
}

struct SyntaxError: Error {
    var reason: StaticString
}

private enum Token {
    case word(Word)
    case pipe, semicolon, ampersand, andAnd, orOr, open, close, less, greater, greaterGreater
    case end
}

struct Parser {
    private let line: [UInt8]
    private var position = 0
    private var token = Token.end

    /// Parses a whole line.
    static func parse(_ line: [UInt8]) throws(SyntaxError) -> Command {
        var parser = Parser(line: line)
        try parser.advance()
        let command = try parser.list()
        guard case .end = parser.token else { throw SyntaxError(reason: "a ) without a (") }
        return command
    }

    private init(line: [UInt8]) {
        self.line = line
    }

    // MARK: Grammar

    private mutating func list() throws(SyntaxError) -> Command {
        var result = Command.nothing
        var isEmpty = true
        while true {
            switch token {
            case .end, .close: return result
            default: break
            }
            var item = try conditions()
            switch token {
            case .ampersand:
                item = .background(item)
                try advance()
            case .semicolon: try advance()
            case .end, .close: break
            default: throw SyntaxError(reason: "; or & is missing between two commands")
            }
            result = isEmpty ? item : .sequence(result, item)
            isEmpty = false
        }
    }

    private mutating func conditions() throws(SyntaxError) -> Command {
        var result = try pipeline()
        while true {
            let onSuccess: Bool
            switch token {
            case .andAnd: onSuccess = true
            case .orOr: onSuccess = false
            default: return result
            }
            try advance()
            result = .conditional(result, try pipeline(), onSuccess: onSuccess)
        }
    }

    private mutating func pipeline() throws(SyntaxError) -> Command {
        let first = try command()
        guard case .pipe = token else { return first }
        try advance()
        return .pipe(first, try pipeline())
    }

    private mutating func command() throws(SyntaxError) -> Command {
        var words: [Word] = []
        var redirections: [Redirection] = []
        var group: Command?
        while true {
            switch token {
            case .word(let word):
                guard group == nil else { throw SyntaxError(reason: "a word after )") }
                words.append(word)
                try advance()
            case .open:
                guard words.isEmpty, group == nil else { throw SyntaxError(reason: "a ( inside a command") }
                try advance()
                group = try list()
                guard case .close = token else { throw SyntaxError(reason: "a ) is missing") }
                try advance()
            case .less: redirections.append(try redirection(.input))
            case .greater: redirections.append(try redirection(.output))
            case .greaterGreater: redirections.append(try redirection(.append))
            default:
                if let group { return .group(group, redirections: redirections) }
                guard !words.isEmpty || !redirections.isEmpty else { throw SyntaxError(reason: "a command is missing") }
                return .simple(words: words, redirections: redirections)
            }
        }
    }

    private mutating func redirection(_ kind: Redirection.Kind) throws(SyntaxError) -> Redirection {
        try advance()
        guard case .word(let file) = token else { throw SyntaxError(reason: "a file name is missing after < or >") }
        try advance()
        return Redirection(kind: kind, file: file)
    }

    // MARK: Tokens

    private func byte(_ offset: Int = 0) -> UInt8? {
        position + offset < line.count ? line[position + offset] : nil
    }

    /// Takes an operator of one byte, or of two if that byte comes again.
    private mutating func take(_ single: Token, _ double: Token) {
        let isDouble = byte(1) == byte()
        position += isDouble ? 2 : 1
        token = isDouble ? double : single
    }

    private mutating func advance() throws(SyntaxError) {
        while let next = byte(), next == 32 || (next >= 9 && next <= 13) { position += 1 }
        switch byte() {
        case nil, UInt8(ascii: "#"): token = .end
        case UInt8(ascii: "|"): take(.pipe, .orOr)
        case UInt8(ascii: "&"): take(.ampersand, .andAnd)
        case UInt8(ascii: ">"): take(.greater, .greaterGreater)
        case UInt8(ascii: ";"): takeOne(.semicolon)
        case UInt8(ascii: "("): takeOne(.open)
        case UInt8(ascii: ")"): takeOne(.close)
        case UInt8(ascii: "<"): takeOne(.less)
        default: token = .word(try word())
        }
    }

    private mutating func takeOne(_ single: Token) {
        position += 1
        token = single
    }

    private mutating func word() throws(SyntaxError) -> Word {
        var word = Word()
        var quote: UInt8 = 0
        while let next = byte() {
            if next == quote, quote != 0 {
                quote = 0
            } else if quote == UInt8(ascii: "'") {
                word.append(next)
            } else if next == UInt8(ascii: "\\") {
                guard let escaped = byte(1) else { throw SyntaxError(reason: "nothing after \\") }
                word.append(escaped)
                position += 1
            } else if next == UInt8(ascii: "$"), byte(1) == UInt8(ascii: "?") {
                word.pieces.append(.lastStatus)
                position += 1
            } else if quote != 0 {
                word.append(next)
            } else if next == UInt8(ascii: "'") || next == UInt8(ascii: "\"") {
                quote = next
            } else if Self.endsWord(next) {
                break
            } else {
                word.append(next)
            }
            position += 1
        }
        guard quote == 0 else { throw SyntaxError(reason: "a quote is not closed") }
        return word
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
