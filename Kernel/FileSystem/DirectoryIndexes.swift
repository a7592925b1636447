// Indexes of directories: which directories have one, and the memory for them.
//
// An index is made when a directory of more than one block is searched, is kept right by `enter`, and ends when its
// pages are wanted elsewhere, when the directory outgrows it, or when its inode comes in from the disk, which may then
// be another one's. Without an index a directory is searched from its start, with the same result.
//
// An index is made, looked at and changed under its directory's lock; the monitor guards it against its end.

import Storage

/// One directory with an index.
private struct IndexedDirectory {
    /// Its inode, 0 for none.
    var number: UInt32 = 0
    /// A caller is about to make its index.
    var isUnderWay = false
    /// Nil while it is made, and for good if the directory has too many names of one hash.
    var index: EntryIndex?
    /// The look at which it was used last.
    var lastUse: UInt64 = 0
}

/// What is known of a directory.
enum IndexAnswer {
    case candidates
    /// An index could be made.
    case noIndex
    /// It must be searched.
    case unknown
}

/// The table's memory.
struct DirectoryIndexParts<M: Monitor> {
    fileprivate struct State {
        let directories: Table<IndexedDirectory>
        /// Directories by number.
        let chains: HashChains
        var looks: UInt64 = 0
        var pages: UInt32 = 0

        func find(_ number: UInt32) -> Int32? {
            chains.find(number, where: { directories[$0].number == number })
        }

        /// The place that was unused longest of those that nothing is made for.
        func oldest(withIndex: Bool) -> Int32? {
            var found: Int32?
            for place in 0..<Int32(truncatingIfNeeded: directories.count) where !directories[place].isUnderWay {
                if withIndex, directories[place].index == nil { continue }
                if let found, directories[found].lastUse <= directories[place].lastUse { continue }
                found = place
            }
            return found
        }

        mutating func noteUse(_ place: Int32) {
            looks += 1
            directories[place].lastUse = looks
        }

        /// Takes an index out of its place.
        mutating func takeIndex(_ place: Int32) -> EntryIndex? {
            guard let index = directories[place].index else { return nil }
            directories[place].index = nil
            pages -= index.pages
            return index
        }

        /// Makes a place one of no directory, and takes its index out.
        mutating func clear(_ place: Int32) -> EntryIndex? {
            let index = takeIndex(place)
            if directories[place].number != 0 { chains.remove(place, key: directories[place].number) }
            directories[place] = IndexedDirectory()
            return index
        }
    }

    fileprivate let state: Monitored<State, M>

    init?<P: FileSystemPlatform>(_ platform: P) where P.Lock == M {
        let count = DirectoryIndexes<P>.most
        guard let directories = platform.makeTable(count, IndexedDirectory()),
            let chains = HashChains(platform, count: count, unused: 0),
            let state = Monitored(platform, State(directories: directories, chains: chains))
        else { return nil }
        self.state = state
    }
}

/// The table as the rest of the file system uses it.
struct DirectoryIndexes<P: FileSystemPlatform> {
    /// Directories with an index at once.
    static var most: Int { 32 }
    /// Pages of all indexes: enough for two of the largest directories.
    private static var mostPages: UInt32 { 256 }

    private let platform: P
    private let parts: DirectoryIndexParts<P.Lock>

    init(_ system: FileSystem<P>) {
        platform = system.platform
        parts = system.volume.value.directoryIndexes
    }

    /// Finds the entries of a locked directory that may have a name.
    func find(_ hash: UInt32, in directory: UInt32, _ found: inout EntryCandidates) -> IndexAnswer {
        var useless: EntryIndex?
        let answer = parts.state.withLock { state -> IndexAnswer in
            guard let place = state.find(directory) else { return .noIndex }
            state.noteUse(place)
            guard let index = state.directories[place].index else { return .unknown }
            if index.find(hash, &found) { return .candidates }
            useless = state.takeIndex(place)
            return .unknown
        }
        free(useless)
        return answer
    }

    /// Notes that an entry of a locked directory has another name, or with a hash of nil is free.
    func note(_ position: UInt32, in directory: UInt32, hash: UInt32?) {
        var useless: EntryIndex?
        parts.state.withLock { state in
            guard let place = state.find(directory), var index = state.directories[place].index else { return }
            guard index.hasPlace(for: position) else {
                useless = state.clear(place)
                return
            }
            if position < index.count, index.isUsed(position), !index.remove(position) {
                useless = state.takeIndex(place)
                return
            }
            if let hash { index.insert(position, hash: hash) }
            state.directories[place].index = index
        }
        free(useless)
    }

    /// Ends the index of a directory whose inode may be another's.
    @inline(never)
    func forget(_ directory: UInt32) {
        let useless = parts.state.withLock { state in state.find(directory).flatMap { state.clear($0) } }
        free(useless)
    }

    // MARK: Making one

    /// An index for a locked directory, to be filled with its entries; nil without memory, or if another caller makes it.
    /// The caller gives it to `end`.
    func begin(_ directory: UInt32, count: UInt32) -> EntryIndex? {
        let wanted = EntryIndex.pages(for: count)
        while parts.state.peek({ $0.pages }) + wanted > Self.mostPages, giveBack() {}
        guard let first = page() else { return nil }
        var index = EntryIndex(first, count: count)
        while index.pages < wanted, let page = page() { index.add(page) }
        var useless: EntryIndex?
        let isClaimed =
            index.pages == wanted
            && parts.state.withLock { state in
                guard state.find(directory) == nil, let place = state.oldest(withIndex: false) else { return false }
                useless = state.clear(place)
                state.directories[place].number = directory
                state.directories[place].isUnderWay = true
                state.chains.insert(place, key: directory)
                return true
            }
        free(useless)
        if isClaimed { return index }
        free(index)
        return nil
    }

    private func page() -> IndexPage? {
        // a page of the index's own
        guard let page = unsafe platform.takePage() else { return nil }
        return unsafe IndexPage(unsafe: UInt(bitPattern: page))
    }

    /// Gives an index that is complete to its directory; one that is not ends.
    func end(_ index: EntryIndex, of directory: UInt32, isComplete: Bool) {
        parts.state.withLock { state in
            guard let place = state.find(directory) else { return }
            guard isComplete else {
                _ = state.clear(place)
                return
            }
            state.directories[place].isUnderWay = false
            state.directories[place].index = index
            state.pages += index.pages
            state.noteUse(place)
        }
        if !isComplete { free(index) }
    }

    // MARK: Memory

    /// Pages of all indexes.
    var pages: Int { Int(parts.state.peek { $0.pages }) }

    /// Ends the index that was unused longest; false when there is none.
    @inline(never)
    func giveBack() -> Bool {
        let index = parts.state.withLock { state in state.oldest(withIndex: true).flatMap { state.clear($0) } }
        free(index)
        return index != nil
    }

    /// Gives the pages of an index back that no directory has.
    @inline(never)
    private func free(_ index: EntryIndex?) {
        guard let index else { return }
        var page = index.pages
        while page > 0 {
            page -= 1  // the first one last: it has the others' addresses
            // what `page` took
            unsafe platform.giveBackPage(UnsafeMutableRawPointer(bitPattern: index.page(page).address)!)
        }
    }
}
