// TCP's sequence numbers: 32 bits that wrap, compared by their distance (RFC 9293, 3.4).

public struct SequenceNumber: Equatable, Hashable, Sendable {
    public var bits: UInt32

    @inline(__always) public init(_ bits: UInt32) { self.bits = bits }

    @inline(__always) public static func < (a: Self, b: Self) -> Bool { Int32(bitPattern: a.bits &- b.bits) < 0 }
    @inline(__always) public static func <= (a: Self, b: Self) -> Bool { Int32(bitPattern: a.bits &- b.bits) <= 0 }
    @inline(__always) public static func > (a: Self, b: Self) -> Bool { b < a }
    @inline(__always) public static func >= (a: Self, b: Self) -> Bool { b <= a }

    /// The number so many bytes further on, or back.
    @inline(__always) public static func + (a: Self, count: Int) -> Self {
        Self(a.bits &+ UInt32(truncatingIfNeeded: count))
    }

    /// How far `a` is ahead of `b`, in bytes; negative when it is behind.
    @inline(__always) public static func - (a: Self, b: Self) -> Int { Int(Int32(bitPattern: a.bits &- b.bits)) }

    @inline(__always) static func later(_ a: Self, _ b: Self) -> Self { a < b ? b : a }
    @inline(__always) static func earlier(_ a: Self, _ b: Self) -> Self { a < b ? a : b }
}
