// A process's memory: its page table, its break, and what a page that is not there means.
//
// Pages below the break are mapped at once (exec, eager sbrk) or on first touch (lazy sbrk). fork shares all of them; a
// store to a shared page gets a copy. The table belongs to one thread, which runs on one hart at a time and flushes
// what it changes; a hart that takes the thread over flushes everything.

import Machine
import Storage
import SystemInterface

/// What an access wants.
enum Access {
    case read, write, execute
}

struct AddressSpace: ~Copyable {
    /// The root table's page.
    private let root: PageReference
    /// The break: the first address that is not the process's, as sbrk tells it. Need not be page-aligned.
    var size: UInt = 0
    /// The page below the stack, which no access may touch: nothing is mapped there while the break lies above it.
    var guardPage: UInt = .max
    /// Pages that are mapped, shared ones included.
    private(set) var pageCount = 0
    /// No page was ever mapped from here on: what looks at all of the table stops here.
    private var mappedEnd: UInt = 0

    /// Pages of regions that it shares with the kernel, which are neither its own nor a child's.
    private var sharedPages = 0
    /// It has, or had, such regions.
    private var hasSharedTables = false

    /// An empty space.
    init() throws(SystemError) {
        root = try PageReference.cleared()
        KernelSpace.copyUpperHalf(to: table)
    }

    /// The root table; the upper half is the kernel's.
    var table: PageTable { PageTable(address: root.address) }

    /// Gives every page and table back. The caller no longer runs on this table, and holds no lock.
    deinit {
        LoadedTable.evictOthers(from: table)
        precondition(sharedPages == 0, "an address space ends before the regions that it shares")
        _ = Self.empty(table, level: 2, below: hasSharedTables ? userLimit : mappedEnd)
    }

    /// Gives back the pages and tables that a table holds.
    /// - Parameter end: bytes from where the table begins on, beyond which nothing is mapped.
    /// - Returns: leaves that were in it.
    private static func empty(_ table: PageTable, level: Int, below end: UInt) -> Int {
        var leaves = 0
        table.forEachValid(to: PageTable.entries(level: level, below: end)) { entry, index in
            let page = entry.value.takePage()
            if level == 0 {
                leaves += 1
            } else {
                leaves += empty(
                    PageTable(address: page.address), level: level - 1,
                    below: end - UInt(index) * PageTable.span(level: level))
            }
            _ = consume page  // a table not before what it held
        }
        return leaves
    }

    /// Maps a cleared page at a page-aligned user address that has none, with these rights besides reading; returns it.
    mutating func mapCleared(_ address: UInt, _ rights: UInt64) throws(SystemError) -> PhysicalAddress {
        let page = try map(address, rights)
        page_clear(UInt64(page.virtual))
        return page
    }

    /// The same with unknown contents, all of which the caller replaces before the space is used.
    mutating func map(_ address: UInt, _ rights: UInt64) throws(SystemError) -> PhysicalAddress {
        let page = try PageReference.new()
        guard let entry = table.makeEntry(for: address) else { throw .noMemory }
        entry.value = PageTableEntry(page, PageTableEntry.userRead | rights)
        pageCount += 1
        mappedEnd = max(mappedEnd, address + pageSize)
        return entry.value.address
    }

    // MARK: The break

    /// Moves the break up by `bytes` and maps the pages at once; on failure nothing has changed.
    mutating func growEagerly(by bytes: UInt) throws(SystemError) {
        let old = size
        guard bytes <= userLimit, old + bytes <= heapLimit else { throw .noMemory }
        // More than there is cannot be had: do not try page by page.
        guard Pages.areAvailable(Int(bytes / pageSize)) else { throw .noMemory }
        var page = pageCeiling(old)
        let end = pageCeiling(old + bytes)
        while page < end {
            do throws(SystemError) {
                // A page can be there already: touched lazily before the break shrank to the middle of it.
                if page != guardPage, table.entry(for: page)?.value.isValid != true {
                    _ = try mapCleared(page, PageTableEntry.write)
                }
            } catch {
                unmap(from: pageCeiling(old), to: page)
                throw error
            }
            page += pageSize
        }
        size = old + bytes
    }

    /// Moves the break up by `bytes`; pages come when they are touched.
    mutating func growLazily(by bytes: UInt) throws(SystemError) {
        guard bytes <= userLimit, size + bytes <= heapLimit else { throw .noMemory }
        size += bytes
    }

    /// Moves the break down and gives the pages above it back.
    mutating func shrink(by bytes: UInt) {
        let old = size
        size = old - bytes
        // A heap that grows again from below the stack is all one piece.
        if size <= guardPage { guardPage = .max }
        unmap(from: pageCeiling(size), to: pageCeiling(old))
    }

    /// Gives back the pages of a range, and the tables that it fills whole. In this order: no translation of a page is
    /// left when the page becomes free.
    private mutating func unmap(from start: UInt, to end: UInt) {
        var hasTables = false
        forEachPiece(from: start, to: end) { entry, level in
            if level > 0, entry.value.isValid { hasTables = true }
            entry.value.rawValue &= ~PageTableEntry.valid
        }
        flush_all_pages()
        // A hart that borrows this table uses no user address, but may have cached the way through its tables.
        if hasTables { LoadedTable.evictOthers(from: table) }
        var released = 0
        forEachPiece(from: start, to: end) { entry, level in
            guard entry.value.rawValue != 0, !entry.value.isValid else { return }
            let page = entry.value.takePage()
            released += level == 0 ? 1 : Self.empty(PageTable(address: page.address), level: level - 1, below: .max)
            _ = consume page  // a table not before what it held
        }
        pageCount -= released
        precondition(pageCount >= 0, "an address space gave back more pages than it had")
    }

    /// Calls `body` with the entries that a range fills whole, the largest ones, and their levels. What is absent is
    /// skipped, table by table: a sparse heap of 256 GiB is quick to shrink.
    @inline(__always)
    private func forEachPiece(from start: UInt, to end: UInt, _ body: (Ref<PageTableEntry>, Int) -> Void) {
        var address = start
        while address < end {
            var table = table
            var level = 2
            var entry = table.entries.ref(PageTable.index(address, level: 2))
            var span: UInt = 1 << 30
            while level > 0, entry.value.isValid, address % span != 0 || end - address < span {
                table = PageTable(address: entry.value.address)
                level -= 1
                span >>= 9
                entry = table.entries.ref(PageTable.index(address, level: level))
            }
            if address % span == 0, end - address >= span { body(entry, level) }
            address = (address | (span - 1)) + 1
        }
    }

    // MARK: Shared regions

    /// The break stays below it.
    private var heapLimit: UInt { sharedPages > 0 ? sharedRegionBase : userLimit }

    /// Maps a region: a page table of up to 512 pages, all of which stay the caller's. Its address; `unmapShared` comes
    /// before the table's end.
    /// - Throws: noMemory, also when the heap reaches into the place for such regions, or all of that is taken.
    mutating func mapShared(_ pages: PageTable, count: Int) throws(SystemError) -> UInt {
        guard size <= sharedRegionBase else { throw .noMemory }
        for number in 0..<sharedRegionCount {
            let address = sharedRegionBase + UInt(number) * megapageSize
            guard let entry = table.makeEntry(for: address, level: 1) else { throw .noMemory }
            hasSharedTables = true
            // A heap that was there has left its table.
            if entry.value.isValid { continue }
            entry.value = PageTableEntry(pages.address, PageTableEntry.valid)
            sharedPages += count
            flush_all_pages()
            return address
        }
        throw .noMemory
    }

    /// Takes a region out again. The caller holds no lock.
    mutating func unmapShared(_ address: UInt, count: Int) {
        guard let entry = table.makeEntry(for: address, level: 1) else { return }
        entry.value = PageTableEntry(rawValue: 0)
        sharedPages -= count
        flush_all_pages()
        // A hart that borrows this table may have cached the way through the region's.
        LoadedTable.evictOthers(from: table)
    }

    // MARK: Faults

    /// Serves a fault at a user address: a lazy page is mapped, a shared one copied. Throws when the access is not
    /// allowed (badAddress) or memory is exhausted (noMemory).
    mutating func serveFault(at address: UInt, _ access: Access) throws(SystemError) {
        guard address < userLimit else { throw .badAddress }
        let page = pageFloor(address)
        if let entry = table.entry(for: page), entry.value.isValid {
            switch access {
            case .write where entry.value.has(PageTableEntry.copyOnWrite):
                try unshare(entry)
            case .write where entry.value.has(PageTableEntry.write | PageTableEntry.user),
                .read where entry.value.has(PageTableEntry.user),
                .execute where entry.value.has(PageTableEntry.execute | PageTableEntry.user):
                break  // a stale cached translation: flushing is all it needs
            default:
                throw .badAddress
            }
        } else {
            guard address < size, page != guardPage, access != .execute else { throw .badAddress }
            _ = try mapCleared(page, PageTableEntry.write)
        }
        flush_page(UInt64(page))
    }

    private func unshare(_ entry: Ref<PageTableEntry>) throws(SystemError) {
        let flags = (entry.value.rawValue & 0x3ff | PageTableEntry.write) & ~PageTableEntry.copyOnWrite
        if Pages.isUnshared(entry.value.address) {
            entry.value.rawValue = entry.value.rawValue & ~0x3ff | flags
        } else {
            let copy = try PageReference.new()
            page_copy(UInt64(copy.address.virtual), UInt64(entry.value.address.virtual))
            _ = entry.value.takePage()
            entry.value = PageTableEntry(copy, flags)
            if entry.value.has(PageTableEntry.execute) { fence_instructions() }  // the copy was written as data
        }
    }

    // MARK: fork

    /// A copy that shares every page; the writable ones become copy-on-write on both sides. `self` is the running
    /// space.
    func fork() throws(SystemError) -> AddressSpace {
        var child = try AddressSpace()
        // Also when there is no memory for the rest: the pages that were shared until then have lost their right to be
        // written.
        defer { flush_all_pages() }
        child.size = size
        child.guardPage = guardPage
        child.pageCount = pageCount
        child.mappedEnd = min(mappedEnd, heapLimit)
        try Self.share(table, with: child.table, level: 2, below: child.mappedEnd)
        return child
    }

    /// Shares what hangs below a table, up to `end` bytes from where it begins. On failure what was shared hangs below
    /// `copy` and goes with the child.
    private static func share(
        _ table: PageTable, with copy: PageTable, level: Int, below end: UInt
    ) throws(SystemError) {
        let copies = copy.entries
        let count = PageTable.entries(level: level, below: end)
        try table.forEachValid(to: count) { (from, index) throws(SystemError) in
            let entry = from.value
            guard level == 0 else {
                // What is looked at goes a little beyond `end`, where there may be regions that are not the child's.
                guard UInt(index) * PageTable.span(level: level) < end else { return }
                copies[index] = PageTableEntry(try PageReference.cleared(), PageTableEntry.valid)
                return try share(
                    PageTable(address: entry.address), with: PageTable(address: copies[index].address),
                    level: level - 1,
                    below: end - UInt(index) * PageTable.span(level: level))
            }
            if entry.has(PageTableEntry.write) {
                from.value.rawValue = entry.rawValue & ~PageTableEntry.write | PageTableEntry.copyOnWrite
            }
            copies[index] = from.value.shared()
        }
    }
}
