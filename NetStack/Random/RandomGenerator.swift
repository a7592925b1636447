// Random numbers that cannot be guessed from others: ChaCha20 with fast key erasure.
//
// Promise: any number of outputs says nothing of the others, and the generator's state says nothing of the outputs
// before it. Each block of key stream makes the next key first and outputs after it, and every output is erased when it
// is taken.

/// A source of random numbers, as good as its key.
public struct RandomGenerator: Sendable {
    private var key: [8 of UInt32]
    /// What is left of the last block: words from `next` on.
    private var words = [4 of UInt64](repeating: 0)
    private var next = 4

    /// - Parameter key: 256 random bits.
    public init(key: [4 of UInt64]) {
        self.key = [8 of UInt32](repeating: 0)
        for i in 0..<4 {
            self.key[2 * i] = UInt32(truncatingIfNeeded: key[i])
            self.key[2 * i + 1] = UInt32(truncatingIfNeeded: key[i] >> 32)
        }
    }

    /// A repeatable generator, for tests and simulations: 64 bits are no secret.
    public init(seed: UInt64) { self.init(key: [seed, 0, 0, 0]) }

    /// A number of 64 random bits.
    public mutating func number() -> UInt64 {
        if next == 4 { refill() }
        let word = words[next]
        words[next] = 0
        next += 1
        return word
    }

    /// A generator of its own, whose numbers have nothing to do with this one's.
    public mutating func fork() -> RandomGenerator {
        var key = [4 of UInt64](repeating: 0)
        for i in 0..<4 { key[i] = number() }
        return RandomGenerator(key: key)
    }

    @inline(never)
    private mutating func refill() {
        let block = ChaCha20.block(key: key, counter: 0, nonce: [0, 0, 0])
        for i in 0..<8 { key[i] = block[i] }
        for i in 0..<4 { words[i] = UInt64(block[8 + 2 * i]) | UInt64(block[9 + 2 * i]) << 32 }
        next = 0
    }
}
