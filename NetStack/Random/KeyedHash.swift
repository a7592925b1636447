// SipHash-2-4 (Aumasson and Bernstein, 2012) over 64-bit words: numbers that only the owner of the key can foretell.

struct KeyedHash: Sendable {
    private let key0: UInt64
    private let key1: UInt64

    init(_ random: inout RandomGenerator) {
        key0 = random.number()
        key1 = random.number()
    }

    init(key: (UInt64, UInt64)) { (key0, key1) = key }

    /// Half of the key, for hashes that need not be as strong.
    var first: UInt64 { key0 }

    /// A hash of three words.
    func callAsFunction(_ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
        var state = State(key0, key1)
        state.add(a)
        state.add(b)
        state.add(c)
        return state.finish(byteCount: 24)
    }

    private struct State {
        var v0, v1, v2, v3: UInt64

        init(_ key0: UInt64, _ key1: UInt64) {
            v0 = key0 ^ 0x736f_6d65_7073_6575
            v1 = key1 ^ 0x646f_7261_6e64_6f6d
            v2 = key0 ^ 0x6c79_6765_6e65_7261
            v3 = key1 ^ 0x7465_6462_7974_6573
        }

        mutating func add(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish(byteCount: UInt64) -> UInt64 {
            add(byteCount << 56)
            v2 ^= 0xff
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func round() {
            v0 &+= v1
            v1 = rotated(v1, by: 13) ^ v0
            v0 = rotated(v0, by: 32)
            v2 &+= v3
            v3 = rotated(v3, by: 16) ^ v2
            v0 &+= v3
            v3 = rotated(v3, by: 21) ^ v0
            v2 &+= v1
            v1 = rotated(v1, by: 17) ^ v2
            v2 = rotated(v2, by: 32)
        }

        @inline(__always)
        private func rotated(_ word: UInt64, by count: UInt64) -> UInt64 { word << count | word >> (64 &- count) }
    }
}
