// Sv39 page tables (RISC-V privileged specification, "Sv39: Page-Based 39-bit Virtual-Memory System"): entries and the
// walk.

import Storage
import SystemInterface

/// A page-table entry.
struct PageTableEntry {
    var rawValue: UInt64

    static let valid: UInt64 = 1 << 0
    static let read: UInt64 = 1 << 1
    static let write: UInt64 = 1 << 2
    static let execute: UInt64 = 1 << 3
    static let user: UInt64 = 1 << 4
    static let global: UInt64 = 1 << 5
    static let accessed: UInt64 = 1 << 6
    static let dirty: UInt64 = 1 << 7
    /// For software: the page is shared, and a store gets a copy of its own.
    static let copyOnWrite: UInt64 = 1 << 8

    /// Accessed and dirty are set at once: no hart has to trap to set them.
    static let userRead = valid | read | user | accessed | dirty
    static let kernelRead = valid | read | global | accessed | dirty

    init(rawValue: UInt64) { self.rawValue = rawValue }
    init(_ address: PhysicalAddress, _ flags: UInt64) { rawValue = UInt64(address.rawValue >> 12) << 10 | flags }

    var isValid: Bool { rawValue & Self.valid != 0 }
    var isLeaf: Bool { rawValue & (Self.read | Self.write | Self.execute) != 0 }
    func has(_ flags: UInt64) -> Bool { rawValue & flags == flags }
    var address: PhysicalAddress { PhysicalAddress(UInt(rawValue >> 10 & 0xfff_ffff_ffff) << 12) }
}

/// A page of 512 entries.
struct PageTable: Equatable {
    let address: PhysicalAddress

    /// The entries. An address in a root or a valid entry above the last level is a table's page.
    var entries: Table<PageTableEntry> {
        unsafe Table(unsafe: address.pointer.assumingMemoryBound(to: PageTableEntry.self), count: 512)
    }

    /// How many entries of a table of this level map user memory: the root's upper half is the kernel's.
    static func userEntries(level: Int) -> Int { level == 2 ? 256 : 512 }

    /// Bytes that an entry of this level maps.
    static func span(level: Int) -> UInt { 1 << (12 + 9 * UInt(level)) }

    /// How many entries of a table of this level, a multiple of 8, map the first `end` bytes of user memory that it maps.
    static func entries(level: Int, below end: UInt) -> Int {
        let most = userEntries(level: level)
        let count = end >> (12 + 9 * UInt(level))
        return count >= UInt(most) ? most : min(most, (Int(count) + 8) & ~7)
    }

    /// Calls `body` with each valid entry from index `start` up to `end`, multiples of 8 both. Tables are nearly empty:
    /// eight entries are looked at at a time.
    @inline(__always)  // fork and exit spend most of their time here: the body is part of the loop
    func forEachValid<Failure: Error>(
        from start: Int = 0, to end: Int = 512, _ body: (Ref<PageTableEntry>, Int) throws(Failure) -> Void
    ) throws(Failure) {
        let entries = entries
        var index = start
        while index < end {
            let low =
                entries[index].rawValue | entries[index + 1].rawValue | entries[index + 2].rawValue
                | entries[index + 3].rawValue
            let high =
                entries[index + 4].rawValue | entries[index + 5].rawValue | entries[index + 6].rawValue
                | entries[index + 7].rawValue
            if (low | high) & PageTableEntry.valid != 0 {
                var each = index
                while each < index + 8 {
                    if entries[each].isValid { try body(entries.ref(each), each) }
                    each += 1
                }
            }
            index += 8
        }
    }

    /// The index into the table of a level (2: root) for an address.
    static func index(_ address: UInt, level: Int) -> Int { Int(address >> (12 + 9 * UInt(level)) & 511) }

    /// The entry that maps the 4 KiB page at `address`, or would; nil if a table on the way is absent (or a larger
    /// leaf).
    func entry(for address: UInt) -> Ref<PageTableEntry>? {
        var table = self
        var level = 2
        while level > 0 {
            let entry = table.entries[PageTable.index(address, level: level)]
            guard entry.isValid, !entry.isLeaf else { return nil }
            table = PageTable(address: entry.address)
            level -= 1
        }
        return table.entries.ref(PageTable.index(address, level: 0))
    }

    /// The entry for a user address; an invalid one when a table on the way is absent. User memory has no larger
    /// leaves.
    @inline(__always)  // each copy to and from user memory begins with it
    func leaf(_ address: UInt) -> PageTableEntry {
        var page = self.address
        var level = 2
        while true {
            // A table's page lies in the direct map, and an index is below 512.
            let place = page.virtual + UInt(Self.index(address, level: level)) * 8
            let entry = unsafe UnsafePointer<PageTableEntry>(bitPattern: place).unsafelyUnwrapped.pointee
            if level == 0 || !entry.isValid { return entry }
            page = entry.address
            level -= 1
        }
    }

    /// The same, but makes the tables on the way, and stops at a larger leaf; nil when memory is exhausted.
    func makeEntry(for address: UInt, level leafLevel: Int = 0) -> Ref<PageTableEntry>? {
        var table = self
        var level = 2
        while level > leafLevel {
            let entry = table.entries.ref(PageTable.index(address, level: level))
            if !entry.value.isValid {
                do throws(SystemError) {
                    entry.value = PageTableEntry(try PageReference.cleared(), PageTableEntry.valid)
                } catch { return nil }
            }
            if entry.value.isLeaf { return entry }
            table = PageTable(address: entry.value.address)
            level -= 1
        }
        return table.entries.ref(PageTable.index(address, level: leafLevel))
    }

    /// What satp holds to use this root: Sv39, address space 0.
    var satp: UInt64 { 8 << 60 | UInt64(address.rawValue >> 12) }
}
