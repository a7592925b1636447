// The block cache's memory: pages of four blocks, a few for good, and more while the platform can spare them.

import Storage

/// Where the pages are: a buffer's memory by its index. A copy names the same places.
struct BlockPlaces {
    /// Addresses; 0 for a page that is not there.
    fileprivate let pages: Table<UInt>

    /// - Returns: nil without memory for the first so many.
    init?(_ platform: some FileSystemPlatform, pages count: Int, first: Int) {
        guard let pages = platform.makeTable(count, UInt(0)) else { return nil }
        for page in 0..<first {
            guard let memory = unsafe platform.allocate(byteCount: 4 * blockSize, alignment: 4 * blockSize) else {
                return nil
            }
            pages[page] = UInt(bitPattern: memory)
        }
        self.pages = pages
    }

    /// The block at an index; a page that is not there traps.
    @inline(__always)
    subscript(index: Int) -> BlockMemory {
        // What `init` or `grow` put there is a page of four blocks, and a buffer that is pinned or logged keeps it.
        unsafe BlockMemory(
            unsafe: UnsafeMutableRawPointer(bitPattern: pages[index >> 2])! + (index & 3) * blockSize)
    }
}

/// Which pages are there; guarded by the cache's monitor.
struct BlockPages {
    /// Pages that stay whatever else needs memory: for the log's 30 blocks, each in a page of its own, and some more.
    static var fewest: Int { 40 }

    fileprivate let places: BlockPlaces
    fileprivate(set) var present: Int
    /// The next page to look at for giving back.
    fileprivate var hand = 0

    init(_ places: BlockPlaces, present: Int) {
        self.places = places
        self.present = present
    }

    var areAllPresent: Bool { present == places.pages.count }
}

extension BlockCacheParts.State {
    /// Whether a block must leave for another although there could be a page more.
    var couldGrow: Bool {
        if pages.areAllPresent { return false }
        guard let index = chains.longestUnused else { return true }
        return headers[index].block != .max
    }

    /// Puts a page where there is none; its buffers are the next to be used. False when all are there.
    fileprivate mutating func add(_ page: UInt) -> Bool {
        guard !pages.areAllPresent else { return false }
        var place = 0
        while pages.places.pages[place] != 0 { place += 1 }
        pages.places.pages[place] = page
        pages.present += 1
        for index in 4 * place..<4 * place + 4 {
            headers[index] = BufferHeader()
            chains.prependUnused(Int32(truncatingIfNeeded: index))
        }
        return true
    }

    /// Takes a page out whose buffers are all unused; nil when there is none, or no more than stay.
    fileprivate mutating func removePage() -> UInt? {
        guard pages.present > BlockPages.fewest else { return nil }
        for _ in 0..<pages.places.pages.count {
            pages.hand = (pages.hand + 1) % pages.places.pages.count
            let page = pages.places.pages[pages.hand]
            let buffers = 4 * pages.hand..<4 * pages.hand + 4
            guard page != 0, buffers.allSatisfy({ headers[$0].pins == 0 && !headers[$0].isLogged }) else { continue }
            for buffer in buffers {
                let index = Int32(truncatingIfNeeded: buffer)
                chains.removeUnused(index)
                if headers[index].block != .max { chains.remove(index, key: headers[index].block) }
            }
            pages.places.pages[pages.hand] = 0
            pages.present -= 1
            return page
        }
        return nil
    }
}

extension BlockCache {
    /// Takes a page from the platform; false when it has none to spare.
    @inline(never)
    func grow() -> Bool {
        guard let page = unsafe system.platform.takePage() else { return false }
        let isTaken = parts.state.withLockWaking { state, wakes in
            wakes = state.waitingForBuffer > 0
            return state.add(UInt(bitPattern: page))
        }
        if !isTaken { unsafe system.platform.giveBackPage(page) }  // it is the platform's again
        return true
    }

    /// Pages that could be given back if none of their blocks were in use.
    var sparePages: Int { max(0, parts.state.peek { $0.pages.present } - BlockPages.fewest) }

    /// Gives a page back to the platform; false when none can be spared.
    func giveBack() -> Bool {
        guard let page = parts.state.withLock({ $0.removePage() }) else { return false }
        // What `takePage` or `allocate` gave; no buffer has it any more.
        unsafe system.platform.giveBackPage(UnsafeMutableRawPointer(bitPattern: page)!)
        return true
    }
}

extension FileSystem {
    /// Pages of blocks and of directories' indexes that `giveBackPage` would give back if none of them were in use.
    public var sparePages: Int { cache.sparePages + directoryIndexes.pages }

    /// Ends the index of a directory, or forgets four blocks, none of which is in use; and gives the pages of that back
    /// to the platform.
    /// - Returns: false when no page can be spared.
    public func giveBackPage() -> Bool { directoryIndexes.giveBack() || cache.giveBack() }
}
