// An NE2000 in Swift: the DP8390's registers, the card's memory and PROM, remote DMA, both directions of the wire. It
// complains about drivers that break the datasheet's rules, and breaks its own promises on demand.

import Drivers

final class DP8390Model {
    /// What the driver did that the datasheet does not allow.
    private(set) var complaints: [String] = []
    /// What went onto the wire.
    var sent: [[UInt8]] = []

    // The board.
    let address: [UInt8]
    let memoryStart: Int, memoryEnd: Int
    private(set) var memory = [UInt8](repeating: 0xa5, count: 65536)
    /// Takes and gives 32 bits an access; else the upper half is lost.
    var knowsLong = true
    /// Sits on 8 data lines: 16 bits lose their upper half.
    var isNarrow: Bool

    // The chip.
    private(set) var cr: UInt8 = 0x21, isr: UInt8 = 0x80, imr: UInt8 = 0
    private(set) var dcr: UInt8 = 0, rcr: UInt8 = 0, tcr: UInt8 = 0
    private(set) var pstart = 0, pstop = 0, bnry = 0, curr = 0
    private var tpsr = 0, tbcr = 0, rsar = 0, rbcr = 0
    private(set) var par = [UInt8](repeating: 0, count: 6), mar = [UInt8](repeating: 0, count: 8)
    private var tally: [UInt8] = [0, 0, 0]
    private var isMoving = false, isWriting = false
    private var sending: [UInt8]?
    private var sendingPages = 0..<0
    /// The ring overflowed, and how far the driver is with the recovery: stopped, RBCR cleared, in loopback, started.
    private var jam: Jam?
    private enum Jam { case overflowed, stopped, loopback, started }
    private var removedSinceJam = false

    // Faults.
    var isGone = false
    /// A transmission ends when `endTransmission` is called, not at once.
    var transmitsSlowly = false
    var transmitNeverEnds = 0
    var transmitFails = 0
    var dmaNeverEnds = 0
    var resetNeverEnds = 0
    var losesInterrupts = 0
    /// Bits that ISR shows whatever is written to it, for so many reads.
    var stuckBits: UInt8 = 0, stuckReads = 0
    var falseCurrent: (value: UInt8, reads: Int) = (0, 0)
    /// QEMU's way: a full ring drops without a word.
    var overflowsSilently = false
    /// Beyond the end of the memory its beginning shows again; else nothing answers there.
    var mirrors = false
    /// The count's low byte stands in the high one too, as some chips have it.
    var doublesLowByte = false
    /// Changes the header of a frame that is received.
    var distortHeader: ((inout [UInt8]) -> Void)?
    /// The card has shown a false ISR or CURR since its last reset: a driver that believed it is excused from the order
    /// of steps, though not from the bounds of the memory.
    private var hasLied = false
    private(set) var dropped = 0
    private(set) var resets = 0
    private(set) var accesses = 0

    /// - Parameter kilobytes: of memory; 16 on 16 data lines and 8 on 8 if nil.
    init(
        address: [UInt8] = [0x52, 0x54, 0, 0x73, 0x77, 0x66], isWide: Bool = true, signature: UInt8 = 0x57,
        kilobytes: Int? = nil
    ) {
        self.address = address
        isNarrow = !isWide
        memoryStart = isWide ? 0x4000 : 0x2000
        memoryEnd = memoryStart + 1024 * (kilobytes ?? (isWide ? 16 : 8))
        var prom = address + [UInt8](repeating: 0x99, count: 8) + [signature, signature]
        if isWide { prom = prom.flatMap { [$0, $0] } }
        // Bytes 6 to 13 hold anything, and need not even be doubled.
        if isWide { prom[14] = 0x11 }
        for (i, byte) in prom.enumerated() { memory[i] = byte }
    }

    /// Another card in this one's place, or this one again: the last byte of the address in the PROM.
    func exchange() { for place in isNarrow ? 5...5 : 10...11 { memory[place] ^= 1 } }

    func complain(_ what: String) { if complaints.count < 20 { complaints.append(what) } }

    var isLineUp: Bool { isr & imr & 0x7f != 0 }
    private var isStopped: Bool { cr & 1 != 0 }
    /// Not live yet: nothing goes into the ring.
    private var isMonitoring: Bool { rcr & 0x20 != 0 }
    private var ring: Range<Int> { pstart << 8..<pstop << 8 }

    // MARK: The wire

    /// A frame arrives. False when it is not taken: not wanted, no room, stopped.
    @discardableResult
    func receive(_ frame: [UInt8], status: UInt8 = 1) -> Bool {
        guard !isGone, !isStopped, cr & 2 != 0, rcr & 0x20 == 0, wants(frame) else { return false }
        guard tcr & 6 == 0, jam == nil else {
            dropped += 1
            if jam == .overflowed { tally[2] = min(192, tally[2] + 1) }  // CNTR2 counts on while the ring is full
            return false
        }
        let padded = frame + [UInt8](repeating: 0, count: max(0, 60 - frame.count))
        let pages = (padded.count + 8 + 255) >> 8
        let free = (bnry - curr + (pstop - pstart)) % (pstop - pstart)
        // Like the datasheet's chip, one page short of BNRY; QEMU wants room for any frame.
        guard (free == 0 ? pstop - pstart : free) > (overflowsSilently ? 6 : pages) else {
            dropped += 1
            if overflowsSilently { return false }
            tally[2] = min(192, tally[2] + 1)
            isr |= 0x10 | 0x80
            jam = .overflowed
            removedSinceJam = false
            return false
        }
        var next = curr + pages
        if next >= pstop { next -= pstop - pstart }
        let count = padded.count + 4
        var header: [UInt8] = [status | (frame[0] & 1) << 5, UInt8(next), UInt8(count & 255), UInt8(count >> 8)]
        if doublesLowByte { header[3] = header[2] }
        if let distort = distortHeader {
            distortHeader = nil
            distort(&header)
        }
        var at = curr << 8
        for byte in header + padded + [0xcc, 0xcc, 0xcc, 0xcc] {
            memory[at] = byte
            at += 1
            if at == pstop << 8 { at = pstart << 8 }
        }
        curr = next
        if losesInterrupts > 0 { losesInterrupts -= 1 } else { isr |= status & 1 != 0 ? 1 : 4 }
        if status & 1 == 0 { tally[1] += 1 }
        return true
    }

    private func wants(_ frame: [UInt8]) -> Bool {
        if frame[0] & 1 == 0 { return rcr & 0x10 != 0 || Array(frame[0..<6]) == par }
        if frame[0..<6].allSatisfy({ $0 == 0xff }) { return rcr & 4 != 0 }
        let index = Self.hash(Array(frame[0..<6]))
        return rcr & 8 != 0 && mar[index >> 3] & 1 << UInt8(index & 7) != 0
    }

    private func transmit() {
        if isStopped { return complain("TXP while stopped") }
        if isMoving, rbcr > 0 { complain("TXP while remote DMA is under way") }
        if sending != nil, !hasLied { complain("TXP while sending") }
        if isr & 0x0a != 0 { complain("TXP with PTX or TXE of the last frame not acknowledged") }
        guard tbcr >= 60, tbcr <= 1514, tpsr << 8 >= memoryStart, tpsr << 8 + tbcr <= memoryEnd else {
            return complain("TXP of \(tbcr) bytes at page \(tpsr)")
        }
        if tpsr < pstop, tpsr + (tbcr + 255) >> 8 > pstart { complain("TXP from the receive ring") }
        sending = (0..<tbcr).map { memory[tpsr << 8 + $0] }
        sendingPages = tpsr << 8..<tpsr << 8 + tbcr
        cr |= 4
        if transmitNeverEnds > 0 { transmitNeverEnds -= 1 } else if !transmitsSlowly { endTransmission() }
    }

    /// The frame that is being sent is out. False when there is none.
    @discardableResult
    func endTransmission() -> Bool {
        guard let frame = sending else { return false }
        sending = nil
        sendingPages = 0..<0
        cr &= ~4
        if transmitFails > 0 {
            transmitFails -= 1
            isr |= 8
        } else {
            if tcr & 6 == 0 { sent.append(frame) } else { complain("a frame sent in loopback") }
            isr |= 2
        }
        return true
    }

    /// What was on its way is cut short, without a word.
    func abortTransmission() {
        (sending, sendingPages) = (nil, 0..<0)
        cr &= ~4
    }

    /// A reset that the driver did not ask for.
    func reset() {
        resets += 1
        cr = 0x21
        isr = 0x80
        imr = 0
        (tcr, rcr, sending, isMoving, jam, sendingPages) = (0, 0, nil, false, nil, 0..<0)
        hasLied = false
    }

    // MARK: Registers

    func load8(_ port: Int) -> UInt8 {
        accesses += 1
        if isGone { return 0xff }
        if port == 0x1f {
            reset()
            return 0x5a
        }
        if port == 0x10 { return UInt8(data(8, nil) & 0xff) }
        guard port < 0x10 else { complain("read of port \(port)"); return 0xff }
        if port == 0 { return cr }
        switch cr >> 6 {
        case 0:
            switch port {
            case 3: return UInt8(bnry)
            case 4: return 1
            case 7: return status()
            case 0xd...0xf:
                defer { tally[port - 0xd] = 0 }
                return tally[port - 0xd]
            default: complain("read of port \(port) in page 0")
            }
        case 1:
            switch port {
            case 1...6: return par[port - 1]
            case 7:
                if falseCurrent.reads > 0 {
                    falseCurrent.reads -= 1
                    hasLied = true
                    return falseCurrent.value
                }
                return UInt8(curr)
            default: return mar[port - 8]
            }
        default: complain("page \(cr >> 6)")
        }
        return 0
    }

    private func status() -> UInt8 {
        if stuckReads > 0 {
            stuckReads -= 1
            hasLied = true
            return isr | stuckBits
        }
        return resetNeverEnds > 0 ? isr & 0x7f : isr
    }

    func store8(_ value: UInt8, _ port: Int) {
        accesses += 1
        if isGone { return }
        if port == 0x10 {
            _ = data(8, UInt32(value))
            return
        }
        if port == 0x1f {
            if resetNeverEnds > 0 { resetNeverEnds -= 1; if resetNeverEnds > 0 { isr &= 0x7f } }
            return
        }
        guard port < 0x10 else { return complain("write of port \(port)") }
        if port == 0 { return command(value) }
        switch cr >> 6 {
        case 0: storePage0(value, port)
        case 1:
            if !isStopped, port < 8 { complain("write of port \(port) in page 1 while running") }
            switch port {
            case 1...6: par[port - 1] = value
            case 7: curr = Int(value)
            default: mar[port - 8] = value
            }
        default: complain("write in page \(cr >> 6)")
        }
    }

    private func storePage0(_ value: UInt8, _ port: Int) {
        if !isStopped, [1, 2, 0xe].contains(port) { complain("write of port \(port) in page 0 while running") }
        switch port {
        case 1: pstart = Int(value)
        case 2: pstop = Int(value)
        case 3:
            if !isStopped, !(pstart..<pstop).contains(Int(value)) { complain("BNRY \(value) outside the ring") }
            bnry = Int(value)
            removedSinceJam = true
        case 4: tpsr = Int(value)
        case 5: tbcr = tbcr & 0xff00 | Int(value)
        case 6: tbcr = tbcr & 0xff | Int(value) << 8
        case 7: acknowledge(value)
        case 8: rsar = rsar & 0xff00 | Int(value)
        case 9: rsar = rsar & 0xff | Int(value) << 8
        case 0xa: rbcr = rbcr & 0xff00 | Int(value)
        case 0xb: rbcr = rbcr & 0xff | Int(value) << 8
        case 0xc: rcr = value
        case 0xd:
            if jam == .stopped, value == 2 {
                if rbcr != 0 { complain("overflow: loopback before RBCR is cleared") }
                jam = .loopback
            } else if jam != nil, value == 0, isr & 0x10 != 0 {
                complain("overflow: out of loopback before OVW is acknowledged")
            } else if jam == .started, value == 0 {
                jam = nil
            }
            tcr = value
        case 0xe: dcr = value
        default: imr = value
        }
    }

    private func acknowledge(_ value: UInt8) {
        if value & 0x10 != 0, jam != nil, value != 0xff, !hasLied {
            if jam != .started { complain("overflow: OVW acknowledged before the card was stopped and started") }
            if !removedSinceJam, (bnry + 1 == pstop ? pstart : bnry + 1) != curr {
                complain("overflow: OVW acknowledged before a frame was removed")
            }
        }
        isr &= ~(value & 0x7f)
    }

    private func command(_ value: UInt8) {
        if value >> 6 > 1 { complain("page \(value >> 6)") }
        if ![1, 2, 4].contains(value >> 3 & 7) { complain("CR \(value): remote DMA command") }
        if value & 3 == 3 || value & 3 == 0, value != 0x20 { complain("CR \(value): neither stop nor start") }
        let wasTransmitting = cr & 4
        cr = value & ~4 | wasTransmitting
        if value & 1 != 0 {
            if jam == .overflowed { jam = .stopped }
            isr |= 0x80
        } else if value & 2 != 0 {
            isr &= ~0x80
            // What was on its way when the chip was stopped is over by now, or never will be.
            if jam == .loopback { abortTransmission() }
            if jam == .loopback {
                jam = .started
            } else if jam == .stopped {
                complain("overflow: started without loopback")
            }
        }
        switch value >> 3 & 7 {
        case 1, 2:
            if isMoving, rbcr > 0 { complain("remote DMA started while one is under way") }
            if isr & 0x40 != 0 { complain("remote DMA started with RDC set") }
            if rbcr == 0 { complain("remote DMA of no bytes") }
            isMoving = true
            isWriting = value >> 3 & 7 == 2
            checkSpan()
        default: isMoving = false
        }
        if value & 4 != 0 { transmit() }
    }

    /// What a remote DMA may touch: the PROM; the transmit buffers; of the ring only frames that lie there.
    private func checkSpan() {
        if dcr & 1 != 0, rbcr & 1 != 0 { complain("odd byte count in word mode") }
        if !isWriting, rsar + rbcr <= 32 { return }
        if isMonitoring, rsar >= memoryEnd, rsar + rbcr <= 0xc000 { return }  // a driver that measures
        guard rsar >= memoryStart, rsar + rbcr <= memoryEnd else {
            return complain("remote DMA of \(rbcr) bytes at \(rsar)")
        }
        let span = rsar..<rsar + rbcr
        if isWriting {
            if span.overlaps(ring), !isStopped { complain("remote write into the receive ring") }
            if span.overlaps(sendingPages), !hasLied { complain("remote write into what is being sent") }
        } else if span.overlaps(ring), !hasLied, !isStopped {
            for page in rsar >> 8...(rsar + rbcr - 1) >> 8 {
                let first = bnry + 1 == pstop ? pstart : bnry + 1, size = pstop - pstart
                if (page - first + size) % size >= (curr - first + size) % size {
                    complain("read of page \(page), where the card writes")
                }
            }
        }
    }

    /// One access of the data port. `value` nil: a read.
    private func data(_ bits: Int, _ value: UInt32?) -> UInt32 {
        guard isMoving, rbcr > 0 else {
            complain(isMoving ? "data port beyond the byte count" : "data port without remote DMA")
            return 0xffff_ffff
        }
        if isWriting != (value != nil) { complain("data port in the wrong direction") }
        if (dcr & 1 != 0) != (bits > 8) { complain("data port at \(bits) bits, DCR \(dcr)") }
        let seen = bits == 32 && !knowsLong ? 2 : isNarrow ? 1 : bits / 8
        var result: UInt32 = 0xffff_ffff << UInt32(min(31, 8 * seen))
        if seen == 4 { result = 0 }
        for i in 0..<seen {
            let isPROM = rsar < 32 && !isWriting
            if !isPROM, rsar < memoryStart || rsar >= memoryEnd {
                if !isMonitoring { complain("data port at \(rsar)") }
                let place = (rsar - memoryStart) % (memoryEnd - memoryStart) + memoryStart
                if mirrors, let value { memory[place] = UInt8(truncatingIfNeeded: value >> UInt32(8 * i)) }
                if value == nil { result |= UInt32(mirrors ? memory[place] : 0xff) << UInt32(8 * i) }
            } else if let value {
                memory[rsar] = UInt8(truncatingIfNeeded: value >> UInt32(8 * i))
            } else {
                result |= UInt32(memory[rsar]) << UInt32(8 * i)
            }
            rsar += 1
            if rsar == pstop << 8 { rsar = pstart << 8 }
            rbcr -= 1
            if rbcr == 0 {
                if dmaNeverEnds > 0 { dmaNeverEnds -= 1 } else { isr |= 0x40 }
                break
            }
        }
        return result
    }

    func load16(_ port: Int) -> UInt16 {
        accesses += 1
        if isGone { return 0xffff }
        guard port == 0x10 else { complain("16 bits read of port \(port)"); return 0xffff }
        return UInt16(truncatingIfNeeded: data(16, nil))
    }

    func load32(_ port: Int) -> UInt32 {
        accesses += 1
        if isGone { return 0xffff_ffff }
        guard port == 0x10 else { complain("32 bits read of port \(port)"); return 0xffff_ffff }
        return data(32, nil)
    }

    func store16(_ value: UInt16, _ port: Int) {
        accesses += 1
        if isGone { return }
        guard port == 0x10 else { return complain("16 bits written to port \(port)") }
        _ = data(16, UInt32(value))
    }

    func store32(_ value: UInt32, _ port: Int) {
        accesses += 1
        if isGone { return }
        guard port == 0x10 else { return complain("32 bits written to port \(port)") }
        _ = data(32, value)
    }
}
