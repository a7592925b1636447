// A cable between two hosts with every fault that a network has: for connections, which have to survive them.

/// What the cable does to frames, each way.
public struct StreamWire: Sendable {
    /// Of each frame, 0 to 1; a burst loses so many in a row.
    public var loss = 0.0
    public var burst = 1
    public var duplication = 0.0
    /// One bit is flipped; the frame arrives.
    public var corruption = 0.0
    /// Nanoseconds that a frame takes, and how many more at random: frames overtake one another.
    public var delay: UInt64 = 5_000_000
    public var jitter: UInt64 = 0
    /// Bits a second; 0: no limit. Frames that find more than `queue` bytes waiting are lost.
    public var rate: UInt64 = 0
    public var queue = 64 * 1024
    /// Frames that find more than so many bytes waiting get a congestion mark, if they allow it.
    public var marksAbove = Int.max
    /// No frame passes between these instants.
    public var cut: Range<UInt64> = 0..<0
    /// Larger IP packets vanish from this instant on; a message says so, unless the cable is silent.
    public var greatestPacket = 1500
    public var shrinksAt: UInt64 = 0
    public var isSilent = false

    public init() {}

    /// Some of everything, as the seed has it.
    public init(random: inout SeededRandom) {
        func upTo(_ most: Double, _ chance: Double, _ random: inout SeededRandom) -> Double {
            random.chance(chance) ? Double(random.upTo(1000)) / 1000 * most : 0
        }
        loss = upTo(0.3, 0.7, &random)
        burst = random.chance(0.3) ? Int(1 + random.upTo(4)) : 1
        loss /= Double(burst)
        duplication = upTo(0.1, 0.5, &random)
        corruption = upTo(0.05, 0.5, &random)
        delay = 10_000 + random.upTo(100_000_000)
        jitter = random.chance(0.5) ? random.upTo(delay) : 0
        rate = random.chance(0.3) ? 1_000_000 + random.upTo(100_000_000) : 0
        if random.chance(0.2) { marksAbove = queue / 4 }
        if random.chance(0.2) {
            let start = random.upTo(3_000_000_000)
            cut = start..<start + random.upTo(10_000_000_000)
        }
        if random.chance(0.2) {
            greatestPacket = Int(600 + random.upTo(800))
            shrinksAt = random.upTo(2_000_000_000)
            isSilent = random.chance(0.5)
        }
    }
}
