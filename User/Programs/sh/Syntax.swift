// The shell's language, as a tree. What runs one after the other is an array: only parentheses nest.
//
//   list      = conditions { (";" | "&" | line end) conditions } [";" | "&"]
//   conditions = pipeline { ("&&" | "||") pipeline }
//   pipeline  = command { "|" command }
//   command   = (word { word } | "(" list ")") mixed with redirections
//   redirection = [digit] ("<" | ">" | ">>" | "<>") word, [digit] ("<&" | ">&") (digit | "-")
//
// Words hold no space unless quoted, as POSIX has it (Shell Command Language, 2.2): 'as it is', "as it is but for $? $!
// and \ before $ ` " \ and a line end", \x for the one character. "#" begins a comment.

import UserLibrary

/// A word of the command line: bytes, and places whose contents are known only when the command runs.
struct Word {
    enum Piece {
        case bytes([UInt8])
        /// $?
        case lastStatus
        /// $!
        case lastBackground
    }
    private(set) var pieces: [Piece] = []

    mutating func append(_ byte: UInt8) {
        if case .bytes(var bytes) = pieces.last {
            pieces.removeLast()
            bytes.append(byte)
            pieces.append(.bytes(bytes))
        } else {
            pieces.append(.bytes([byte]))
        }
    }

    mutating func append(_ piece: Piece) { pieces.append(piece) }

    /// The word's bytes now.
    func expanded() -> [UInt8] {
        var result: [UInt8] = []
        for piece in pieces {
            switch piece {
            case .bytes(let bytes): result += bytes
            case .lastStatus: result += Text("\(Shell.lastStatus)").bytes
            case .lastBackground: if let pid = Jobs.last { result += Text("\(pid)").bytes }
            }
        }
        return result
    }
}

struct Redirection {
    enum Target {
        case input(Word)
        case output(Word)
        case append(Word)
        case readWrite(Word)
        /// What another descriptor stands for.
        case descriptor(Int32)
        case closed
    }
    /// The descriptor that is redirected.
    var descriptor: Int32
    var target: Target
}

indirect enum Command {
    case simple(words: [Word], redirections: [Redirection])
    case group(CommandList, redirections: [Redirection])
}

/// Commands with a pipe from each to the next.
struct Pipeline {
    var commands: [Command]
}

/// Pipelines of which each but the first runs only if the one before succeeded, or only if it failed.
struct Conditions {
    var first: Pipeline
    var rest: [Alternative] = []

    struct Alternative {
        var onSuccess: Bool
        var pipeline: Pipeline
    }
}

/// One after the other.
struct CommandList {
    var items: [Item] = []

    struct Item {
        var conditions: Conditions
        var isBackground: Bool
    }
}

struct SyntaxError: Error {
    var reason: StaticString
    /// Another line may put it right.
    var isIncomplete = false
    /// A quote is open: what follows can only be a part of it.
    var isInQuote = false
}
