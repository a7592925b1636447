// A process's memory: its page table, its break, and what a page that is not there means.
//
// Pages below the break are mapped at once (exec, eager sbrk) or on first touch (lazy sbrk). fork shares all of them; a store
// to a shared page gets a copy. The table belongs to one thread, which runs on one hart at a time and flushes what it changes;
// a hart that takes the thread over flushes everything.

import Machine
import SystemInterface

/// What an access wants.
enum Access {
    case read, write, execute
}

struct AddressSpace: ~Copyable {
    /// The root table; the upper half is the kernel's.
    let table: PageTable
    /// The break: the first address that is not the process's, as sbrk tells it. Need not be page-aligned.
    var size: UInt = 0
    /// The page below the stack, which nobody may touch: nothing is mapped there while the break lies above it.
    var guardPage: UInt = .max

    /// An empty space.
    init() throws(SystemError) {
        guard let root = Pages.allocateCleared() else { throw .noMemory }
        table = PageTable(address: root)
        KernelSpace.copyUpperHalf(to: table)
    }

    /// Gives every page and table back. The caller no longer runs on this table.
    deinit { Self.releaseTable(table, level: 2) }

    /// Of the root only the lower half: the upper is the kernel's.
    private static func releaseTable(_ table: PageTable, level: Int) {
        table.forEachValid(to: PageTable.userEntries(level: level)) { entry, _ in
            if level == 0 {
                Pages.release(entry.pointee.address)
            } else {
                releaseTable(PageTable(address: entry.pointee.address), level: level - 1)
            }
        }
        Pages.release(table.address)
    }

    /// Maps a cleared page at a page-aligned user address that has none, with these rights besides reading; returns it.
    func mapCleared(_ address: UInt, _ rights: UInt64) throws(SystemError) -> PhysicalAddress {
        guard let page = Pages.allocateCleared() else { throw .noMemory }
        guard let entry = table.makeEntry(for: address) else {
            Pages.release(page)
            throw .noMemory
        }
        entry.pointee = PageTableEntry(page, PageTableEntry.userRead | rights)
        return page
    }

    // MARK: The break

    /// Moves the break up by `bytes` and maps the pages at once; on failure nothing has changed.
    mutating func growEagerly(by bytes: UInt) throws(SystemError) {
        let old = size
        guard bytes <= userLimit, old + bytes <= userLimit else { throw .noMemory }
        // More than there is cannot be had: do not try page by page.
        guard Int(bytes / pageSize) <= Pages.freeCount else { throw .noMemory }
        var page = pageCeiling(old)
        let end = pageCeiling(old + bytes)
        while page < end {
            do throws(SystemError) {
                // A page can be there already: touched lazily before the break shrank to the middle of it.
                if page != guardPage, table.entry(for: page)?.pointee.isValid != true {
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
        guard bytes <= userLimit, size + bytes <= userLimit else { throw .noMemory }
        size += bytes
    }

    /// Moves the break down and gives the pages above it back.
    mutating func shrink(by bytes: UInt) {
        let old = size
        size = old - bytes
        // A heap that grows again from below the stack is all one piece.
        if size <= guardPage { guardPage = .max }
        unmap(from: pageCeiling(size), to: pageCeiling(old))
        flush_all_pages()
    }

    /// Gives back the pages of a range, and the tables that it fills whole. What is absent is skipped, table by table: a sparse
    /// heap of 256 GiB is quick to shrink.
    private func unmap(from start: UInt, to end: UInt) {
        var address = start
        while address < end {
            var table = table
            var level = 2
            var entry = table.entries + PageTable.index(address, level: 2)
            var span: UInt = 1 << 30
            // Down to the largest piece that lies in the range as a whole.
            while level > 0, entry.pointee.isValid, address % span != 0 || end - address < span {
                table = PageTable(address: entry.pointee.address)
                level -= 1
                span >>= 9
                entry = table.entries + PageTable.index(address, level: level)
            }
            if entry.pointee.isValid {
                if level == 0 {
                    Pages.release(entry.pointee.address)
                } else {
                    Self.releaseTable(PageTable(address: entry.pointee.address), level: level - 1)
                }
                entry.pointee = PageTableEntry(rawValue: 0)
            }
            address = (address | (span - 1)) + 1
        }
    }

    // MARK: Faults

    /// Serves a fault at a user address: a lazy page is mapped, a shared one copied. Throws when the access is not allowed
    /// (badAddress) or memory is exhausted (noMemory).
    func serveFault(at address: UInt, _ access: Access) throws(SystemError) {
        guard address < userLimit else { throw .badAddress }
        let page = pageFloor(address)
        if let entry = table.entry(for: page), entry.pointee.isValid {
            switch access {
            case .write where entry.pointee.has(PageTableEntry.copyOnWrite):
                try unshare(entry)
            case .write where entry.pointee.has(PageTableEntry.write | PageTableEntry.user),
                .read where entry.pointee.has(PageTableEntry.user),
                .execute where entry.pointee.has(PageTableEntry.execute | PageTableEntry.user):
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

    private func unshare(_ entry: UnsafeMutablePointer<PageTableEntry>) throws(SystemError) {
        let shared = entry.pointee.address
        let flags = (entry.pointee.rawValue & 0x3ff | PageTableEntry.write) & ~PageTableEntry.copyOnWrite
        if Pages.isUnshared(shared) {
            entry.pointee = PageTableEntry(shared, flags)
        } else {
            guard let copy = Pages.allocate() else { throw .noMemory }
            page_copy(UInt64(copy.virtual), UInt64(shared.virtual))
            entry.pointee = PageTableEntry(copy, flags)
            Pages.release(shared)
        }
    }

    // MARK: fork

    /// A copy that shares every page; the writable ones become copy-on-write on both sides. `self` is the running space.
    func fork() throws(SystemError) -> AddressSpace {
        var child = try AddressSpace()
        // Also when there is no memory for the rest: the pages that were shared until then have lost their right to be written.
        defer { flush_all_pages() }
        child.size = size
        child.guardPage = guardPage
        try Self.share(table, with: child.table, level: 2)
        return child
    }

    /// Shares what hangs below a table, of the root the lower half. On failure what was shared hangs below `copy` and goes with the child.
    private static func share(_ table: PageTable, with copy: PageTable, level: Int) throws(SystemError) {
        let copies = copy.entries
        try table.forEachValid(to: PageTable.userEntries(level: level)) { (from, index) throws(SystemError) in
            let entry = from.pointee
            guard level == 0 else {
                guard let page = Pages.allocateCleared() else { throw .noMemory }
                copies[index] = PageTableEntry(page, PageTableEntry.valid)
                return try share(PageTable(address: entry.address), with: PageTable(address: page), level: level - 1)
            }
            if entry.has(PageTableEntry.write) {
                from.pointee.rawValue = entry.rawValue & ~PageTableEntry.write | PageTableEntry.copyOnWrite
            }
            Pages.retain(entry.address)
            copies[index] = from.pointee
        }
    }
}
