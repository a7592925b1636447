// From tokens to the tree (Syntax.swift has the grammar).

struct Parser {
    /// Parentheses in parentheses: each takes a part of the stack, here and when it runs.
    private static let deepest = 100

    private var lexer: Lexer
    private var token = Token.end
    private var depth = 0

    /// Parses whole lines.
    static func parse(_ text: [UInt8]) throws(SyntaxError) -> CommandList {
        var parser = Parser(lexer: Lexer(text))
        try parser.advance()
        let list = try parser.list()
        guard case .end = parser.token else { throw SyntaxError(reason: "a ) without a (") }
        return list
    }

    private init(lexer: Lexer) { self.lexer = lexer }

    private mutating func advance() throws(SyntaxError) { token = try lexer.next() }

    private mutating func skipLineEnds() throws(SyntaxError) {
        while case .newline = token { try advance() }
    }

    /// Steps behind an operator that needs something behind it, perhaps on another line.
    private mutating func advanceToOperand() throws(SyntaxError) {
        try advance()
        try skipLineEnds()
        if case .end = token { throw SyntaxError(reason: "a command is missing", isIncomplete: true) }
    }

    private mutating func list() throws(SyntaxError) -> CommandList {
        var list = CommandList()
        while true {
            try skipLineEnds()
            switch token {
            case .end, .close: return list
            default: break
            }
            let conditions = try conditions()
            var isBackground = false
            switch token {
            case .ampersand:
                isBackground = true
                try advance()
            case .semicolon, .newline: try advance()
            case .end, .close: break
            default: throw SyntaxError(reason: "; or & is missing between two commands")
            }
            list.items.append(CommandList.Item(conditions: conditions, isBackground: isBackground))
        }
    }

    private mutating func conditions() throws(SyntaxError) -> Conditions {
        var conditions = Conditions(first: try pipeline())
        while true {
            let onSuccess: Bool
            switch token {
            case .andAnd: onSuccess = true
            case .orOr: onSuccess = false
            default: return conditions
            }
            try advanceToOperand()
            conditions.rest.append(Conditions.Alternative(onSuccess: onSuccess, pipeline: try pipeline()))
        }
    }

    private mutating func pipeline() throws(SyntaxError) -> Pipeline {
        var pipeline = Pipeline(commands: [try command()])
        while case .pipe = token {
            try advanceToOperand()
            pipeline.commands.append(try command())
        }
        return pipeline
    }

    private mutating func command() throws(SyntaxError) -> Command {
        var words: [Word] = []
        var redirections: [Redirection] = []
        var group: CommandList?
        while true {
            switch token {
            case .word(let word):
                guard group == nil else { throw SyntaxError(reason: "a word after )") }
                words.append(word)
                try advance()
            case .open:
                guard group == nil, words.isEmpty else { throw SyntaxError(reason: "a ( in the middle of a command") }
                group = try parenthesised()
            case .descriptor(let number):
                try advance()
                redirections.append(try redirection(of: number))
            case .less, .greater, .greaterGreater, .lessGreater, .lessAnd, .greaterAnd:
                redirections.append(try redirection(of: nil))
            default:
                if let group { return .group(group, redirections: redirections) }
                guard !words.isEmpty || !redirections.isEmpty else { throw SyntaxError(reason: "a command is missing") }
                return .simple(words: words, redirections: redirections)
            }
        }
    }

    private mutating func parenthesised() throws(SyntaxError) -> CommandList {
        guard depth < Self.deepest else { throw SyntaxError(reason: "more than 100 ( in each other") }
        depth += 1
        try advance()
        let list = try list()
        guard case .close = token else { throw SyntaxError(reason: "a ) is missing", isIncomplete: true) }
        guard !list.items.isEmpty else { throw SyntaxError(reason: "nothing between ( and )") }
        try advance()
        depth -= 1
        return list
    }

    /// - Parameter number: the descriptor, if one stands before the operator.
    private mutating func redirection(of number: Int32?) throws(SyntaxError) -> Redirection {
        let mark = token
        try advance()
        guard case .word(let word) = token else { throw SyntaxError(reason: "a file name is missing after < or >") }
        try advance()
        switch mark {
        case .less: return Redirection(descriptor: number ?? 0, target: .input(word))
        case .greater: return Redirection(descriptor: number ?? 1, target: .output(word))
        case .greaterGreater: return Redirection(descriptor: number ?? 1, target: .append(word))
        case .lessGreater: return Redirection(descriptor: number ?? 0, target: .readWrite(word))
        case .lessAnd: return Redirection(descriptor: number ?? 0, target: try duplicate(word))
        default: return Redirection(descriptor: number ?? 1, target: try duplicate(word))
        }
    }

    /// What stands behind <& or >&: a descriptor, or - for none.
    private func duplicate(_ word: Word) throws(SyntaxError) -> Redirection.Target {
        if case .bytes(let bytes) = word.pieces.first, word.pieces.count == 1, bytes.count == 1 {
            if bytes[0] == UInt8(ascii: "-") { return .closed }
            if bytes[0] >= UInt8(ascii: "0"), bytes[0] <= UInt8(ascii: "9") {
                return .descriptor(Int32(bytes[0] - UInt8(ascii: "0")))
            }
        }
        throw SyntaxError(reason: "a descriptor from 0 to 9, or -, is missing after >& or <&")
    }
}
