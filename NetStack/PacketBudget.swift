// How the packets of a pool are divided: by use, and what each use may hold. Documentation/Design.md has the table.

import Packets

/// Packets for each use, of a pool of so many; together no more than the pool has.
public struct PacketBudget {
    /// What all cards together may receive into.
    public let cards: Int
    /// What may wait in the users' sockets, and in captures.
    public let sockets: Int
    /// What may wait for the rest of its datagram.
    public let reassembly: Int
    /// What programs may have on its way out: in cards, or waiting for a neighbour.
    public let sending: Int
    /// For the stack's own messages and for replies.
    public let own: Int

    /// Pools with fewer packets are not divided: each use may have all.
    public static var leastDivided: Int { 32 }

    public init(pool count: Int) {
        own = max(1, count / 16)
        sending = max(1, count * 5 / 16)  // more than the ring of one card holds
        reassembly = max(2, count / 8)
        // Taken when the cards start: with a quarter more than 818 pages would be gone at the prompt (MemoryTests).
        cards = max(1, count * 7 / 32)
        sockets = max(1, count - own - sending - reassembly - cards)
    }

    /// What one of so many cards may receive into.
    public func receiveBuffers(cards number: Int) -> Int { max(1, cards / max(1, number)) }

    /// Divides a pool. Traps when the sums do not fit, which is a fault of the table above.
    func divide(_ pool: PacketPool) {
        guard pool.count >= Self.leastDivided else { return }
        pool.divide(receiving: cards + sockets + reassembly, sending: sending, own: own)
    }
}
