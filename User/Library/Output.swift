// Printing. Output to the console appears at once; output to a file or pipe is collected and written when there is a
// buffer full of it or the program ends.

public import SystemInterface

/// Bytes on their way to a descriptor.
public struct Output {
    private let file: FileDescriptor
    private var buffer: [UInt8] = []
    private var isConsole: Bool?
    /// Set when a write failed: what follows is dropped, and the program ends unsuccessfully.
    public private(set) var failed = false

    private static let bufferSize = 1024

    public init(_ file: FileDescriptor) { self.file = file }

    public mutating func write(_ text: Text) { write(text.bytes.span) }

    public mutating func write(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }  // the span's own bytes
        if buffer.count >= Self.bufferSize || writesAtOnce() { flush() }
    }

    public mutating func flush() {
        do throws(SystemError) { if !failed { try writePiece(file, buffer, count: buffer.count) } } catch {
            failed = true
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private mutating func writesAtOnce() -> Bool {
        if let isConsole { return isConsole }
        var isDevice = true
        do throws(SystemError) { isDevice = try System.status(file).type == FileType.device.rawValue } catch {
            isDevice = false
        }
        isConsole = isDevice
        return isDevice
    }
}

/// Writes the first `count` bytes of an array, all of them.
/// - Throws: what the write throws; inputOutput if nothing more is taken.
public func writePiece(_ file: FileDescriptor, _ bytes: [UInt8], count: Int) throws(SystemError) {
    var done = 0
    while done < count {
        let written = try System.write(file, bytes.span.extracting(done..<count))
        guard written > 0 else { throw .inputOutput }
        done += written
    }
}

// A program has one thread.
nonisolated(unsafe) private var collected = Output(.standardOutput)

/// The program's standard output.
public struct StandardOutput: Sendable {
    fileprivate init() {}

    /// A write failed: the program ends unsuccessfully.
    public var failed: Bool { unsafe collected.failed }  // a program has one thread
    public func write(_ text: Text) { unsafe collected.write(text) }  // a program has one thread
    public func write(_ bytes: Span<UInt8>) { unsafe collected.write(bytes) }  // a program has one thread
    public func flush() { unsafe collected.flush() }  // a program has one thread
}

public let standardOutput = StandardOutput()

/// Prints a text and ends the line.
public func print(_ text: Text) {
    var text = text
    text.bytes.append(10)
    standardOutput.write(text)
}

/// Prints "program: message" on standard error, after what standard output holds back.
public func complain(_ message: Text) {
    standardOutput.flush()
    writeError("\(Arguments.program): \(message)\n")
}

/// Prints a text on standard error.
public func writeError(_ text: Text) {
    var error = Output(.standardError)
    error.write(text)
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
