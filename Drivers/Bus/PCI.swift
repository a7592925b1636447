// PCI functions (PCI Local Bus 3.0, chapter 6): the configuration space of one, what it says, its base addresses and
// capabilities.
//
// Promise: configuration space says what it likes; sizes, offsets and lists in it are checked, and a list that runs in
// a circle ends.

/// Where a function is.
public struct PCIAddress: Equatable, Sendable {
    /// bus << 8 | device << 3 | function.
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public init(bus: UInt8, device: UInt8, function: UInt8) {
        rawValue = UInt16(bus) << 8 | UInt16(device & 31) << 3 | UInt16(function & 7)
    }

    public var bus: UInt8 { UInt8(rawValue >> 8) }
    public var device: UInt8 { UInt8(rawValue >> 3 & 31) }
    public var function: UInt8 { UInt8(rawValue & 7) }
    /// Of its 4 KiB in ECAM (PCI Express 3.0, 7.2.2), from bus 0 on.
    var configurationOffset: Int { Int(rawValue) << 12 }
}

/// Bytes of the configuration header, by the specification's names.
enum PCIHeader {
    static var vendorID: Int { 0x00 }
    static var deviceID: Int { 0x02 }
    static var command: Int { 0x04 }
    static var status: Int { 0x06 }
    static var revisionID: Int { 0x08 }
    static var headerType: Int { 0x0e }
    static var baseAddress0: Int { 0x10 }
    static var subsystemVendorID: Int { 0x2c }
    static var capabilitiesPointer: Int { 0x34 }
    static var interruptLine: Int { 0x3c }
    static var interruptPin: Int { 0x3d }
    // Of bridges (PCI-to-PCI Bridge 1.2, 3.2).
    static var primaryBus: Int { 0x18 }
    static var secondaryBus: Int { 0x19 }
    static var subordinateBus: Int { 0x1a }
    static var ioBase: Int { 0x1c }
    static var ioLimit: Int { 0x1d }
    static var memoryBase: Int { 0x20 }
    static var memoryLimit: Int { 0x22 }
    static var prefetchableBase: Int { 0x24 }
    static var prefetchableLimit: Int { 0x26 }
    static var ioBaseUpper: Int { 0x30 }
    static var ioLimitUpper: Int { 0x32 }
}

/// Bits of the command register.
enum PCICommand {
    static var io: UInt16 { 1 }
    static var memory: UInt16 { 2 }
    static var busMaster: UInt16 { 4 }
    static var interruptDisable: UInt16 { 1 << 10 }
}

/// Bits of the status register.
enum PCIStatus {
    static var interrupt: UInt16 { 1 << 3 }
    static var capabilities: UInt16 { 1 << 4 }
}

/// One base address register, after its place was assigned.
public struct PCIBaseAddress: Equatable, Sendable {
    public enum Kind: UInt8, Sendable { case none, io, memory32, memory64 }
    public var kind = Kind.none
    public var isPrefetchable = false
    /// On the bus. 0: there was no room.
    public var address: UInt64 = 0
    public var byteCount: UInt64 = 0

    public init() {}
}

/// What a function said of itself when the bus was scanned, and what it was given.
public struct PCIRecord: Sendable {
    public let address: PCIAddress
    public let vendorID: UInt16
    public let deviceID: UInt16
    /// Base class << 16 | subclass << 8 | programming interface.
    public let classCode: UInt32
    public let revisionID: UInt8
    public let subsystemVendorID: UInt16
    public let subsystemID: UInt16
    public let isBridge: Bool
    /// INTA is 1; 0: it has none that interrupts.
    public var interruptPin: UInt8
    /// The device on the root bus whose pin it is in the end: itself, or a bridge; and by how much bridges turn its
    /// pin.
    var rootDevice: UInt8
    var interruptTurn: UInt8
    /// At the interrupt controller; 0: none. The kernel fills it in.
    public var interruptSource: UInt32 = 0
    /// The ISA attachment has it: no PCI driver takes it.
    public var isForISA = false
    public var baseAddresses = InlineArray<6, PCIBaseAddress>(repeating: PCIBaseAddress())

    /// What the interrupt map of the root is asked for: its unit address (device << 11) and the pin, INTA being 1. nil:
    /// no interrupt.
    public var interruptAtRoot: (unit: UInt32, pin: UInt32)? {
        interruptPin == 0 ? nil : (UInt32(rootDevice) << 11, (UInt32(interruptPin) - 1 + UInt32(interruptTurn)) % 4 + 1)
    }
}

/// A function to be driven: its record, its configuration space, and the windows that its base addresses lie in.
public struct PCIFunction<Space: RegisterSpace> {
    public let record: PCIRecord
    /// 4 KiB; the first 256 bytes on a bus that is not PCI Express.
    public let configuration: Space
    let ports: PCIWindow<Space>?
    let memory: PCIWindow<Space>?

    /// The registers behind a base address, as far as the processor reaches them: at least `needed` bytes from `offset`
    /// on.
    @inline(never)
    public func window(_ index: Int, from offset: UInt64 = 0, needed: UInt64) -> Space? {
        guard index >= 0, index < 6 else { return nil }
        let base = record.baseAddresses[index]
        guard base.address != 0, offset <= base.byteCount, needed <= base.byteCount - offset else { return nil }
        let window = base.kind == .io ? ports : memory
        return window?.registers(at: base.address + offset, byteCount: needed)
    }

    /// Lets the function answer and reach memory.
    public func enable() {
        let command = configuration.load16(PCIHeader.command) & ~PCICommand.interruptDisable
        configuration.store16(command | PCICommand.io | PCICommand.memory | PCICommand.busMaster, PCIHeader.command)
    }

    /// Calls `body` with id and offset of each capability (chapter 6.7), until it returns false.
    @inline(never)
    public func forEachCapability(_ body: (UInt8, Int) -> Bool) {
        guard configuration.load16(PCIHeader.status) & PCIStatus.capabilities != 0 else { return }
        var offset = Int(configuration.load8(PCIHeader.capabilitiesPointer) & ~3)
        var left = 48  // as many as fit: a list that runs in a circle ends here
        while offset >= 0x40, left > 0 {
            guard body(configuration.load8(offset), offset) else { return }
            offset = Int(configuration.load8(offset + 1) & ~3)
            left -= 1
        }
    }
}

/// A part of the processor's address space that reaches the bus.
public struct PCIWindow<Space: RegisterSpace> {
    let registers: Space
    /// Bus address of its first byte.
    public let base: UInt64
    public let byteCount: UInt64
    /// Where the next free byte is, from `base` on.
    var next: UInt64

    /// - Parameter reserved: bytes at the start that nothing is placed in.
    public init(_ registers: Space, base: UInt64, byteCount: UInt64, reserved: UInt64 = 0) {
        self.registers = registers
        self.base = base
        self.byteCount = byteCount
        // Bus address 0 means: none.
        next = base == 0 ? max(reserved, 1) : reserved
    }

    func registers(at address: UInt64, byteCount count: UInt64) -> Space? {
        guard address >= base, address - base <= byteCount, count <= byteCount - (address - base) else { return nil }
        return registers.window(at: Int(address - base))
    }

    /// Takes `count` bytes, a power of two, aligned to themselves; nil when there are not so many.
    @inline(never)
    mutating func allocate(_ count: UInt64) -> UInt64? {
        guard align(to: count), count <= byteCount - next else { return nil }
        defer { next += count }
        return base + next
    }

    /// Moves on to a multiple of `alignment`, a power of two, on the bus.
    @inline(never) @discardableResult
    mutating func align(to alignment: UInt64) -> Bool {
        let (sum, overflow) = (base + next).addingReportingOverflow(alignment - 1)
        let aligned = sum & ~(alignment - 1)
        guard !overflow, aligned - base <= byteCount else { return false }
        next = aligned - base
        return true
    }
}
