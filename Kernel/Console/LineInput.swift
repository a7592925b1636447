// What was typed: a ring of bytes of which whole lines can be read, and the editing of the line being typed
// (Documentation/ABI.md): ^H and DEL erase a character, ^U the line; ^D ends the file.

/// The keys that are more than a character.
enum Key {
    static let interrupt: UInt8 = 0x03  // ^C
    static let endOfFile: UInt8 = 0x04  // ^D
    static let backspace: UInt8 = 0x08  // ^H
    static let processes: UInt8 = 0x10  // ^P
    static let killLine: UInt8 = 0x15  // ^U
    static let delete: UInt8 = 0x7f
}

/// Three indexes that only grow, modulo 2^32: read ≤ committed ≤ edit.
struct LineInput {
    static let lineLimit = 128
    private static let size: UInt32 = 1024

    private var buffer = [1024 of UInt8](repeating: 0)
    private var read: UInt32 = 0
    private var committed: UInt32 = 0
    private var edit: UInt32 = 0

    init() {}

    private var lineLength: UInt32 { edit &- committed }
    private var isFull: Bool { edit &- read == Self.size }
    /// Whether a line waits to be read.
    var hasLine: Bool { read != committed }

    /// What typing a byte did, for echo and for the readers.
    enum Effect {
        case none
        /// A byte of the line.
        case typed(UInt8)
        /// The line is complete; nil for ^D, which shows as nothing.
        case ended(UInt8?)
        /// So many characters vanished.
        case erased(Int)
    }

    /// Adds a byte to the line being typed, or edits the line.
    mutating func type(_ byte: UInt8) -> Effect {
        switch byte {
        case Key.killLine:
            let length = Int(lineLength)
            edit = committed
            return .erased(length)
        case Key.backspace, Key.delete:
            guard lineLength > 0 else { return .none }
            edit &-= 1
            return .erased(1)
        default:
            // The last place of a line and of the buffer is kept for the byte that ends it.
            let ends = byte == 10 || byte == Key.endOfFile
            guard !isFull, ends || lineLength < UInt32(Self.lineLimit - 1) else { return .none }
            append(byte)
            guard ends || isFull else { return .typed(byte) }
            committed = edit
            return .ended(byte == Key.endOfFile ? nil : byte)
        }
    }

    /// Drops the line being typed, and with `givesEmptyLine` completes an empty one instead.
    /// - Returns: whether a line was completed.
    mutating func interrupt(givesEmptyLine: Bool) -> Bool {
        edit = committed
        guard givesEmptyLine, !isFull else { return false }
        append(10)
        committed = edit
        return true
    }

    private mutating func append(_ byte: UInt8) {
        buffer[Int(edit % Self.size)] = byte
        edit &+= 1
    }

    /// Moves at most `limit` bytes of one line into `line`; nil while none waits.
    /// - Parameter isFirst: nothing of this line was taken before: then a lone ^D is the end of the file.
    /// - Returns: bytes taken, and whether the line, or the file, ended with them.
    mutating func take(into line: inout [128 of UInt8], limit: Int, isFirst: Bool) -> (count: Int, ended: Bool)? {
        guard hasLine else { return nil }
        var taken = 0
        while hasLine, taken < min(Self.lineLimit, limit) {
            let byte = buffer[Int(read % Self.size)]
            if byte == Key.endOfFile {
                // With bytes before it the line ends here, and the next read finds the end of the file.
                if isFirst, taken == 0 { read &+= 1 }
                return (taken, true)
            }
            read &+= 1
            line[taken] = byte
            taken += 1
            if byte == 10 { return (taken, true) }
        }
        return (taken, false)
    }
}
