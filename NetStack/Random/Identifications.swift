// Identifications of IPv4 datagrams (RFC 791, 3.2): a counter for each of many sets of destinations, each begun at
// random, so that what one destination sees says nothing about the datagrams to another (RFC 7739, 5.3).

import Storage

struct Identifications: ~Copyable {
    private static var count: Int { 256 }
    static var memoryNeeded: Int { TableMemory.byteCount(UInt16.self, count) }

    private let counters: Table<UInt16>
    /// Chooses the set of a destination.
    private let key: UInt64

    init(_ memory: inout TableMemory, _ random: inout RandomGenerator) {
        counters = memory.table(Self.count) { 0 }
        for i in 0..<Self.count { counters[i] = UInt16(truncatingIfNeeded: random.number()) }
        key = random.number()
    }

    /// Another one than those that were used for this destination of late.
    mutating func next(for destination: IPv4Address) -> UInt16 {
        let set = Int(truncatingIfNeeded: ((UInt64(destination.bits) ^ key) &* 0x9e37_79b9_7f4a_7c15) >> 56)
        counters[set] &+= 1
        return counters[set]
    }
}
