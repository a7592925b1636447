// What card it is: the station address PROM, and how much memory it has that keeps what is written, at which width.

extension NE2000Chip {
    /// The 32 bytes at the start of remote memory.
    struct PROM {
        /// Station address, first octet in the lowest byte.
        var address: UInt64 = 0
        /// Each byte stands twice: a card with 16-bit memory.
        var isDoubled = true
        /// 0x57 ('W') in bytes 14 and 15; a 16-bit card in an 8-bit slot may show 0x42 ('B').
        var signature: UInt8 = 0

        var hasSignature: Bool { signature == 0x57 || signature == 0x42 }
        /// Neither a group nor zero.
        var isAddressValid: Bool { address & 1 == 0 && address != 0 }
    }

    /// Reads the PROM at 8 bits, which every card can. The chip has to be configured so.
    func readPROM() throws(NE2000Error) -> PROM {
        startDMA(.remoteRead, 0, 32)
        // Bytes 6 to 13 hold anything (after a warm reset on QEMU, what the program before left): not looked at.
        var bytes: (low: UInt64, mid: UInt64, last: UInt64) = (0, 0, 0)
        for i in 0..<32 {
            let byte = UInt64(window.load8(Port.data))
            if i < 8 { bytes.low |= byte << UInt64(8 * i) } else if i < 16 { bytes.mid |= byte << UInt64(8 * (i - 8)) }
            if i >= 28 { bytes.last |= byte << UInt64(8 * (i - 28)) }
        }
        guard finishDMA() else { throw .dmaTimedOut }
        var prom = PROM()
        for i in 0..<6 {
            let at = UInt64(16 * i)
            let pair = at < 64 ? bytes.low >> at & 0xffff : bytes.mid >> (at - 64) & 0xffff
            if pair & 0xff != pair >> 8 { prom.isDoubled = false }
            prom.address |= (pair & 0xff) << UInt64(8 * i)
        }
        if prom.isDoubled {
            prom.signature = bytes.last & 0xff == bytes.last >> 16 & 0xff ? UInt8(bytes.last & 0xff) : 0
        } else {
            prom.address = bytes.low & 0xffff_ffff_ffff
            prom.signature = bytes.mid >> 48 & 0xff == bytes.mid >> 56 ? UInt8(bytes.mid >> 56) : 0
        }
        return prom
    }

    /// The greatest width, up to ours, at which what is written into the transmit buffers can be read back; nil: none.
    func provenWidth() -> NE2000Width? {
        var trial = self
        if width == .long {
            // Written at 32 bits and read at 16: a card that drops half of each access is found out. Some know 32 bits
            // only.
            trial.width = .word
            if keeps(readingBackBy: trial) || keeps(readingBackBy: self) { return .long }
        }
        if width != .byte {
            trial.width = .word
            if trial.keeps(readingBackBy: trial) { return .word }
        }
        trial.width = .byte
        return trial.keeps(readingBackBy: trial) ? .byte : nil
    }

    private func keeps(readingBackBy reader: NE2000Chip) -> Bool {
        let address = memory.transmitPage(0).address
        // A pattern whose halves and bytes all differ, and which no failed trial before has left.
        let seed: UInt32 = 0x1234_5679 &* UInt32(truncatingIfNeeded: width.rawValue * 8 + reader.width.rawValue)
        command(.stop)
        setTransferWidth()
        startDMA(.remoteWrite, address, 64)
        for i in 0..<16 { putLong(seed &+ UInt32(i) &* 0x9e37_79b9) }
        guard finishDMA() else { return false }
        reader.command(.stop)
        reader.setTransferWidth()
        reader.startDMA(.remoteRead, address, 64)
        var isSame = true
        for i in 0..<16 where reader.takeLong() != seed &+ UInt32(i) &* 0x9e37_79b9 { isSame = false }
        return reader.finishDMA() && isSame
    }

    /// Finds the end of the card's memory, which begins with 8 KiB and doubles up to 32 KiB.
    mutating func measureMemory() {
        configure(0, MulticastHash())  // with the ring out of the way
        while memory.end &- memory.first < NE2000Memory.greatestPages {
            // A card that decodes fewer address bits shows its first pages again further on.
            let size = memory.end &- memory.first
            let next = PageNumber(memory.end), last = PageNumber(memory.end &+ size &- 1)
            guard write(0x0f1e_2d3c, to: memory.transmitPage(0)), write(0xa5c3_9669, to: next),
                write(0x5a3c_6996, to: last),
                read(next) == 0xa5c3_9669, read(last) == 0x5a3c_6996, read(memory.transmitPage(0)) == 0x0f1e_2d3c
            else { return }
            memory.end &+= size
        }
    }

    private func write(_ value: UInt32, to page: PageNumber) -> Bool {
        startDMA(.remoteWrite, page.address, 4)
        putLong(value)
        return finishDMA()
    }

    private func read(_ page: PageNumber) -> UInt32? {
        startDMA(.remoteRead, page.address, 4)
        let value = takeLong()
        return finishDMA() ? value : nil
    }
}
