// Reading: by pieces, and by lines.

public import SystemInterface

/// Lines of a file, one after another.
public struct LineReader {
    private let file: FileDescriptor
    private var buffer: [UInt8]
    private var start = 0
    private var end = 0
    /// A console has an end again and again: the first one counts.
    private var hasEnded = false
    /// Bytes of a line: an input without line ends does not take all memory.
    private static let limit = 1 << 20

    /// - Parameter readsAhead: if not, no byte behind the line is taken from the file: it is for other programs.
    public init(_ file: FileDescriptor, readsAhead: Bool = true) {
        self.file = file
        buffer = [UInt8](repeating: 0, count: readsAhead ? 1024 : 1)
    }

    /// The next line, without its line end; nil at the end of the file.
    /// - Throws: what a read throws; noMemory for a line of more than a MiB.
    public mutating func next() throws(SystemError) -> [UInt8]? {
        var line: [UInt8] = []
        while !hasEnded {
            while start < end {
                let byte = buffer[start]
                start += 1
                if byte == 10 { return line }
                guard line.count < Self.limit else { throw .noMemory }
                line.append(byte)
            }
            // Nothing is left, also when the read fails.
            (start, end) = (0, 0)
            end = try readPiece(file, into: &buffer)
            hasEnded = end == 0
        }
        return line.isEmpty ? nil : line
    }
}

/// Reads what there is into an array, up to its count; 0 at the end of the file.
public func readPiece(_ file: FileDescriptor, into buffer: inout [UInt8]) throws(SystemError) -> Int {
    var span = buffer.mutableSpan
    return try System.read(file, into: &span)
}

/// Calls `body` with each argument, a path. A failure is complained about, with the argument's name, and the next one
/// follows.
/// - Returns: the exit status: 1 if there was a failure, else 0.
public func forEachPath(_ arguments: Arguments, _ body: (Path) throws(SystemError) -> Void) -> Int32 {
    forEachArgument(arguments) { (name) throws(SystemError) in try body(Path(name)) }
}

private func forEachArgument(_ arguments: Arguments, _ body: (CString) throws(SystemError) -> Void) -> Int32 {
    var status: Int32 = 0
    for index in 0..<arguments.count {
        do throws(SystemError) {
            try body(arguments[index])
        } catch {
            complain("\(arguments[index]): \(error)")
            status = 1
        }
    }
    return status
}

/// Calls `body` with each file named in the arguments, opened for reading, or with standard input if there is none. A
/// failure is complained about, and the next file follows.
/// - Returns: the exit status: 1 if there was a failure, else 0.
public func forEachFile(_ arguments: Arguments, _ body: (FileDescriptor, CString?) throws(SystemError) -> Void) -> Int32
{
    guard arguments.count > 0 else {
        do throws(SystemError) {
            try body(.standardInput, nil)
            return 0
        } catch {
            complain("standard input: \(error)")
            return 1
        }
    }
    return forEachArgument(arguments) { (name) throws(SystemError) in
        let file = try System.open(Path(name))
        try body(file, name)
        try System.close(file)
    }
}
