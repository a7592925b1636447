// The pool of packets in the kernel's memory: it grows by pages while memory is plenty, and gives them back.

import NetStack

enum PacketMemory {
    /// Makes a pool without packets, of up to `count`. Once, during start-up.
    static func makePool(_ count: Int) -> PacketPool {
        let supply = PageSupply(
            take: { Pages.allocateSpare()?.virtual ?? 0 },
            giveBack: { Pages.release(PhysicalAddress(directMapped: $0)) })
        // Boot memory is never given back, and each piece goes to one owner.
        return unsafe PacketPool(
            growing: BootMemory.allocate(bytes: PacketPool.wordBytes(count)), count: count, supply: supply)
    }
}
