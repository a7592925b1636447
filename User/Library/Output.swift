// Printing. Output to the console appears at once; output to a file or pipe is collected and written when there is a buffer full
// of it or the program ends.

public import SystemInterface

/// Bytes on their way to a descriptor.
public struct Output {
    private let file: Descriptor
    private var buffer: [UInt8] = []
    private var isConsole: Bool?
    /// Set when a write failed: what follows is dropped, and the program ends unsuccessfully.
    public private(set) var failed = false

    private static let bufferSize = 1024

    public init(_ file: Descriptor) { self.file = file }

    public mutating func write(_ text: Text) { text.bytes.withUnsafeBufferPointer { write($0) } }

    public mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferSize || writesAtOnce() { flush() }
    }

    public mutating func flush() {
        var done = 0
        while done < buffer.count, !failed {
            let written: Int = buffer.withUnsafeBytes { bytes in
                do throws(SystemError) {
                    return try System.write(file, UnsafeRawBufferPointer(rebasing: bytes[done...]))
                } catch {
                    return 0
                }
            }
            if written <= 0 { failed = true }
            done += written
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private mutating func writesAtOnce() -> Bool {
        if let isConsole { return isConsole }
        var isDevice = true
        do throws(SystemError) { isDevice = try System.status(file).type == FileType.device.rawValue } catch { isDevice = false }
        isConsole = isDevice
        return isDevice
    }
}

/// Writes the first `count` bytes of an array, all of them.
/// - Throws: what the write throws; inputOutput if nothing more is taken.
public func writePiece(_ file: Descriptor, _ bytes: [UInt8], count: Int) throws(SystemError) {
    var done = 0
    while done < count {
        let written = try bytes.withUnsafeBufferPointer { (bytes) throws(SystemError) in
            try System.write(file, UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[done..<count])))
        }
        guard written > 0 else { throw .inputOutput }
        done += written
    }
}

/// The program's standard output.
nonisolated(unsafe) public var standardOutput = Output(.standardOutput)

/// Prints a text and ends the line.
public func print(_ text: Text) {
    var text = text
    text.bytes.append(10)
    standardOutput.write(text)
}

/// Prints "program: message" on standard error, after what standard output holds back.
public func complain(_ message: Text) {
    standardOutput.flush()
    var error = Output(.standardError)
    error.write("\(Arguments.program): \(message)\n")
    error.flush()
}

/// Complains and ends the program with status 1.
public func fail(_ message: Text) -> Never {
    complain(message)
    end(1)
}

/// Ends the program with everything printed.
public func end(_ status: Int32) -> Never {
    standardOutput.flush()
    System.exit(status == 0 && standardOutput.failed ? 1 : status)
}
