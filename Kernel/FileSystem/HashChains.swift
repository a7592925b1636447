// Records of a table found by number, and those without a user in the order in which they were last used: what the
// block cache and the inode table have in common.
//
// The links lie in a table of their own, beside the records; the caller's monitor guards both.

import Storage

/// Chains of record indexes by a hash of their key, and a list of the unused ones. A copy names the same chains.
struct HashChains {
    private struct Links {
        /// Next in the hash chain, -1 at its end.
        var chain: Int32 = -1
        /// Neighbours in the list of unused records, oldest first.
        var older: Int32 = -1
        var newer: Int32 = -1
    }

    /// One a record, and a last one as head of the list of unused ones.
    private let links: Table<Links>
    /// The first record of each chain, -1 for an empty one; a power of two of them.
    private let heads: Table<Int32>
    private var end: Int32 { Int32(truncatingIfNeeded: links.count - 1) }

    /// No record found, and the first ones unused.
    /// - Returns: nil without memory.
    init?(_ platform: some FileSystemPlatform, count: Int, unused: Int) {
        var slots = 64
        while slots < count { slots *= 2 }
        guard let links = platform.makeTable(count + 1, Links()), let heads = platform.makeTable(slots, Int32(-1))
        else { return nil }
        self.links = links
        self.heads = heads
        links[count].older = end
        links[count].newer = end
        for index in 0..<unused { appendUnused(Int32(truncatingIfNeeded: index)) }
    }

    @inline(__always)
    private func slot(_ key: UInt32) -> Int { Int(key) & (heads.count - 1) }

    /// The record with a key, of those that were inserted.
    @inline(__always)
    func find(_ key: UInt32, where matches: (Int32) -> Bool) -> Int32? {
        var index = heads[slot(key)]
        while index >= 0, !matches(index) { index = links[index].chain }
        return index >= 0 ? index : nil
    }

    func insert(_ index: Int32, key: UInt32) {
        links[index].chain = heads[slot(key)]
        heads[slot(key)] = index
    }

    func remove(_ index: Int32, key: UInt32) {
        let next = links[index].chain
        if heads[slot(key)] == index {
            heads[slot(key)] = next
            return
        }
        var before = heads[slot(key)]
        while before >= 0, links[before].chain != index { before = links[before].chain }
        precondition(before >= 0, "a record is not in the chain of its key")
        links[before].chain = next
    }

    /// The record that has been unused longest; nil if all are in use.
    @inline(__always)
    var longestUnused: Int32? {
        let index = links[end].newer
        return index != end ? index : nil
    }

    /// The same, taken out of the list.
    func takeUnused() -> Int32? {
        guard let index = longestUnused else { return nil }
        removeUnused(index)
        return index
    }

    /// Makes a record the one that has been unused longest.
    func prependUnused(_ index: Int32) {
        let first = links[end].newer
        links[index].older = end
        links[index].newer = first
        links[first].older = index
        links[end].newer = index
    }

    @inline(__always)
    func appendUnused(_ index: Int32) {
        let last = links[end].older
        links[index].older = last
        links[index].newer = end
        links[last].newer = index
        links[end].older = index
    }

    @inline(__always)
    func removeUnused(_ index: Int32) {
        let older = links[index].older
        let newer = links[index].newer
        links[older].newer = newer
        links[newer].older = older
    }
}
