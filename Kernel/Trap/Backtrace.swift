// How the code came here, by the frame pointers that every function keeps, with names from the table that the build writes
// into the image (Tools/kernel-image). The table: u32 count, then for each function in address order u32 offset from
// kernel_start and u32 offset of its name from the table's start, then the names, NUL-terminated.

import Machine

enum Backtrace {
    private static let depth = 24

    static func print(from frame: UnsafeMutablePointer<trap_frame>) {
        print(pc: frame.pointee.sepc, framePointer: frame.pointee.s0)
    }

    /// Prints `pc` if it is not 0, then the return addresses up the stack.
    static func print(pc: UInt64, framePointer: UInt64) {
        Panic.say("backtrace, innermost first:\n")
        if pc != 0 { printLine(pc, isReturnAddress: false) }
        var frame = framePointer
        for _ in 0..<depth {
            // A frame pointer lies in the kernel's half, aligned; the return address and the caller's frame pointer below it.
            guard frame >= UInt64(kernelBase), frame % 8 == 0, isStack(frame - 16) else { return }
            let words = UnsafePointer<UInt64>(bitPattern: frame.uint).unsafelyUnwrapped
            let returnAddress = words[-1]
            guard isText(returnAddress) else { return }
            printLine(returnAddress, isReturnAddress: true)
            guard words[-2] > frame else { return }
            frame = words[-2]
        }
    }

    private static func isText(_ address: UInt64) -> Bool {
        address >= address_of_kernel_start() && address < address_of_kernel_text_end()
    }

    /// A thread's stack, or the boot stack in the image.
    private static func isStack(_ address: UInt64) -> Bool {
        if address >= UInt64(stackRegion) { return address & UInt64(KernelStacks.size) != 0 }
        return address >= address_of_kernel_rodata_end() && address < address_of_kernel_end()
    }

    /// A call that does not return may be a function's last instruction: its return address lies in the next function.
    private static func printLine(_ address: UInt64, isReturnAddress: Bool) {
        guard isText(address), let (name, start) = symbol(address - (isReturnAddress ? 1 : 0)) else {
            Panic.say("  \(hex: address, digits: 16)\n")
            return
        }
        Panic.say("  \(hex: address, digits: 16) \(name) + \(hex: address - start)\n")
    }

    /// The function that an address lies in.
    private static func symbol(_ address: UInt64) -> (name: UnsafePointer<UInt8>, start: UInt64)? {
        let table = UnsafeRawPointer(bitPattern: address_of_kernel_symbols().uint).unsafelyUnwrapped
        let count = Int(table.load(as: UInt32.self))
        let entries = (table + 4).assumingMemoryBound(to: (UInt32, UInt32).self)
        let offset = UInt32(truncatingIfNeeded: address - address_of_kernel_start())
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].0 <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0 else { return nil }
        let entry = entries[low - 1]
        return ((table + Int(entry.1)).assumingMemoryBound(to: UInt8.self), address_of_kernel_start() + UInt64(entry.0))
    }
}
