// Reading directories.

public import SystemInterface

/// The names in a directory, one after another.
public struct DirectoryReader {
    private let file: FileDescriptor
    private let givesDots: Bool
    private var entry = [UInt8](repeating: 0, count: DirectoryReader.entrySize)

    /// Bytes of an entry: an inode number, 0 for a free one, and a name, which has a NUL behind it unless it fills its
    /// place.
    private static var entrySize: Int { 2 + Limit.name }

    /// - Parameters:
    ///   - file: a directory, opened for reading; the caller closes it.
    ///   - givesDots: whether "." and ".." are among the names.
    public init(_ file: FileDescriptor, givesDots: Bool = false) {
        self.file = file
        self.givesDots = givesDots
    }

    /// The next name, without a NUL; nil at the end.
    public mutating func next() throws(SystemError) -> [UInt8]? {
        while try readPiece(file, into: &entry) == Self.entrySize {
            if entry[0] == 0 && entry[1] == 0 { continue }
            let name = [UInt8](entry[2...].prefix { $0 != 0 })
            if givesDots || !Self.isDots(name) { return name }
        }
        return nil
    }

    /// All the names that are left.
    public mutating func all() throws(SystemError) -> [[UInt8]] {
        var names: [[UInt8]] = []
        while let name = try next() { names.append(name) }
        return names
    }

    private static func isDots(_ name: [UInt8]) -> Bool {
        name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")]
    }
}
