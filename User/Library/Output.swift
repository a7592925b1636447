// Printing. Output to the console appears at once; output to a file or pipe is collected and written when there is a
// buffer full of it or the program ends. A program whose output cannot be written says so and ends.

public import SystemInterface

/// Bytes on their way to a descriptor.
public struct Output {
    private let file: FileDescriptor
    private var buffer: [UInt8] = []
    private var isConsole: Bool?
    /// Why a write failed: what follows is dropped.
    fileprivate var error: SystemError?

    private static let bufferSize = 1024

    public init(_ file: FileDescriptor) { self.file = file }

    public mutating func write(_ text: Text) { write(text.bytes.span) }

    public mutating func write(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe buffer.append(contentsOf: $0) }  // the span's own bytes
        if buffer.count >= Self.bufferSize || writesAtOnce() { flush() }
    }

    public mutating func flush() {
        do throws(SystemError) { if error == nil { try writePiece(file, buffer, count: buffer.count) } } catch {
            self.error = error
        }
        buffer.removeAll(keepingCapacity: true)
    }

    fileprivate mutating func writesAtOnce() -> Bool {
        if let isConsole { return isConsole }
        let isDevice = UserLibrary.isConsole(file)
        isConsole = isDevice
        return isDevice
    }
}

/// Whether a descriptor is the console.
public func isConsole(_ file: FileDescriptor) -> Bool {
    do throws(SystemError) {
        let own = try System.status(file)
        guard own.type == FileType.device.rawValue else { return false }
        do throws(SystemError) { return try status(of: "/console").inode == own.inode } catch { return true }
    } catch {
        return false
    }
}

/// Writes the first `count` bytes of an array, all of them, whether or not a ^C comes (Interrupts.swift).
/// - Throws: what the write throws; inputOutput if nothing more is taken.
public func writePiece(_ file: FileDescriptor, _ bytes: [UInt8], count: Int) throws(SystemError) {
    var done = 0
    while done < count {
        do throws(SystemError) {
            let written = try System.write(file, bytes.span.extracting(done..<count))
            guard written > 0 else { throw .inputOutput }
            done += written
        } catch .interrupted {
            Interrupts.note()
        }
    }
}

// A program has one thread.
nonisolated(unsafe) private var collected = Output(.standardOutput)
nonisolated(unsafe) private var endsOnError = true

/// The program's standard output.
public struct StandardOutput: Sendable {
    fileprivate init() {}

    /// Whether the program ends, with a complaint, when a write fails. The shell goes on.
    public var endsProgramOnError: Bool {
        get { unsafe endsOnError }  // a program has one thread
        nonmutating set { unsafe endsOnError = newValue }  // a program has one thread
    }

    public func write(_ text: Text) { write(text.bytes.span) }

    public func write(_ bytes: Span<UInt8>) {
        unsafe collected.write(bytes)  // a program has one thread
        endIfFailed()
    }

    public func flush() {
        unsafe collected.flush()  // a program has one thread
        endIfFailed()
    }

    /// Whether it is the console.
    public var isConsole: Bool { unsafe collected.writesAtOnce() }  // a program has one thread

    /// A name that a file system holds, as it is printed: as it is, but on the console without what could steer that.
    public func shown(_ name: [UInt8]) -> [UInt8] { isConsole ? withoutControls(name) : name }

    /// Why a write failed since this was asked last.
    public func takeError() -> SystemError? {
        defer { unsafe collected.error = nil }  // a program has one thread
        return unsafe collected.error
    }

    /// A reader that has gone is no news to a user.
    private func endIfFailed() {
        // a program has one thread
        guard unsafe endsOnError, let error = unsafe collected.error else { return }
        if error != .brokenPipe { writeError("\(Arguments.program): write error: \(error)\n") }
        System.exit(1)
    }
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

/// Prints a text on standard error. Names and words from elsewhere may be in it: control characters become question
/// marks.
public func writeError(_ text: Text) {
    var error = Output(.standardError)
    error.write(withoutControls(text.bytes).span)
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
    System.exit(status)
}
