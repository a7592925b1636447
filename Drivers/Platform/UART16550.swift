// The 16550 serial port (National Semiconductor PC16550D datasheet, section 8, "Registers"), as a driver generic over
// its registers. It moves bytes and knows nothing of lines or readers. Registers are one byte wide; their distance is
// the device tree's reg-shift.

/// Register numbers (datasheet, table II); some share a number, by direction.
private enum Register {
    static let receiverBuffer = 0
    static let transmitterHolding = 0
    static let interruptEnable = 1
    static let interruptIdentification = 2
    static let fifoControl = 2
    static let lineControl = 3
    static let modemControl = 4
    static let lineStatus = 5
}

/// Bits of the registers above.
private enum Bit {
    static let receivedDataAvailable: UInt8 = 1 << 0  // IER
    static let transmitterHoldingEmpty: UInt8 = 1 << 1  // IER
    static let fifoEnable: UInt8 = 0x01  // FCR
    static let fifoReset: UInt8 = 0x06  // FCR: both
    static let fifosAreEnabled: UInt8 = 0xc0  // IIR
    static let eightBits: UInt8 = 0x03  // LCR: 8 bits, no parity, one stop bit
    static let terminalReadyRequestOut2: UInt8 = 0x0b  // MCR: DTR, RTS, OUT2 (lets the interrupt through)
    static let dataReady: UInt8 = 1 << 0  // LSR
    static let holdingEmpty: UInt8 = 1 << 5  // LSR
}

/// One serial port.
public struct UART16550<Window: Registers> {
    private let registers: Window
    private let shift: Int

    /// How many bytes the transmit FIFO takes once it is empty.
    public static var fifoDepth: Int { 16 }

    /// Takes the port over: 8N1, FIFOs on, interrupts off. The speed is left as firmware set it, and so is what was
    /// received, if firmware had the FIFOs on.
    public init(_ registers: Window, registerShift: Int = 0) {
        self.registers = registers
        shift = registerShift
        store(0, Register.interruptEnable)
        store(Bit.eightBits, Register.lineControl)
        let areOn = load(Register.interruptIdentification) & Bit.fifosAreEnabled == Bit.fifosAreEnabled
        store(areOn ? Bit.fifoEnable : Bit.fifoEnable | Bit.fifoReset, Register.fifoControl)
        store(Bit.terminalReadyRequestOut2, Register.modemControl)
    }

    private func load(_ register: Int) -> UInt8 { registers.load8(register << shift) }
    private func store(_ value: UInt8, _ register: Int) { registers.store8(value, register << shift) }

    /// The oldest byte received; nil if there is none.
    public func receive() -> UInt8? {
        load(Register.lineStatus) & Bit.dataReady != 0 ? load(Register.receiverBuffer) : nil
    }

    /// Whether the transmit FIFO is empty: then `fifoDepth` bytes may be sent without asking again.
    public var canTransmit: Bool { load(Register.lineStatus) & Bit.holdingEmpty != 0 }

    /// Hands a byte to the transmitter, which has room (see `canTransmit`).
    public func transmit(_ byte: UInt8) { store(byte, Register.transmitterHolding) }

    /// Chooses what interrupts: a byte received, if there is a place for it; an empty transmitter, if there is more to
    /// send.
    public func enableInterrupts(receiver: Bool, transmitter: Bool) {
        store(
            (receiver ? Bit.receivedDataAvailable : 0) | (transmitter ? Bit.transmitterHoldingEmpty : 0),
            Register.interruptEnable)
    }
}
