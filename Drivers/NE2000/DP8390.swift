// Names and numbers of the DP8390 network interface controller and its descendants (DS8390, RTL8019, RTL8029), as the NE2000 wires it up.
//
// Names are the datasheet's (National Semiconductor, "DP8390D/NS32490D NIC Network Interface Controller", section 10, Internal Registers).
// Sixteen ports are the chip's, in three pages that CR selects; the board adds the data port and the reset port.

/// Ports of page 0 and of the board, by offset in the card's window of 32.
enum Port {
    /// Command register, in every page.
    static var cr: Int { 0x00 }
    /// Receive ring: first page, and the page after the last. Write.
    static var pstart: Int { 0x01 }
    static var pstop: Int { 0x02 }
    /// Boundary: the chip writes no further than this page.
    static var bnry: Int { 0x03 }
    /// Transmit page and byte count. Write.
    static var tpsr: Int { 0x04 }
    static var tbcr0: Int { 0x05 }
    static var tbcr1: Int { 0x06 }
    /// Transmit status. Read.
    static var tsr: Int { 0x04 }
    /// Interrupt status; ones written clear.
    static var isr: Int { 0x07 }
    /// Remote DMA: start address and byte count. Write.
    static var rsar0: Int { 0x08 }
    static var rsar1: Int { 0x09 }
    static var rbcr0: Int { 0x0a }
    static var rbcr1: Int { 0x0b }
    /// Receive, transmit and data configuration, interrupt mask. Write.
    static var rcr: Int { 0x0c }
    static var tcr: Int { 0x0d }
    static var dcr: Int { 0x0e }
    static var imr: Int { 0x0f }
    /// Tally counters: frame alignment errors, CRC errors, missed frames. Read, which clears.
    static var cntr0: Int { 0x0d }
    static var cntr1: Int { 0x0e }
    static var cntr2: Int { 0x0f }
    /// Page 1: physical address, current page, multicast hash.
    static var par0: Int { 0x01 }
    static var curr: Int { 0x07 }
    static var mar0: Int { 0x08 }
    /// The board: where remote DMA passes through, and the port whose reading resets.
    static var data: Int { 0x10 }
    static var reset: Int { 0x1f }
}

/// Bits of CR. Exactly one of the remote-DMA commands is always set.
enum Command {
    static var stop: UInt8 { 0x01 }
    static var start: UInt8 { 0x02 }
    static var transmit: UInt8 { 0x04 }
    static var remoteRead: UInt8 { 0x08 }
    static var remoteWrite: UInt8 { 0x10 }
    /// "Abort/complete remote DMA".
    static var noDMA: UInt8 { 0x20 }
    static var page1: UInt8 { 0x40 }
    static var pages: UInt8 { 0xc0 }
}

/// Bits of ISR and IMR.
enum Interrupt {
    static var received: UInt8 { 0x01 }  // PRX
    static var transmitted: UInt8 { 0x02 }  // PTX
    static var receiveError: UInt8 { 0x04 }  // RXE
    static var transmitError: UInt8 { 0x08 }  // TXE
    static var overwrite: UInt8 { 0x10 }  // OVW
    static var counters: UInt8 { 0x20 }  // CNT: a tally counter is half full
    static var remoteDMA: UInt8 { 0x40 }  // RDC
    static var reset: UInt8 { 0x80 }  // RST, ISR only

    static var sent: UInt8 { transmitted | transmitError }
    static var receiving: UInt8 { received | receiveError | overwrite | counters }
}

/// Bits of RCR, TCR and DCR, and of the status bytes.
enum Setting {
    static var acceptBroadcast: UInt8 { 0x04 }  // RCR.AB
    static var acceptMulticast: UInt8 { 0x08 }  // RCR.AM: where the hash says so
    static var promiscuous: UInt8 { 0x10 }  // RCR.PRO: all physical addresses
    static var monitor: UInt8 { 0x20 }  // RCR.MON: nothing goes into the ring
    static var loopback: UInt8 { 0x02 }  // TCR: mode 1
    static var wordTransfer: UInt8 { 0x01 }  // DCR.WTS
    static var normal: UInt8 { 0x48 }  // DCR.LS, FIFO threshold of 8 bytes
    /// TSR.ABT, given up after sixteen collisions; the other errors: carrier lost, FIFO underrun, no heartbeat, late collision.
    static var aborted: UInt8 { 0x08 }
    /// Of the status byte before a received frame: intact; CRC, alignment, FIFO or missed. DFR, PHY and DIS say nothing bad.
    static var intact: UInt8 { 0x01 }
    static var intactMask: UInt8 { 0x1f }
}

/// The multicast filter: 64 bits, one for each value of the upper six bits of an address's CRC-32 (section 8, MAR0–MAR7).
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
