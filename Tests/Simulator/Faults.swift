// What a wire does to frames. Every link between a station and the switch does it, in both directions.

public struct Faults: Sendable, CustomStringConvertible {
    /// Of each frame on each link, 0 to 1.
    public var loss = 0.0
    public var duplication = 0.0
    /// One bit is flipped.
    public var corruption = 0.0
    /// Damaged frames arrive; in reality a card's check sequence drops nearly all of them.
    public var deliversDamaged = false
    /// Nanoseconds that every frame takes over a link, and how many more it may take at random: frames overtake one
    /// another.
    public var latency: UInt64 = 50_000
    public var jitter: UInt64 = 0

    public init() {}

    /// Some of everything, as the seed has it: up to one frame in five lost, one in ten doubled, one in twenty damaged.
    public init(random: inout SeededRandom) {
        func upTo(_ most: Double, _ random: inout SeededRandom) -> Double {
            random.chance(0.3) ? 0 : Double(random.upTo(1000)) / 1000 * most
        }
        loss = upTo(0.2, &random)
        duplication = upTo(0.1, &random)
        corruption = upTo(0.05, &random)
        deliversDamaged = random.chance(0.5)
        latency = 1_000 + random.upTo(5_000_000)
        jitter = random.chance(0.3) ? 0 : random.upTo(50_000_000)
    }

    public var description: String {
        "loss \(loss) duplication \(duplication) corruption \(corruption)\(deliversDamaged ? " (delivered)" : "") "
            + "latency \(latency / 1000) us jitter \(jitter / 1000) us"
    }
}
