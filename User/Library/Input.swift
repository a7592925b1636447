// Reading: by pieces, and by lines.

public import SystemInterface

/// Lines of a file, one after another.
public struct LineReader {
    private let file: Descriptor
    private var buffer = [UInt8](repeating: 0, count: 1024)
    private var start = 0
    private var end = 0

    public init(_ file: Descriptor) { self.file = file }

    /// The next line, without its line end; nil at the end of the file.
    public mutating func next() throws(SystemError) -> [UInt8]? {
        var line: [UInt8] = []
        while true {
            while start < end {
                let byte = buffer[start]
                start += 1
                if byte == 10 { return line }
                line.append(byte)
            }
            start = 0
            end = try readPiece(file, into: &buffer)
            if end == 0 { return line.isEmpty ? nil : line }
        }
    }
}

/// Reads what there is into an array, up to its count; 0 at the end of the file.
public func readPiece(_ file: Descriptor, into buffer: inout [UInt8]) throws(SystemError) -> Int {
    var result: Swift.Result<Int, SystemError> = .success(0)
    buffer.withUnsafeMutableBytes { bytes in
        do throws(SystemError) {
            result = .success(try System.read(file, bytes))
        } catch {
            result = .failure(error)
        }
    }
    return try result.get()
}

/// Calls `body` with each file named in the arguments, opened for reading, or with standard input if there is none. A file that
/// cannot be opened or read is complained of; the result is 1 if there was any such, else 0.
public func forEachFile(_ arguments: Arguments, _ body: (Descriptor, CString?) throws(SystemError) -> Void) -> Int32 {
    var status: Int32 = 0
    if arguments.count == 0 {
        do throws(SystemError) {
            try body(.standardInput, nil)
        } catch {
            complain("standard input: \(error)")
            status = 1
        }
    }
    for index in 0..<arguments.count {
        do throws(SystemError) {
            let file = try System.open(arguments[index])
            try body(file, arguments[index])
            try System.close(file)
        } catch {
            complain("\(arguments[index]): \(error)")
            status = 1
        }
    }
    return status
}
