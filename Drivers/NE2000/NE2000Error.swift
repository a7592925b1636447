// Errors of an NE2000: why a card is not driven, which faults it recovers from, and how often they came.

/// Why a card is not driven.
public enum NE2000Error: Error {
    case nothingThere, resetTimedOut, dmaTimedOut, noSignature, badAddress, badMemory

    public var message: StaticString {
        switch self {
        case .nothingThere:
            "nothing answers at these ports: look at the card's port setting, or its PCI base address and command register"
        case .resetTimedOut: "the card did not finish its reset: it is no NE2000, or other ports overlap its 32"
        case .dmaTimedOut: "remote DMA did not finish: try the card at a smaller width"
        case .noSignature: "no NE2000: its address PROM lacks the signature 0x57"
        case .badAddress: "the card's address PROM holds no station address"
        case .badMemory: "the card's memory does not keep what is written: try it at a smaller width"
        }
    }
}

/// Why the driver reset the card, or gave it up; and that it is back.
enum NE2000Fault {
    case transmitter, remoteDMA, ring, current, status, stopped
    case broken, back

    var message: StaticString {
        switch self {
        case .transmitter: "the transmitter did not finish: card reset"
        case .remoteDMA: "remote DMA did not finish: card reset"
        case .ring: "the receive ring held an impossible header twice in a row: card reset"
        case .current: "CURR pointed outside the receive ring: card reset"
        case .status: "the interrupt status did not clear: card reset"
        case .stopped: "the card had stopped by itself: card reset"
        case .broken: "the card fails again and again: it is left alone, and tried again in 10 s, then ever less often"
        case .back: "the card was reset and works again"
        }
    }
}

/// Counted faults. Frames that the card itself dropped stand in its tally counters, the last three.
public struct NE2000Counters {
    /// Impossible headers in the receive ring; the rest of the ring was dropped each time.
    public var badHeaders: UInt64 = 0
    /// Frames that the card took in damaged.
    public var badFrames: UInt64 = 0
    /// Frames of a length that Ethernet does not have.
    public var badLengths: UInt64 = 0
    /// Times that frames had to wait in the card because the pool was empty.
    public var emptyPool: UInt64 = 0
    /// Times the card's ring overflowed.
    public var overflows: UInt64 = 0
    /// Frames that the card could not send: collisions, no carrier, FIFO underrun.
    public var transmitErrors: UInt64 = 0
    /// Frames given back because both transmit buffers were busy.
    public var transmitBusy: UInt64 = 0
    /// Frames that were in the card when it was reset, not sent.
    public var transmitLost: UInt64 = 0
    public var transmitTimeouts: UInt64 = 0
    public var dmaTimeouts: UInt64 = 0
    public var resets: UInt64 = 0
    /// Times that a card which was given up was brought back.
    public var restarts: UInt64 = 0
    /// CNTR0: frames with alignment errors.
    public var alignmentErrors: UInt64 = 0
    /// CNTR1: frames with CRC errors.
    public var crcErrors: UInt64 = 0
    /// CNTR2: frames that found no room in the ring.
    public var missed: UInt64 = 0

    public init() {}
}
