// Pages that the kernel shares with one program: a page table of their own, which is hung into the program's.

import Machine
import Storage
import Synchronization
import SystemInterface

/// Up to 512 cleared pages, mapped into one address space for reading and writing. Its end takes them out there, and
/// gives them back: whoever else uses them has stopped before.
struct SharedRegion: ~Copyable {
    /// The page table, whose entries say where the pages are.
    private let table: Page
    /// Where the process is that has them, and where they are there.
    private let space: Ref<AddressSpace?>
    let address: UInt
    let pageCount: Int

    private static let pagesInUse = Atomic<Int>(0)
    /// Of all memory, how much regions may take together.
    private static var mostPages: Int { Pages.total / 16 }

    /// - Throws: noMemory; noBufferSpace when regions have their share of the memory.
    init(pages count: Int, in space: Ref<AddressSpace?>) throws(SystemError) {
        precondition(count > 0 && count <= 512, "a shared region is no larger than one page table")
        guard Self.pagesInUse.wrappingAdd(count, ordering: .relaxed).newValue <= Self.mostPages else {
            Self.pagesInUse.wrappingSubtract(count, ordering: .relaxed)
            throw .noBufferSpace
        }
        do throws(SystemError) {
            let table = try Self.makeTable(count)
            do throws(SystemError) {
                guard let address = try space.value?.mapShared(PageTable(address: table.address), count: count) else {
                    throw .noMemory
                }
                self.address = address
            } catch {
                Self.empty(PageTable(address: table.address), count)
                throw error
            }
            self.table = table
        } catch {
            Self.pagesInUse.wrappingSubtract(count, ordering: .relaxed)
            throw error
        }
        self.space = space
        pageCount = count
    }

    deinit {
        space.value?.unmapShared(address, count: pageCount)
        Self.empty(PageTable(address: table.address), pageCount)
        Self.pagesInUse.wrappingSubtract(pageCount, ordering: .relaxed)
    }

    private static func makeTable(_ count: Int) throws(SystemError) -> Page {
        var page = try Page.forKernel()
        page.clear()
        let table = PageTable(address: page.address)
        for index in 0..<count {
            guard let one = Pages.allocateCleared() else {
                empty(table, index)
                throw .noMemory
            }
            table.entries[index] = PageTableEntry(one, PageTableEntry.userRead | PageTableEntry.write)
        }
        return page
    }

    private static func empty(_ table: PageTable, _ count: Int) {
        for index in 0..<count { Pages.release(table.entries[index].address) }
    }

    /// The table's entries: Sv39 leaves, whose pages the kernel finds at `kernelBase`.
    var leaves: Table<PageTableEntry> { PageTable(address: table.address).entries }
}
