// Strings that a program is given: its arguments, and literals. Compared as bytes, without Unicode tables.

/// A string that lives as long as the program: an argument, or a literal.
@safe
public struct CString: ExpressibleByStringLiteral, Equatable {
    private let start: UnsafePointer<UInt8>
    /// Bytes.
    public let count: Int

    /// - Parameter start: bytes that end with a NUL and stay as long as the program.
    init(unsafe start: UnsafePointer<UInt8>) {
        var count = 0
        while unsafe start[count] != 0 { count += 1 }  // up to the NUL
        unsafe self.start = start
        self.count = count
    }

    /// - Parameter start: `count` bytes that stay as long as the program.
    private init(unsafe start: UnsafePointer<UInt8>, count: Int) {
        unsafe self.start = start
        self.count = count
    }

    public init(_ literal: StaticString) {
        // a literal's own bytes, which stay
        unsafe self.init(unsafe: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    public init(stringLiteral literal: StaticString) { self.init(literal) }

    public var isEmpty: Bool { count == 0 }

    /// A byte; 0 behind the last one.
    public subscript(index: Int) -> UInt8 {
        precondition(index >= 0, "a negative place in a string")
        return index < count ? unsafe start[index] : 0  // within the string
    }

    // the string's own bytes
    public var bytes: [UInt8] { unsafe [UInt8](UnsafeBufferPointer(start: start, count: count)) }

    /// Where it lies, for tests of what exec makes of arguments.
    public var address: UInt { unsafe UInt(bitPattern: start) }

    public static func == (a: CString, b: CString) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count where a[index] != b[index] { return false }
        return true
    }

    public func hasPrefix(_ prefix: CString) -> Bool {
        guard prefix.count <= count else { return false }
        for index in 0..<prefix.count where self[index] != prefix[index] { return false }
        return true
    }

    /// What follows the first `number` bytes; empty if there are no more.
    public func dropFirst(_ number: Int) -> CString {
        let number = min(max(0, number), count)
        return unsafe CString(unsafe: start + number, count: count - number)  // within the string
    }
}
