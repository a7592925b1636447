// NUL-terminated bytes: arguments, paths, names. Compared as bytes, without Unicode tables.

/// A string as the system knows it. It does not own its bytes: arguments live as long as the program, literals for ever; of
/// others the maker says.
public struct CString: ExpressibleByStringLiteral, Equatable {
    /// The first byte; a NUL follows the last.
    public let start: UnsafePointer<UInt8>

    public init(_ start: UnsafePointer<UInt8>) { self.start = start }
    public init(stringLiteral literal: StaticString) { start = literal.utf8Start }
    public init(_ literal: StaticString) { start = literal.utf8Start }

    /// Bytes without the NUL.
    public var count: Int {
        var count = 0
        while start[count] != 0 { count += 1 }
        return count
    }

    public var isEmpty: Bool { start[0] == 0 }
    public var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    public static func == (a: CString, b: CString) -> Bool {
        var index = 0
        while a.start[index] == b.start[index] {
            if a.start[index] == 0 { return true }
            index += 1
        }
        return false
    }

    public func hasPrefix(_ prefix: StaticString) -> Bool {
        for index in 0..<prefix.utf8CodeUnitCount where start[index] != prefix.utf8Start[index] { return false }
        return true
    }

    /// What follows the first `count` bytes; not beyond the end.
    public func dropFirst(_ count: Int) -> CString { CString(start + count) }

    /// A whole decimal number; nil if it is anything else, or too large.
    public var number: Int? {
        let isNegative = start[0] == 0x2d
        var index = isNegative ? 1 : 0
        guard start[index] != 0 else { return nil }
        var value = 0
        while start[index] != 0 {
            guard start[index] >= 0x30, start[index] <= 0x39, value < 1 << 56 else { return nil }
            value = value * 10 + Int(start[index] - 0x30)
            index += 1
        }
        return isNegative ? -value : value
    }

    /// A decimal number of seconds such as 2, 0.2 or .001, in nanoseconds; nil if it is anything else, or beyond a year.
    public var nanoseconds: UInt64? {
        var index = 0
        var seconds: UInt64 = 0
        var fraction: UInt64 = 0
        var scale: UInt64 = 1_000_000_000
        while start[index] >= 0x30, start[index] <= 0x39, seconds < 32_000_000 {
            seconds = seconds * 10 + UInt64(start[index] - 0x30)
            index += 1
        }
        if start[index] == 0x2e {
            index += 1
            guard index > 1 || start[index] != 0 else { return nil }
            while start[index] >= 0x30, start[index] <= 0x39 {
                scale /= 10
                fraction += UInt64(start[index] - 0x30) * scale
                index += 1
            }
        }
        guard index > 0, start[index] == 0, seconds < 32_000_000 else { return nil }
        return seconds * 1_000_000_000 + fraction
    }
}
