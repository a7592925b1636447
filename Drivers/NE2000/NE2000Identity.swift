// Who the card is: the station address PROM, and whether its memory keeps what is written, at which width.

extension NE2000Chip {
    /// What the 32 bytes at the start of remote memory say.
    struct PROM {
        /// Station address, first octet in the lowest byte.
        var address: UInt64 = 0
        /// Each byte stands twice: a card with 16-bit memory.
        var isDoubled = true
        /// 0x57 ('W') in bytes 14 and 15; a 16-bit card in an 8-bit slot may show 0x42 ('B').
        var signature: UInt8 = 0

        var hasSignature: Bool { signature == 0x57 || signature == 0x42 }
        /// Neither a group, nor nobody, nor everybody.
        var isAddressValid: Bool { address & 1 == 0 && address != 0 }
    }

    /// Reads the PROM at 8 bits, which every card can. The chip has to be configured so.
    func readPROM() throws(NE2000Error) -> PROM {
        startDMA(Command.remoteRead, 0, 32)
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
            // Written at 32 bits and read at 16: a card that drops half of each access is found out. Some know 32 bits only.
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
        let address = UInt16(memory.first) << 8
        // A pattern whose halves and bytes all differ, and which no failed trial before has left.
        let seed: UInt32 = 0x1234_5679 &* UInt32(truncatingIfNeeded: width.rawValue * 8 + reader.width.rawValue)
        setTransferWidth()
        startDMA(Command.remoteWrite, address, 64)
        for i in 0..<16 { putLong(seed &+ UInt32(i) &* 0x9e37_79b9) }
        guard finishDMA() else { return false }
        reader.setTransferWidth()
        reader.startDMA(Command.remoteRead, address, 64)
        var isSame = true
        for i in 0..<16 where reader.takeLong() != seed &+ UInt32(i) &* 0x9e37_79b9 { isSame = false }
        return reader.finishDMA() && isSame
    }

    private func setTransferWidth() {
        command(Command.stop)
        store(Setting.normal | (width == .byte ? 0 : Setting.wordTransfer), Port.dcr)
    }
}
