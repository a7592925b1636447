// The kernel's own address space: the upper half of every other one. Built once, before the second hart starts; after
// that only the pages of kernel stacks come and go, below tables that stay (KernelStacks.swift).
//
// No page is both writable and executable: text is read and execute, constants read, everything else read and write.

import Drivers
import Machine
import Storage
import Synchronization

enum KernelSpace {
    private static let rootAddress = Atomic<UInt>(0)
    /// The root table.
    static var table: PageTable { PageTable(address: PhysicalAddress(rootAddress.load(ordering: .relaxed))) }

    /// Maps the kernel image, the device tree and the free memory, nothing that is reserved, and leaves the boot table.
    static func start(_ memory: MemoryMap, tree: Range<UInt64>) {
        guard let page = Pages.allocateCleared() else { panic("no memory for the kernel's page table") }
        rootAddress.store(page.rawValue, ordering: .relaxed)
        mapImage()
        mapPages(tree.lowerBound.uint, tree.upperBound.uint)
        for index in 0..<memory.count { mapPages(memory[index].lowerBound.uint, memory[index].upperBound.uint) }
        set_kernel_satp(table.satp)
        LoadedTable.load(table)
    }

    /// Makes device registers visible in the direct map. Only during start-up.
    static func mapDevice(_ address: PhysicalAddress, bytes: UInt) -> MappedRegisters {
        guard bytes > 0, address.rawValue < directMapLimit, bytes <= directMapLimit - address.rawValue else {
            panic("device registers out of the direct map's reach")
        }
        mapPages(address.rawValue, address.rawValue + bytes)
        flush_all_pages()
        return unsafe MappedRegisters(base: address.virtual)  // the window has just been mapped, for good
    }

    /// The handful of the upper half's 256 entries that are used.
    private static let used = BootTable<UInt16>()

    /// Writes the upper half into a new address space's root, which is clear.
    static func copyUpperHalf(to copy: PageTable) {
        if used.count == 0 { noteUsed() }
        for place in 0..<used.count {
            let index = Int(used[place])
            copy.entries[index] = table.entries[index]
        }
    }

    /// For the first process, which is made when the upper half is complete.
    private static func noteUsed() {
        var count = 0
        table.forEachValid(from: PageTable.userEntries(level: 2)) { _, _ in count += 1 }
        var next = PageTable.userEntries(level: 2)
        used.start(count) { _ in
            while !table.entries[next].isValid { next += 1 }
            next += 1
            return UInt16(next - 1)
        }
    }

    /// Maps the pages that these bytes touch, to be read and written; in large pages where they fill one.
    private static func mapPages(_ start: UInt, _ end: UInt) {
        var page = pageFloor(start)
        while page < end {
            let isLarge = page % megapageSize == 0 && end - page >= megapageSize
            map(PhysicalAddress(page), level: isLarge ? 1 : 0, PageTableEntry.write)
            page += isLarge ? megapageSize : pageSize
        }
    }

    private static func mapImage() {
        var virtual = address_of_kernel_start()
        while virtual < address_of_kernel_end() {
            var flags = PageTableEntry.write
            if virtual < address_of_kernel_rodata_end() {
                flags = virtual < address_of_kernel_text_end() ? PageTableEntry.execute : 0
            }
            map(PhysicalAddress(directMapped: virtual.uint), level: 0, flags)
            virtual += UInt64(pageSize)
        }
    }

    private static func map(_ address: PhysicalAddress, level: Int, _ flags: UInt64) {
        guard let entry = table.makeEntry(for: address.virtual, level: level) else {
            panic("no memory for a table of the kernel's address space")
        }
        // A larger leaf that is there already maps the same address with the same rights.
        if !entry.value.isValid { entry.value = PageTableEntry(address, PageTableEntry.kernelRead | flags) }
    }
}

extension UInt64 {
    /// The same number as the machine's word.
    var uint: UInt { UInt(truncatingIfNeeded: self) }
}
