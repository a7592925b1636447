// Randomness from a seed (SplitMix64): everything that happens in a simulation is drawn from one of these.

/// A repeatable source of randomness: the same seed, the same numbers.
public struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        return Self.mix(state)
    }

    /// Spreads the bits of a number; neighbours have nothing in common any more.
    public static func mix(_ number: UInt64) -> UInt64 {
        var z = number
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// True so often, 0 to 1. Draws nothing when the answer is certain.
    public mutating func chance(_ probability: Double) -> Bool {
        probability > 0 && Double(next() >> 11) * 0x1p-53 < probability
    }

    /// 0 up to and including `most`.
    public mutating func upTo(_ most: UInt64) -> UInt64 { most == 0 ? 0 : UInt64.random(in: 0...most, using: &self) }
}
