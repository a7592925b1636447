// One NE2000's registers and memory: reset, remote DMA, self-check. No state but where things lie.
//
// Promise: every wait is bounded; remote DMA stays within the card's memory as `NE2000Memory` draws it. CR is in page 0 before and after
// each function here. Remote DMA passes through one port, so the width of an access is the card's business: 8 and 16 bits are the
// datasheet's; 32 bits work where the card or the bus makes two of 16 of them, which the self-check proves.

/// Bits of an access to the data port.
public enum NE2000Width: Int, Sendable {
    case byte = 1
    case word = 2
    case long = 4
}

/// How a card's memory is used: two transmit buffers, then the receive ring. In pages of 256 bytes.
struct NE2000Memory {
    /// The first page, and the one after the last.
    let first, end: UInt8

    /// A full frame of 1,514 bytes takes six pages.
    static var transmitPages: UInt8 { 6 }
    /// 16-bit cards have 16 KiB at 0x4000, 8-bit cards 8 KiB at 0x2000.
    static func of16Bits(end: UInt8) -> NE2000Memory { NE2000Memory(first: 0x40, end: end) }
    static var of8Bits: NE2000Memory { NE2000Memory(first: 0x20, end: 0x40) }

    @inline(__always) func transmitPage(_ buffer: Int) -> UInt8 { first &+ (buffer == 0 ? 0 : Self.transmitPages) }
    @inline(__always) var ringStart: UInt8 { first &+ 2 &* Self.transmitPages }
    @inline(__always) var ringPages: UInt8 { end &- ringStart }
    @inline(__always) func isInRing(_ page: UInt8) -> Bool { page >= ringStart && page < end }
    /// Pages from one in the ring forward to another.
    @inline(__always) func distance(_ from: UInt8, _ to: UInt8) -> UInt8 { to >= from ? to &- from : to &+ ringPages &- from }
    /// The page so many (at most a ring) further on.
    @inline(__always) func advance(_ page: UInt8, by pages: Int) -> UInt8 {
        let next = Int(page) &+ pages
        return UInt8(truncatingIfNeeded: next >= Int(end) ? next &- Int(ringPages) : next)
    }
    @inline(__always) func before(_ page: UInt8) -> UInt8 { page == ringStart ? end &- 1 : page &- 1 }
}

struct NE2000Chip<Window: Registers> {
    let window: Window
    var width: NE2000Width
    var memory: NE2000Memory

    /// Polls of a register before it is given up: a reset takes up to 1.6 ms, and no bus answers in less than a tenth of a microsecond.
    static var resetPatience: Int { 20_000 }
    static var dmaPatience: Int { 2_000 }

    @inline(__always) func load(_ port: Int) -> UInt8 { window.load8(port) }
    @inline(__always) func store(_ value: UInt8, _ port: Int) { window.store8(value, port) }
    /// CR in page 0, running, no remote DMA.
    @inline(__always) func command(_ bits: UInt8) { window.store8(Command.noDMA | bits, Port.cr) }

    /// Pulls the board's reset line: reading the port starts the pulse, writing it ends it.
    func reset() throws(NE2000Error) {
        let value = load(Port.reset)
        store(value, Port.reset)
        // On a warm card CR may show any page; RST is in page 0.
        command(Command.stop)
        for _ in 0..<Self.resetPatience {
            let status = load(Port.isr)
            if status & Interrupt.reset != 0, load(Port.cr) != 0xff {
                store(0xff, Port.isr)
                return
            }
        }
        throw .resetTimedOut
    }

    /// The datasheet's initialisation (section 11, steps 1 to 9): stopped, in loopback, ring empty.
    func configure(_ address: UInt64, _ hash: MulticastHash) {
        command(Command.stop)
        store(Setting.normal | (width == .byte ? 0 : Setting.wordTransfer), Port.dcr)
        store(0, Port.rbcr0)
        store(0, Port.rbcr1)
        store(Setting.monitor, Port.rcr)
        store(Setting.loopback, Port.tcr)
        store(memory.ringStart, Port.bnry)
        store(memory.ringStart, Port.pstart)
        store(memory.end, Port.pstop)
        store(0xff, Port.isr)
        store(0, Port.imr)
        store(Command.noDMA | Command.stop | Command.page1, Port.cr)
        for i in 0..<6 { store(UInt8(truncatingIfNeeded: address >> UInt64(8 * i)), Port.par0 + i) }
        storeHash(hash)
        store(memory.ringStart + 1, Port.curr)
        command(Command.stop)
    }

    /// Steps 10 and 11: from here on frames come in.
    func start(receive: UInt8) {
        command(Command.start)
        store(0, Port.tcr)
        store(receive, Port.rcr)
    }

    func storeHash(_ hash: MulticastHash) {
        for i in 0..<8 { store(UInt8(truncatingIfNeeded: hash.bits >> UInt64(8 * i)), Port.mar0 + i) }
    }

    /// CURR: where the chip writes the next frame.
    @inline(__always)
    func loadCurrent() -> UInt8 {
        store(Command.noDMA | Command.start | Command.page1, Port.cr)
        let page = load(Port.curr)
        command(Command.start)
        return page
    }
}
