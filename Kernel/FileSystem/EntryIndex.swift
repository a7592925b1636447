// The index of one directory: which entries may have a name, and which entry is free, without a look at its blocks.
//
// It knows a hash of each name and no name, so it tells where to look; a name that none of these entries has is not
// there. Entries with hashes of one chain are linked. Its memory is pages of four blocks, each for 512 entries:
//
//   0     512 words, one an entry: the next entry of its chain + 1 in 17 bits, the hash in 15
//   2048  128 words, one a chain: its first entry + 1, 0 for none
//   2560  512 bits, one an entry: 1 = in use
//   2624  of the first page: 128 double words, the addresses of all

import Storage

/// One page of an index. A copy names the same memory.
struct IndexPage {
    static var entries: UInt32 { 512 }
    static var chains: UInt32 { 128 }
    static var most: UInt32 { 128 }

    let address: UInt

    /// - Parameter address: of 4096 bytes, aligned to 8, that stay until the index ends.
    @unsafe
    init(unsafe address: UInt) { self.address = address }

    /// Entries, then chains.
    @inline(__always)
    var words: Table<UInt32> {
        // as `init` was promised: the first 2560 bytes
        unsafe Table(unsafe: UnsafeMutablePointer(bitPattern: address).unsafelyUnwrapped, count: 640)
    }

    /// Bits, then addresses.
    @inline(__always)
    var doubleWords: Table<UInt64> {
        // as `init` was promised: the 1088 bytes behind the words
        unsafe Table(unsafe: UnsafeMutablePointer(bitPattern: address + 2560).unsafelyUnwrapped, count: 136)
    }

    func clear() {
        for index in 0..<words.count { words[index] = 0 }
        for index in 0..<doubleWords.count { doubleWords[index] = 0 }
    }
}

/// The entries that may have a name, in the directory's order.
struct EntryCandidates {
    /// No chain that is longer is used.
    static var most: Int { 24 }

    private var positions = InlineArray<24, UInt16>(repeating: 0)
    private(set) var count = 0
    /// Where a new entry belongs: the first free one, or the end.
    fileprivate(set) var firstFree: UInt32 = 0

    subscript(index: Int) -> UInt32 { UInt32(positions[index]) }

    fileprivate mutating func add(_ position: UInt32) {
        var place = count
        while place > 0, positions[place - 1] > position {
            positions[place] = positions[place - 1]
            place -= 1
        }
        positions[place] = UInt16(position)
        count += 1
    }
}

/// An index. A copy names the same memory.
struct EntryIndex {
    private let first: IndexPage
    private(set) var pages: UInt32 = 1
    /// Entries of the directory, free ones too.
    private(set) var count: UInt32
    private var firstFree: UInt32 = 0

    /// Pages for the index of so many entries, and half as many again; one that grows further is made anew.
    static func pages(for count: UInt32) -> UInt32 { min(IndexPage.most, (count + count / 2) / IndexPage.entries + 1) }

    /// An index of free entries only, which has its first page.
    init(_ page: IndexPage, count: UInt32) {
        first = page
        self.count = count
        page.clear()
        page.doubleWords[8] = UInt64(page.address)
    }

    /// Gives the index one page more. Before the first `insert`.
    mutating func add(_ page: IndexPage) {
        page.clear()
        first.doubleWords[Int(8 + pages)] = UInt64(page.address)
        pages += 1
    }

    @inline(__always)
    func page(_ index: UInt32) -> IndexPage {
        // what `add` put there
        unsafe IndexPage(unsafe: UInt(first.doubleWords[Int(8 + index)]))
    }

    /// Whether there is a place for an entry, which is one of the directory's or the one behind its end.
    func hasPlace(for position: UInt32) -> Bool { position <= count && position < pages * IndexPage.entries }

    /// Whether an entry is in use.
    func isUsed(_ position: UInt32) -> Bool { bits(position) >> UInt64(position % 64) & 1 != 0 }

    /// Puts an entry in that is free.
    mutating func insert(_ position: UInt32, hash: UInt32) {
        let chain = chain(of: hash)
        let place = link(position)
        place.table[place.index] = hash << 17 | chain.table[chain.index]
        chain.table[chain.index] = position + 1
        flip(position)
        count = max(count, position + 1)
        if position == firstFree { firstFree = nextFree(from: position) }
    }

    /// Takes an entry out that is in use.
    /// - Returns: false, and it is still in, if its chain is too long.
    mutating func remove(_ position: UInt32) -> Bool {
        let place = link(position)
        let word = place.table[place.index]
        var before = chain(of: word >> 17)
        for _ in 0..<EntryCandidates.most {
            let next = before.table[before.index] & 0x1FFFF
            if next == position + 1 {
                before.table[before.index] = before.table[before.index] & ~0x1FFFF | word & 0x1FFFF
                flip(position)
                firstFree = min(firstFree, position)
                return true
            }
            guard next != 0 else { return false }
            before = link(next - 1)
        }
        return false
    }

    /// Finds the entries whose names have a hash.
    /// - Returns: false if their chain is too long.
    func find(_ hash: UInt32, _ found: inout EntryCandidates) -> Bool {
        found.firstFree = firstFree
        let chain = chain(of: hash)
        var next = chain.table[chain.index]
        for _ in 0..<EntryCandidates.most {
            guard next != 0 else { return true }
            let place = link(next - 1)
            let word = place.table[place.index]
            if word >> 17 == hash { found.add(next - 1) }
            next = word & 0x1FFFF
        }
        return next == 0
    }

    @inline(__always)
    private func link(_ position: UInt32) -> (table: Table<UInt32>, index: Int) {
        (page(position / IndexPage.entries).words, Int(position % IndexPage.entries))
    }

    @inline(__always)
    private func chain(of hash: UInt32) -> (table: Table<UInt32>, index: Int) {
        let chain = (hash * pages * IndexPage.chains) >> 15
        return (page(chain / IndexPage.chains).words, Int(IndexPage.entries + chain % IndexPage.chains))
    }

    /// The 64 bits of which one is this entry's.
    private func bits(_ position: UInt32) -> UInt64 {
        page(position / IndexPage.entries).doubleWords[Int(position % IndexPage.entries / 64)]
    }

    private func flip(_ position: UInt32) {
        page(position / IndexPage.entries).doubleWords[Int(position % IndexPage.entries / 64)] ^=
            1 << UInt64(position % 64)
    }

    /// The first free entry from one on, or the end.
    private func nextFree(from start: UInt32) -> UInt32 {
        var position = start
        while position < count {
            let free = ~bits(position) >> UInt64(position % 64)
            if free != 0 { return min(count, position + UInt32(free.trailingZeroBitCount)) }
            position += 64 - position % 64
        }
        return count
    }
}
