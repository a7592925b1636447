// Remote DMA (DP8390D datasheet, section 5): the card's memory through one port.
//
// Promise: what is started is run through to its last byte, then RDC is waited for, boundedly. The loops are unrolled,
// since they are most of what a frame costs; each turn is eight accesses of the port and eight of memory, which may lie
// at any address.

extension NE2000Chip {
    /// Sets up a transfer of `byteCount` bytes, a multiple of the width, at `address` of the card's memory.
    /// - Parameter direction: `.remoteRead` or `.remoteWrite`.
    @inline(__always)
    func startDMA(_ direction: Command, _ address: Int, _ byteCount: Int) {
        command(.start)  // completes the one before
        store(.remoteDMA, Page0.isrClear)
        store(byteCount, Page0.rbcr)
        store(address, Page0.rsar)
        storeCommand(direction.union(.start))
    }

    /// Waits for RDC; false when it does not come.
    @inline(__always)
    func finishDMA() -> Bool {
        if load(Page0.isr).has(.remoteDMA) { return true }
        return waitForDMA()
    }

    @inline(never)
    private func waitForDMA() -> Bool {
        for _ in 0..<Self.dmaPatience where load(Page0.isr).has(.remoteDMA) { return true }
        command(.start)
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

    /// Takes bytes of the transfer under way into `span` from `offset` on; `byteCount` is a multiple of four.
    @inline(__always)
    func take(into span: inout MutableRawSpan, at offset: Int, _ byteCount: Int) {
        precondition(
            offset >= 0 && byteCount >= 0 && byteCount <= span.byteCount &- offset, "remote DMA beyond a packet")
        // In bounds: checked on the line above.
        unsafe span.withUnsafeMutableBytes { unsafe take(into: $0.baseAddress.unsafelyUnwrapped + offset, byteCount) }
    }

    private func take(into start: UnsafeMutableRawPointer, _ byteCount: Int) {
        var at = unsafe start
        let end = unsafe start + byteCount
        // Every store below lies before `end`: the loops compare.
        if width == .long {
            while unsafe end - at >= 32 {  // compared first
                for i in 0..<8 {
                    unsafe at.storeBytes(of: window.load32(Port.data), toByteOffset: 4 &* i, as: UInt32.self)
                }
                unsafe at += 32  // up to `end`
            }
        } else if width == .word {
            while unsafe end - at >= 16 {  // compared first
                for i in 0..<8 {
                    unsafe at.storeBytes(of: window.load16(Port.data), toByteOffset: 2 &* i, as: UInt16.self)
                }
                unsafe at += 16  // up to `end`
            }
        }
        // As above: byteCount is a multiple of four.
        while unsafe at < end {
            unsafe at.storeBytes(of: takeLong(), as: UInt32.self)
            unsafe at += 4  // up to `end`
        }
    }

    /// Gives the first `byteCount` bytes of `span`, a multiple of four, to the transfer under way.
    @inline(__always)
    func put(from span: RawSpan, _ byteCount: Int) {
        precondition(byteCount >= 0 && byteCount <= span.byteCount, "remote DMA from beyond a packet")
        // in bounds: just checked
        unsafe span.withUnsafeBytes { unsafe put(from: $0.baseAddress.unsafelyUnwrapped, byteCount) }
    }

    private func put(from start: UnsafeRawPointer, _ byteCount: Int) {
        var at = unsafe start
        let end = unsafe start + byteCount
        // Every load below lies before `end`: the loops compare.
        if width == .long {
            while unsafe end - at >= 32 {  // compared first
                for i in 0..<8 {
                    unsafe window.store32(at.loadUnaligned(fromByteOffset: 4 &* i, as: UInt32.self), Port.data)
                }
                unsafe at += 32  // up to `end`
            }
        } else if width == .word {
            while unsafe end - at >= 16 {  // compared first
                for i in 0..<8 {
                    unsafe window.store16(at.loadUnaligned(fromByteOffset: 2 &* i, as: UInt16.self), Port.data)
                }
                unsafe at += 16  // up to `end`
            }
        }
        // As above: byteCount is a multiple of four.
        while unsafe at < end {
            unsafe putLong(at.loadUnaligned(as: UInt32.self))
            unsafe at += 4  // up to `end`
        }
    }
}
