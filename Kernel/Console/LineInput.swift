// What was typed: a ring of bytes of which whole lines can be read, and the editing of the line being typed
// (Documentation/ABI.md): ^H and DEL erase a character, ^U the line; ^D ends the file.

import Storage

/// The keys that are more than a character.
enum Key {
    static let interrupt: UInt8 = 0x03  // ^C
    static let endOfFile: UInt8 = 0x04  // ^D
    static let backspace: UInt8 = 0x08  // ^H
    static let tab: UInt8 = 0x09
    static let processes: UInt8 = 0x10  // ^P
    static let killLine: UInt8 = 0x15  // ^U
    static let delete: UInt8 = 0x7f
}

/// Three indexes that only grow, modulo 2^32: read ≤ committed ≤ edit.
struct LineInput {
    static let lineLimit = 128
    private static let size: UInt32 = 16384

    private let buffer = BootMemory.makeTable(Int(size)) { _ in 0 as UInt8 }
    private var read: UInt32 = 0
    private var committed: UInt32 = 0
    private var edit: UInt32 = 0
    /// A byte found no place in the line being typed: it will not be read.
    private var isTooLong = false

    init() {}

    private var lineLength: UInt32 { edit &- committed }
    /// Whether another line has a place. While not, what is typed stays in the UART.
    var hasRoom: Bool { Self.size - (edit &- read) > UInt32(Self.lineLimit) }
    /// Whether a line waits to be read.
    var hasLine: Bool { read != committed }

    /// What typing a byte did, for echo and for the readers.
    enum Effect {
        case none
        /// A byte of the line.
        case typed(UInt8)
        /// A tab, which took so many columns.
        case tabbed(Int)
        /// The byte has no place in the line.
        case refused
        /// The line is complete; nil for ^D, which shows as nothing.
        case ended(UInt8?)
        /// The line was too long: it is forgotten, and an empty one stands in its place.
        case dropped
        /// So many columns are empty again.
        case erased(Int)
    }

    /// Adds a byte to the line being typed, or edits the line. The caller has seen that there is room.
    mutating func type(_ byte: UInt8) -> Effect {
        switch byte {
        case Key.killLine: return erase { $0.edit = $0.committed }
        case Key.backspace, Key.delete: return lineLength > 0 ? erase { $0.eraseCharacter() } : .none
        default: break
        }
        let ends = byte == 10 || byte == Key.endOfFile
        if ends, isTooLong {
            edit = committed
            isTooLong = false
            append(10)
            committed = edit
            return .dropped
        }
        // The last place of a line is kept for the byte that ends it.
        guard ends || lineLength < UInt32(Self.lineLimit - 1) else {
            let isFirst = !isTooLong
            isTooLong = true
            return isFirst ? .refused : .none
        }
        let before = byte == Key.tab ? columns : 0
        append(byte)
        guard ends else { return byte == Key.tab ? .tabbed(columns - before) : .typed(byte) }
        committed = edit
        return .ended(byte == Key.endOfFile ? nil : byte)
    }

    private mutating func erase(_ body: (inout LineInput) -> Void) -> Effect {
        let before = columns
        body(&self)
        isTooLong = false
        return .erased(before - columns)
    }

    /// Takes the last character away: a byte, or in UTF-8 the bytes of one code point.
    private mutating func eraseCharacter() {
        var left = 4
        var byte: UInt8
        repeat {
            edit &-= 1
            left -= 1
            byte = self[edit]
        } while byte & 0xc0 == 0x80 && left > 0 && lineLength > 0
    }

    private subscript(index: UInt32) -> UInt8 { buffer[Int(index % Self.size)] }

    /// How many columns the line being typed takes on the screen. Tabs stop at each eighth one, counted from its start.
    private var columns: Int {
        var columns = 0
        var index = committed
        while index != edit {
            let byte = self[index]
            let length = min(UTF8Width.length(byte), edit &- index)
            if byte == Key.tab {
                columns = columns / 8 * 8 + 8
            } else if byte < 0x20 {
                columns += 2  // ^X
            } else {
                var scalar = UInt32(byte)
                for place in 1..<max(2, length) where place < length {
                    scalar = scalar << 6 | UInt32(self[index &+ place] & 0x3f)
                }
                columns += UTF8Width.columns(scalar, length)
            }
            index &+= length
        }
        return columns
    }

    /// Drops the line being typed, and with `givesEmptyLine` completes an empty one instead.
    /// - Returns: whether a line was completed.
    mutating func interrupt(givesEmptyLine: Bool) -> Bool {
        edit = committed
        isTooLong = false
        guard givesEmptyLine else { return false }
        append(10)
        committed = edit
        return true
    }

    private mutating func append(_ byte: UInt8) {
        buffer[Int(edit % Self.size)] = byte
        edit &+= 1
    }

    /// Moves at most `limit` bytes of one line into `line`; nil while none waits.
    /// A ^D behind bytes of the line only ends the line, as in POSIX (General Terminal Interface, 11.1.9); alone it is
    /// the end of the file.
    /// - Returns: bytes taken, and whether the line, or the file, ended with them.
    mutating func take(into line: inout [128 of UInt8], limit: Int) -> (count: Int, ended: Bool)? {
        guard hasLine else { return nil }
        var taken = 0
        // Also behind the last byte that there is room for: the next read is not to find it alone.
        while hasLine, taken < min(Self.lineLimit, limit) || (taken > 0 && self[read] == Key.endOfFile) {
            let byte = self[read]
            read &+= 1
            if byte == Key.endOfFile { return (taken, true) }
            line[taken] = byte
            taken += 1
            if byte == 10 { return (taken, true) }
        }
        return (taken, false)
    }
}
