// Pseudo-random numbers for tests, the same at each run from the same seed (xorshift64; Marsaglia 2003).

/// A generator of pseudo-random numbers.
public struct Random {
    private var state: UInt64

    /// - Parameter seed: any number.
    public init(_ seed: UInt64) { state = (seed &+ 1) &* 0x9e37_79b9_7f4a_7c15 | 1 }

    /// 64 bits.
    public mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }

    /// A number from 0 up to, but not including, `limit`.
    public mutating func below(_ limit: Int) -> Int { Int(next() >> 16) % limit }
}
