// Registers and bits of the DP8390 network interface controller and its descendants (DS8390, RTL8019, RTL8029), as
// types: a register knows its page, its direction and the kind of value it takes, so that no other value can be stored
// there and no register of another page.
//
// Names are the datasheet's (National Semiconductor, "DP8390D/NS32490D NIC Network Interface Controller", section 10,
// Internal Registers). Sixteen ports are the chip's, in pages that CR selects; the board adds the data port and the
// reset port.

/// What a register holds.
protocol RegisterValue {
    var rawValue: UInt8 { get }
    init(rawValue: UInt8)
}

/// Pages of registers. CR is in all of them.
enum Page0 {}
enum Page1 {}

/// A register that is read, of a page.
struct Reading<Page, Value: RegisterValue> {
    fileprivate(set) var port: Int
}

/// A register that is written, of a page.
struct Writing<Page, Value: RegisterValue> {
    fileprivate(set) var port: Int
}

/// Two registers that are written one after the other, the low byte first.
struct WritingPair<Page> {
    fileprivate(set) var port: Int
}

/// Consecutive registers that hold one number, the first byte lowest.
struct WritingRow<Page> {
    fileprivate(set) var port: Int
    fileprivate(set) var count: Int
}

extension Page0 {
    /// Receive ring: first page, and the page after the last.
    static var pstart: Writing<Page0, PageNumber> { .init(port: 0x01) }
    static var pstop: Writing<Page0, PageNumber> { .init(port: 0x02) }
    /// Boundary: the chip writes no further than this page.
    static var bnry: Writing<Page0, PageNumber> { .init(port: 0x03) }
    /// Transmit page and byte count.
    static var tpsr: Writing<Page0, PageNumber> { .init(port: 0x04) }
    static var tbcr: WritingPair<Page0> { .init(port: 0x05) }
    /// Interrupt status; ones written clear.
    static var isr: Reading<Page0, Interrupt> { .init(port: 0x07) }
    static var isrClear: Writing<Page0, Interrupt> { .init(port: 0x07) }
    /// Remote DMA: start address and byte count.
    static var rsar: WritingPair<Page0> { .init(port: 0x08) }
    static var rbcr: WritingPair<Page0> { .init(port: 0x0a) }
    /// Receive, transmit and data configuration, interrupt mask.
    static var rcr: Writing<Page0, ReceiveConfiguration> { .init(port: 0x0c) }
    static var tcr: Writing<Page0, TransmitConfiguration> { .init(port: 0x0d) }
    static var dcr: Writing<Page0, DataConfiguration> { .init(port: 0x0e) }
    static var imr: Writing<Page0, Interrupt> { .init(port: 0x0f) }
    /// Tally counters: frame alignment errors, CRC errors, missed frames. Reading clears.
    static var cntr0: Reading<Page0, Tally> { .init(port: 0x0d) }
    static var cntr1: Reading<Page0, Tally> { .init(port: 0x0e) }
    static var cntr2: Reading<Page0, Tally> { .init(port: 0x0f) }
}

extension Page1 {
    /// Physical address.
    static var par: WritingRow<Page1> { .init(port: 0x01, count: 6) }
    /// Current page: where the chip writes the next frame.
    static var curr: Reading<Page1, PageNumber> { .init(port: 0x07) }
    static var currStart: Writing<Page1, PageNumber> { .init(port: 0x07) }
    /// Multicast hash.
    static var mar: WritingRow<Page1> { .init(port: 0x08, count: 8) }
}

/// Ports without a page.
enum Port {
    /// Command register.
    static var cr: Int { 0x00 }
    /// CNTR0 in page 0, MAR5 in page 1: for the probe, which does not know yet what it has before it.
    static var probe: Int { 0x0d }
    /// The board: where remote DMA passes through, and the port whose reading resets.
    static var data: Int { 0x10 }
    static var reset: Int { 0x1f }
    /// Ports of a card.
    static var count: Int { 32 }
    /// What no card at all reads as.
    static var nothing: UInt8 { 0xff }
}

/// A page of the card's memory: 256 bytes.
struct PageNumber: RegisterValue, Equatable {
    var rawValue: UInt8
    init(rawValue: UInt8) { self.rawValue = rawValue }
    init(_ number: UInt8) { rawValue = number }
    /// Of the page's first byte.
    @inline(__always) var address: Int { Int(rawValue) << 8 }
}

/// A tally counter's value.
struct Tally: RegisterValue {
    var rawValue: UInt8
}

/// CR. Exactly one of the remote-DMA commands is always set.
struct Command: OptionSet, RegisterValue {
    let rawValue: UInt8
    static var stop: Command { Command(rawValue: 0x01) }
    static var start: Command { Command(rawValue: 0x02) }
    static var transmit: Command { Command(rawValue: 0x04) }
    static var remoteRead: Command { Command(rawValue: 0x08) }
    static var remoteWrite: Command { Command(rawValue: 0x10) }
    /// "Abort/complete remote DMA".
    static var noDMA: Command { Command(rawValue: 0x20) }
    static var page1: Command { Command(rawValue: 0x40) }
    static var pages: Command { Command(rawValue: 0xc0) }
}

/// ISR and IMR.
struct Interrupt: OptionSet, RegisterValue {
    let rawValue: UInt8
    static var received: Interrupt { Interrupt(rawValue: 0x01) }  // PRX
    static var transmitted: Interrupt { Interrupt(rawValue: 0x02) }  // PTX
    static var receiveError: Interrupt { Interrupt(rawValue: 0x04) }  // RXE
    static var transmitError: Interrupt { Interrupt(rawValue: 0x08) }  // TXE
    static var overwrite: Interrupt { Interrupt(rawValue: 0x10) }  // OVW
    static var counters: Interrupt { Interrupt(rawValue: 0x20) }  // CNT: a tally counter is half full
    static var remoteDMA: Interrupt { Interrupt(rawValue: 0x40) }  // RDC
    static var reset: Interrupt { Interrupt(rawValue: 0x80) }  // RST, ISR only

    static var all: Interrupt { Interrupt(rawValue: 0xff) }
    static var sent: Interrupt { [.transmitted, .transmitError] }
    static var receiving: Interrupt { [.received, .receiveError, .overwrite, .counters] }

    /// Whether one of these bits is set.
    @inline(__always) func has(_ bits: Interrupt) -> Bool { rawValue & bits.rawValue != 0 }
}

/// RCR.
struct ReceiveConfiguration: OptionSet, RegisterValue {
    let rawValue: UInt8
    static var acceptBroadcast: ReceiveConfiguration { ReceiveConfiguration(rawValue: 0x04) }  // AB
    // AM: where the hash says so
    static var acceptMulticast: ReceiveConfiguration { ReceiveConfiguration(rawValue: 0x08) }
    // PRO: all physical addresses
    static var promiscuous: ReceiveConfiguration { ReceiveConfiguration(rawValue: 0x10) }
    // MON: nothing goes into the ring
    static var monitor: ReceiveConfiguration { ReceiveConfiguration(rawValue: 0x20) }
}

/// TCR.
struct TransmitConfiguration: OptionSet, RegisterValue {
    let rawValue: UInt8
    static var loopback: TransmitConfiguration { TransmitConfiguration(rawValue: 0x02) }  // mode 1
}

/// DCR.
struct DataConfiguration: OptionSet, RegisterValue {
    let rawValue: UInt8
    static var wordTransfer: DataConfiguration { DataConfiguration(rawValue: 0x01) }  // WTS
    static var normal: DataConfiguration { DataConfiguration(rawValue: 0x48) }  // LS, FIFO threshold of 8 bytes
}

/// The four bytes that the chip writes into the ring before a frame (section 7): status, page of the next frame, byte
/// count.
struct ReceiveHeader {
    static var byteCount: Int { 4 }
    let word: UInt32

    /// RSR: intact; CRC, alignment, FIFO or missed. DFR, PHY and DIS say nothing bad.
    @inline(__always) var isIntact: Bool { word & 0x1f == 0x01 }
    @inline(__always) var next: PageNumber { PageNumber(UInt8(truncatingIfNeeded: word >> 8)) }
    /// Bytes of frame and check sequence.
    @inline(__always) var count: Int { Int(word >> 16) }
}

/// The multicast filter: 64 bits, one for each value of the upper six bits of an address's CRC-32 (section 8,
/// MAR0–MAR7).
struct MulticastHash: Equatable {
    /// MAR0 in the lowest byte.
    var bits: UInt64 = 0

    /// The CRC as the chip's shift register holds it, most significant bit first.
    static func index(of octet: (Int) -> UInt8) -> UInt64 {
        var crc: UInt32 = 0xffff_ffff
        for i in 0..<6 {
            var byte = UInt32(octet(i))
            for _ in 0..<8 {
                let carry = crc >> 31 ^ byte & 1
                crc = crc << 1 ^ (carry != 0 ? 0x04c1_1db7 : 0)
                byte >>= 1
            }
        }
        return UInt64(crc >> 26)
    }
}
