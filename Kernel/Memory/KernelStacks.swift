// Kernel stacks: one a thread, one an idle hart, one a hart for the report of an overflow. Each fills the upper half of a
// 32 KiB slot; the lower half is a hole, so an overflow traps instead of writing over a neighbour. trap.S relies on the shape.

import Machine

enum KernelStacks {
    static let size: UInt = 16 << 10
    private static let slotSize: UInt = 32 << 10
    nonisolated(unsafe) private static var slots: UInt = 0

    /// The top of a new stack, 16-byte aligned. Only during start-up; it stays for ever.
    static func make() -> UInt {
        let bottom = stackRegion + slots * slotSize + (slotSize - size)
        slots += 1
        var offset: UInt = 0
        while offset < size {
            guard let page = Pages.allocate() else { panic("no memory for a kernel stack") }
            KernelSpace.mapStackPage(page, at: bottom + offset)
            offset += pageSize
        }
        return bottom + size
    }
}
