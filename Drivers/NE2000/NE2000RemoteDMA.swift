// Remote DMA (DP8390D datasheet, section 5): the card's memory through one port.
//
// Promise: what is started is run through to its last byte, then RDC is waited for, boundedly. The loops are unrolled, since they are
// most of what a frame costs; each turn is eight accesses of the port and eight of memory, which may lie at any address.

extension NE2000Chip {
    /// Sets up a transfer of `byteCount` bytes, a multiple of the width, at `address` of the card's memory.
    @inline(__always)
    func startDMA(_ direction: UInt8, _ address: UInt16, _ byteCount: Int) {
        command(Command.start)  // completes the one before
        store(Interrupt.remoteDMA, Port.isr)
        store(UInt8(truncatingIfNeeded: byteCount), Port.rbcr0)
        store(UInt8(truncatingIfNeeded: byteCount >> 8), Port.rbcr1)
        store(UInt8(truncatingIfNeeded: address), Port.rsar0)
        store(UInt8(truncatingIfNeeded: address >> 8), Port.rsar1)
        store(Command.start | direction, Port.cr)
    }

    /// Waits for RDC; false when it does not come.
    @inline(__always)
    func finishDMA() -> Bool {
        if load(Port.isr) & Interrupt.remoteDMA != 0 { return true }
        return waitForDMA()
    }

    @inline(never)
    private func waitForDMA() -> Bool {
        for _ in 0..<Self.dmaPatience where load(Port.isr) & Interrupt.remoteDMA != 0 { return true }
        command(Command.start)
        return false
    }

    /// The next four bytes, as a little-endian number.
    @inline(__always)
    func takeLong() -> UInt32 {
        switch width {
        case .long: return window.load32(Port.data)
        case .word:
            let low = UInt32(window.load16(Port.data))
            return low | UInt32(window.load16(Port.data)) << 16
        case .byte:
            var value: UInt32 = 0
            for i in 0..<4 { value |= UInt32(window.load8(Port.data)) << UInt32(8 * i) }
            return value
        }
    }

    @inline(__always)
    func putLong(_ value: UInt32) {
        switch width {
        case .long: window.store32(value, Port.data)
        case .word:
            window.store16(UInt16(truncatingIfNeeded: value), Port.data)
            window.store16(UInt16(truncatingIfNeeded: value >> 16), Port.data)
        case .byte:
            for i in 0..<4 { window.store8(UInt8(truncatingIfNeeded: value >> UInt32(8 * i)), Port.data) }
        }
    }

    /// Takes bytes of the transfer under way; `byteCount` a multiple of four, and the memory all the caller's.
    func take(into start: UnsafeMutableRawPointer, _ byteCount: Int) {
        var at = start
        let end = start + byteCount
        if width == .long {
            while end - at >= 32 {
                at.storeBytes(of: window.load32(Port.data), as: UInt32.self)
                at.storeBytes(of: window.load32(Port.data), toByteOffset: 4, as: UInt32.self)
                at.storeBytes(of: window.load32(Port.data), toByteOffset: 8, as: UInt32.self)
                at.storeBytes(of: window.load32(Port.data), toByteOffset: 12, as: UInt32.self)
                at.storeBytes(of: window.load32(Port.data), toByteOffset: 16, as: UInt32.self)
                at.storeBytes(of: window.load32(Port.data), toByteOffset: 20, as: UInt32.self)
                at.storeBytes(of: window.load32(Port.data), toByteOffset: 24, as: UInt32.self)
                at.storeBytes(of: window.load32(Port.data), toByteOffset: 28, as: UInt32.self)
                at += 32
            }
        } else if width == .word {
            while end - at >= 16 {
                at.storeBytes(of: window.load16(Port.data), as: UInt16.self)
                at.storeBytes(of: window.load16(Port.data), toByteOffset: 2, as: UInt16.self)
                at.storeBytes(of: window.load16(Port.data), toByteOffset: 4, as: UInt16.self)
                at.storeBytes(of: window.load16(Port.data), toByteOffset: 6, as: UInt16.self)
                at.storeBytes(of: window.load16(Port.data), toByteOffset: 8, as: UInt16.self)
                at.storeBytes(of: window.load16(Port.data), toByteOffset: 10, as: UInt16.self)
                at.storeBytes(of: window.load16(Port.data), toByteOffset: 12, as: UInt16.self)
                at.storeBytes(of: window.load16(Port.data), toByteOffset: 14, as: UInt16.self)
                at += 16
            }
        }
        while at < end {
            at.storeBytes(of: takeLong(), as: UInt32.self)
            at += 4
        }
    }

    /// Gives bytes to the transfer under way; `byteCount` a multiple of four.
    func put(from start: UnsafeRawPointer, _ byteCount: Int) {
        var at = start
        let end = start + byteCount
        if width == .long {
            while end - at >= 32 {
                window.store32(at.loadUnaligned(as: UInt32.self), Port.data)
                window.store32(at.loadUnaligned(fromByteOffset: 4, as: UInt32.self), Port.data)
                window.store32(at.loadUnaligned(fromByteOffset: 8, as: UInt32.self), Port.data)
                window.store32(at.loadUnaligned(fromByteOffset: 12, as: UInt32.self), Port.data)
                window.store32(at.loadUnaligned(fromByteOffset: 16, as: UInt32.self), Port.data)
                window.store32(at.loadUnaligned(fromByteOffset: 20, as: UInt32.self), Port.data)
                window.store32(at.loadUnaligned(fromByteOffset: 24, as: UInt32.self), Port.data)
                window.store32(at.loadUnaligned(fromByteOffset: 28, as: UInt32.self), Port.data)
                at += 32
            }
        } else if width == .word {
            while end - at >= 16 {
                window.store16(at.loadUnaligned(as: UInt16.self), Port.data)
                window.store16(at.loadUnaligned(fromByteOffset: 2, as: UInt16.self), Port.data)
                window.store16(at.loadUnaligned(fromByteOffset: 4, as: UInt16.self), Port.data)
                window.store16(at.loadUnaligned(fromByteOffset: 6, as: UInt16.self), Port.data)
                window.store16(at.loadUnaligned(fromByteOffset: 8, as: UInt16.self), Port.data)
                window.store16(at.loadUnaligned(fromByteOffset: 10, as: UInt16.self), Port.data)
                window.store16(at.loadUnaligned(fromByteOffset: 12, as: UInt16.self), Port.data)
                window.store16(at.loadUnaligned(fromByteOffset: 14, as: UInt16.self), Port.data)
                at += 16
            }
        }
        while at < end {
            putLong(at.loadUnaligned(as: UInt32.self))
            at += 4
        }
    }
}
