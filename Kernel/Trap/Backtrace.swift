// How the code came here. Functions keep no frame pointers; the build writes into the image what the compiler knows of
// each frame (Tools/kernel-image), and names to print. The tables: u32 number of functions, u32 number of frame rows;
// for each function in address order u32 offset from kernel_start and u32 offset of its name from the tables' start;
// the rows, in address order; the names, NUL-terminated. A row is a word: bits 0 to 17 the offset from kernel_start, in
// units of 2 bytes, from which on it holds; bit 18: the return address is saved, just below the caller's frame; bits 19
// to 31: the frame's size in units of 16 bytes, all ones where nothing is known (assembly).

import Machine
import Storage

enum Backtrace {
    private static let depth = 24

    /// From where a trap was taken.
    static func print(from frame: Ref<trap_frame>) {
        begin()
        var place = Place(frame)
        printLine(place)
        print(callersOf: &place)
    }

    /// From the caller's caller on.
    @inline(__always)
    static func print() {
        begin()
        var place = Place(program_counter(), stack_pointer())
        print(callersOf: &place)
    }

    private static func begin() { PanicReport.say("backtrace, innermost first:\n") }

    /// Where the code is, or where it comes back to.
    private struct Place {
        var pc: UInt64
        var sp: UInt64
        /// The return address's register, where it is known; nil for a place that is come back to.
        var ra: UInt64?

        init(_ pc: UInt64, _ sp: UInt64) {
            self.pc = pc
            self.sp = sp
        }

        init(_ frame: Ref<trap_frame>) {
            pc = frame.value.sepc
            sp = frame.value.sp
            ra = frame.value.ra
        }

        /// An address in the function: a call that does not return may be its last instruction, with the return address
        /// behind it.
        var inside: UInt64 { ra == nil ? pc &- 1 : pc }
    }

    @inline(never)
    private static func print(callersOf place: inout Place) {
        for _ in 0..<depth {
            guard step(&place) else { return }
            printLine(place)
        }
    }

    /// Goes to the caller. False where nothing more is known.
    private static func step(_ place: inout Place) -> Bool {
        var caller = place.ra
        // A jump to nowhere has no frame: its caller is in ra.
        if isText(place.pc) {
            guard let row = frameRow(place.inside) else { return false }
            place.sp &+= UInt64(row >> 19) * 16
            if row & 1 << 18 != 0 { caller = word(place.sp &- 8) }
        }
        guard let caller, isText(caller) else { return false }
        if caller == address_of_kernel_trap_return() {
            // The interrupted code's registers lie here.
            guard isStack(place.sp), place.sp % 8 == 0 else { return false }
            // on a stack, aligned
            place = Place(
                unsafe Ref<trap_frame>(unsafe: UnsafeMutablePointer(bitPattern: place.sp.uint).unsafelyUnwrapped))
            PanicReport.say("  in a trap from:\n")
        } else {
            place = Place(caller, place.sp)
        }
        return true
    }

    private static func word(_ address: UInt64) -> UInt64? {
        guard isStack(address), address % 8 == 0 else { return nil }
        return read_word(address)
    }

    private static func isText(_ address: UInt64) -> Bool {
        address >= address_of_kernel_start() && address < address_of_kernel_text_end()
    }

    /// A thread's stack, or the boot stack in the image.
    private static func isStack(_ address: UInt64) -> Bool {
        if address >= UInt64(stackRegion) { return address & UInt64(KernelStacks.size) != 0 }
        return address >= address_of_kernel_rodata_end() && address < address_of_kernel_end()
    }

    private static func printLine(_ place: Place) {
        guard isText(place.pc), let (name, start) = symbol(place.inside) else {
            PanicReport.say("  \(hex: place.pc, digits: 16)\n")
            return
        }
        PanicReport.say("  \(hex: place.pc, digits: 16) \(name) + \(hex: place.pc - start)\n")
    }

    // MARK: The tables, between kernel_symbols and kernel_symbols_end

    @_lifetime(immortal)
    private static func tables() -> RawSpan {
        // The linker put the tables there, in read-only memory that stays.
        let start = unsafe UnsafeRawPointer(bitPattern: address_of_kernel_symbols().uint).unsafelyUnwrapped
        let count = Int(address_of_kernel_symbols_end() - address_of_kernel_symbols())
        return unsafe _overrideLifetime(RawSpan(_unsafeStart: start, byteCount: count), copying: ())
    }

    private static func number(_ offset: Int) -> UInt32 { tables().littleEndian(offset, as: UInt32.self) }
    private static var functionCount: Int { Int(number(0)) }
    private static func functionStart(_ index: Int) -> UInt32 { number(8 + 8 * index) }
    private static func functionName(_ index: Int) -> Int { Int(number(12 + 8 * index)) }

    /// The function that an address lies in.
    private static func symbol(_ address: UInt64) -> (name: KernelMessage, start: UInt64)? {
        let offset = UInt32(truncatingIfNeeded: address - address_of_kernel_start())
        guard let index = last(of: functionCount, where: { functionStart($0) <= offset }) else { return nil }
        var name = KernelMessage()
        var position = functionName(index)
        while position < tables().byteCount, tables().littleEndian(position, as: UInt8.self) != 0 {
            name.append(byte: tables().littleEndian(position, as: UInt8.self))
            position += 1
        }
        return (name, address_of_kernel_start() + UInt64(functionStart(index)))
    }

    /// What is known of the frame at an instruction.
    private static func frameRow(_ address: UInt64) -> UInt32? {
        let rows = 8 + 8 * functionCount
        let place = UInt32(truncatingIfNeeded: (address - address_of_kernel_start()) / 2)
        let count = Int(number(4))
        guard let index = last(of: count, where: { number(rows + 4 * $0) & 0x3ffff <= place }) else { return nil }
        let row = number(rows + 4 * index)
        return row >> 19 != 0x1fff ? row : nil
    }

    /// The last of the first that fulfil a condition.
    private static func last(of count: Int, where fits: (Int) -> Bool) -> Int? {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if fits(middle) { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }
}
