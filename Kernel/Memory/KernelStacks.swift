// Kernel stacks: one a thread, one an idle hart, one a hart for the report of an overflow. Each fills the upper half of
// a slot of 32 KiB; the lower half is a hole, so an overflow traps instead of writing over a neighbour. trap.S relies on
// the shape; Tools/kernel-image refuses a function whose frame could reach over the hole (`kernel_guard_hole` in
// Linker/kernel.ld).

import Machine
import Storage
import Synchronization

enum KernelStacks {
    /// 16 KiB; 64 in a kernel whose code was not optimised (make DEBUG=1).
    static let size: UInt = 1 << UInt(KERNEL_STACK_BIT)
    private static let slotSize = 2 * size
    private static let slots = Atomic<UInt>(0)

    /// The top of a new stack, 16-byte aligned. Only during start-up; it stays for ever.
    static func make() -> UInt {
        let top = reserve()
        guard fill(top) else { panic("no memory for a kernel stack") }
        return top
    }

    /// The top of a place for a stack, which has no pages yet. Only during start-up.
    static func reserve() -> UInt {
        let slot = slots.wrappingAdd(1, ordering: .relaxed).oldValue
        let top = stackRegion + (slot + 1) * slotSize
        for page in 1...size / pageSize where KernelSpace.table.makeEntry(for: top - page * pageSize) == nil {
            panic("no memory for the page tables of a kernel stack")
        }
        return top
    }

    /// Gives a place its pages, cleared; false without memory, and then it has none.
    static func fill(_ top: UInt) -> Bool {
        for page in 1...size / pageSize {
            guard let memory = Pages.allocateCleared() else {
                empty(top)
                return false
            }
            entry(top, page).value = PageTableEntry(memory, PageTableEntry.kernelRead | PageTableEntry.write)
        }
        // The absence may be cached too.
        flush(top)
        return true
    }

    /// Takes the pages away from a place whose stack is not in use.
    static func empty(_ top: UInt) {
        var pages = [16 of PhysicalAddress?](repeating: nil)
        for page in 1...size / pageSize {
            let entry = entry(top, page)
            if entry.value.isValid { pages[Int(page) - 1] = entry.value.address }
            entry.value = PageTableEntry(rawValue: 0)
        }
        flush(top)
        for page in 0..<Int(size / pageSize) { if let memory = pages[page] { Pages.release(memory) } }
    }

    private static func flush(_ top: UInt) {
        flush_all_pages()
        if Harts.count > 1 { Firmware.flush(UInt64(top - size)..<UInt64(top)) }
    }

    /// Of the page so many pages below the top.
    private static func entry(_ top: UInt, _ page: UInt) -> Ref<PageTableEntry> {
        guard let entry = KernelSpace.table.entry(for: top - page * pageSize) else {
            panic("a kernel stack without page tables")
        }
        return entry
    }

    /// The most bytes that were ever on the stack with this top, since it has its pages: above the lowest word that is
    /// not as it was made, 0.
    static func depth(top: UInt) -> UInt {
        var page = size / pageSize
        while page > 0 {
            let memory = entry(top, page).value
            // By the direct map: a stack that is not in use may lose its pages meanwhile.
            if memory.isValid {
                for offset in stride(from: 0, to: pageSize, by: 8)
                where read_word(UInt64(memory.address.virtual + offset)) != 0 {
                    return page * pageSize - offset
                }
            }
            page -= 1
        }
        return 0
    }
}
