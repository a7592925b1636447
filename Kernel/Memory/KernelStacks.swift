// Kernel stacks: one a thread, one an idle hart, one a hart for the report of an overflow. Each fills the upper half of
// a 32 KiB slot; the lower half is a hole, so an overflow traps instead of writing over a neighbour. trap.S relies on
// the shape; Tools/kernel-image refuses a function whose frame could reach over the hole (`kernel_guard_hole` in
// Linker/kernel.ld).

import Machine
import Storage
import Synchronization

enum KernelStacks {
    static let size: UInt = 16 << 10
    private static let slotSize: UInt = 32 << 10
    private static let slots = Atomic<UInt>(0)

    /// The top of a new stack, 16-byte aligned. Only during start-up; it stays for ever.
    static func make() -> UInt {
        let slot = slots.wrappingAdd(1, ordering: .relaxed).oldValue
        let bottom = stackRegion + slot * slotSize + (slotSize - size)
        var offset: UInt = 0
        while offset < size {
            guard let page = Pages.allocateCleared() else { panic("no memory for a page of a kernel stack") }
            KernelSpace.mapStackPage(page, at: bottom + offset)
            offset += pageSize
        }
        return bottom + size
    }

    /// The most bytes that were ever on the stack with this top: above the lowest word that is not as it was made, 0.
    static func depth(top: UInt) -> UInt {
        var address = top - size
        while address < top, read_word(UInt64(address)) == 0 { address += 8 }
        return top - address
    }
}
