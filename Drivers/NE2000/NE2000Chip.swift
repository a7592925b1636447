// One NE2000's registers and memory: reset, configuration, pages. No state but where things lie.
//
// Promise: every wait is bounded; remote DMA stays within the card's memory as `NE2000Memory` draws it. CR is in page 0
// before and after each function here; registers of page 1 are reached through `inPage1` alone.

/// Bits of an access to the data port: 8 and 16 bits are the datasheet's; 32 bits work where the card or the bus makes
/// two of 16 of them, which the self-check proves.
public enum NE2000Width: Int, Sendable {
    case byte = 1
    case word = 2
    case long = 4
}

/// How a card's memory is used: two transmit buffers, then the receive ring. In pages of 256 bytes.
struct NE2000Memory {
    /// The first page, and the one after the last.
    let first: UInt8
    var end: UInt8

    /// A full frame of 1,514 bytes takes six pages.
    static var transmitPages: UInt8 { 6 }
    /// 16-bit cards have their memory at 0x4000, 8-bit cards at 0x2000: 8 KiB at least.
    static var of16Bits: NE2000Memory { NE2000Memory(first: 0x40, end: 0x60) }
    static var of8Bits: NE2000Memory { NE2000Memory(first: 0x20, end: 0x40) }
    /// Pages of the largest memory: 32 KiB.
    static var greatestPages: UInt8 { 0x80 }

    @inline(__always) func transmitPage(_ buffer: Int) -> PageNumber {
        PageNumber(first &+ (buffer == 0 ? 0 : Self.transmitPages))
    }
    @inline(__always) var ringStart: PageNumber { PageNumber(first &+ 2 &* Self.transmitPages) }
    @inline(__always) var ringEnd: PageNumber { PageNumber(end) }
    @inline(__always) var ringPages: UInt8 { end &- ringStart.rawValue }
    @inline(__always) func isInRing(_ page: PageNumber) -> Bool {
        page.rawValue >= ringStart.rawValue && page.rawValue < end
    }
    /// Pages from one in the ring forward to another.
    @inline(__always)
    func distance(_ from: PageNumber, _ to: PageNumber) -> Int {
        let pages = Int(to.rawValue) &- Int(from.rawValue)
        return pages >= 0 ? pages : pages &+ Int(ringPages)
    }
    /// The page so many (at most a ring) further on.
    @inline(__always)
    func advance(_ page: PageNumber, by pages: Int) -> PageNumber {
        let next = Int(page.rawValue) &+ pages
        return PageNumber(UInt8(truncatingIfNeeded: next >= Int(end) ? next &- Int(ringPages) : next))
    }
    @inline(__always) func before(_ page: PageNumber) -> PageNumber {
        PageNumber(page == ringStart ? end &- 1 : page.rawValue &- 1)
    }
}

struct NE2000Chip<Window: Registers> {
    let window: Window
    var width: NE2000Width
    var memory: NE2000Memory

    /// Polls of a register before it is given up: a reset takes up to 1.6 ms, and no bus answers in less than a tenth
    /// of a microsecond.
    private static var resetPatience: Int { 20_000 }
    static var dmaPatience: Int { 2_000 }

    // MARK: Registers

    @inline(__always) func load<Value>(_ register: Reading<Page0, Value>) -> Value {
        Value(rawValue: window.load8(register.port))
    }
    @inline(__always) func store<Value>(_ value: Value, _ register: Writing<Page0, Value>) {
        window.store8(value.rawValue, register.port)
    }
    @inline(__always)
    func store(_ value: Int, _ pair: WritingPair<Page0>) {
        window.store8(UInt8(truncatingIfNeeded: value), pair.port)
        window.store8(UInt8(truncatingIfNeeded: value >> 8), pair.port + 1)
    }
    /// CR in page 0 with no remote DMA, or the one that `bits` starts.
    @inline(__always) func command(_ bits: Command) { storeCommand(bits.union(.noDMA)) }
    @inline(__always) func storeCommand(_ bits: Command) { window.store8(bits.rawValue, Port.cr) }
    @inline(__always) func loadCommand() -> Command { Command(rawValue: window.load8(Port.cr)) }

    /// Registers of page 1, for as long as CR shows it.
    struct PageOne {
        fileprivate let window: Window
        @inline(__always) func load<Value>(_ register: Reading<Page1, Value>) -> Value {
            Value(rawValue: window.load8(register.port))
        }
        @inline(__always) func store<Value>(_ value: Value, _ register: Writing<Page1, Value>) {
            window.store8(value.rawValue, register.port)
        }
        func store(_ number: UInt64, _ row: WritingRow<Page1>) {
            for i in 0..<row.count { window.store8(UInt8(truncatingIfNeeded: number >> UInt64(8 * i)), row.port + i) }
        }
    }

    /// Lets `body` at page 1.
    /// - Parameter state: `.start` or `.stop`: what the chip is doing, and goes on doing.
    @inline(__always)
    func inPage1<Result>(_ state: Command, _ body: (PageOne) -> Result) -> Result {
        command(state.union(.page1))
        let result = body(PageOne(window: window))
        command(state)
        return result
    }

    // MARK: Start

    /// Nothing answers at the card's ports.
    var isGone: Bool {
        window.load8(Port.cr) == Port.nothing && window.load8(Page0.isr.port) == Port.nothing
    }

    /// Pulls the board's reset line: reading the port starts the pulse, writing it ends it.
    func reset() throws(NE2000Error) {
        let value = window.load8(Port.reset)
        window.store8(value, Port.reset)
        // On a warm card CR may show any page; RST is in page 0.
        command(.stop)
        for _ in 0..<Self.resetPatience {
            let status = load(Page0.isr)
            if status.has(.reset), window.load8(Port.cr) != Port.nothing {
                store(.all, Page0.isrClear)
                return
            }
        }
        throw .resetTimedOut
    }

    /// The datasheet's initialisation (section 11, steps 1 to 9): stopped, in loopback, ring empty.
    func configure(_ address: UInt64, _ hash: MulticastHash) {
        command(.stop)
        setTransferWidth()
        store(0, Page0.rbcr)
        store(.monitor, Page0.rcr)
        store(.loopback, Page0.tcr)
        store(memory.ringStart, Page0.bnry)
        store(memory.ringStart, Page0.pstart)
        store(memory.ringEnd, Page0.pstop)
        store(.all, Page0.isrClear)
        store([], Page0.imr)
        inPage1(.stop) { page in
            page.store(address, Page1.par)
            page.store(hash.bits, Page1.mar)
            page.store(memory.advance(memory.ringStart, by: 1), Page1.currStart)
        }
    }

    func setTransferWidth() { store(width == .byte ? .normal : [.normal, .wordTransfer], Page0.dcr) }

    /// Steps 10 and 11: from here on frames come in.
    func start(receive: ReceiveConfiguration) {
        command(.start)
        store([], Page0.tcr)
        store(receive, Page0.rcr)
    }

    /// CURR: where the chip writes the next frame.
    @inline(__always)
    func loadCurrent() -> PageNumber { inPage1(.start) { $0.load(Page1.curr) } }
}
