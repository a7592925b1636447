// Records about devices and buses. All of them are plain 64-bit words.

/// Where a device is, in one word: bus in bits 0–3, interrupt source 4–15, first port 16–31, unit 32–63.
public struct DeviceSpot: Sendable, Equatable {
    public enum Bus: UInt8, Sendable { case none, mmio, pci, isa }

    public let word: UInt64

    public init(word: UInt64) { self.word = word }
    public init(bus: Bus, unit: UInt32, port: UInt16, source: UInt16) {
        word = UInt64(bus.rawValue) | UInt64(source & 0xfff) << 4 | UInt64(port) << 16 | UInt64(unit) << 32
    }

    public var bus: Bus { Bus(rawValue: UInt8(word & 15)) ?? .none }
    /// At the interrupt controller; 0: none.
    public var source: UInt16 { UInt16(word >> 4 & 0xfff) }
    /// The first port; 0: it has none.
    public var port: UInt16 { UInt16(truncatingIfNeeded: word >> 16) }
    /// On PCI bus << 8 | device << 3 | function; on MMIO the physical address of the first register, its low 32 bits.
    public var unit: UInt32 { UInt32(truncatingIfNeeded: word >> 32) }
}

/// A PCI function. Fifteen words.
public struct PCIReport: Sendable, BitwiseCopyable {
    /// A base address register.
    public struct Base: Sendable, Equatable {
        /// 0: not there, 1: ports, 2: memory, 3: memory with 64-bit addresses.
        public let kind: UInt8
        public let isPrefetchable: Bool
        /// On the bus; 0: there was no room.
        public let address: UInt64
        public let byteCount: UInt64

        public init(kind: UInt8, isPrefetchable: Bool, address: UInt64, byteCount: UInt64) {
            self.kind = kind
            self.isPrefetchable = isPrefetchable
            self.address = address
            self.byteCount = byteCount
        }
    }

    /// Address in bits 0–15, interrupt source 16–31, pin 32–39 (INTA is 1; 0: messages, or none).
    private var place: UInt64
    /// Vendor in bits 0–15, device 16–31, class 32–55, revision 56–63.
    private var identity: UInt64
    /// Subsystem vendor in bits 0–15, subsystem 16–31; bit 32: left to the ISA attachment.
    public var subsystem: UInt64 = 0
    /// By base address: kind in bits 0–1, prefetchable in bit 2, size in the bits from 8 on; and the address.
    private var bases = [12 of UInt64](repeating: 0)

    public init(
        address: UInt16, vendor: UInt16, device: UInt16, classCode: UInt32, revision: UInt8, pin: UInt8, source: UInt16
    ) {
        place = UInt64(address) | UInt64(source) << 16 | UInt64(pin) << 32
        identity = UInt64(vendor) | UInt64(device) << 16 | UInt64(classCode & 0xff_ffff) << 32 | UInt64(revision) << 56
    }
    public init() { self.init(address: 0, vendor: 0, device: 0, classCode: 0, revision: 0, pin: 0, source: 0) }

    public var bus: UInt8 { UInt8(truncatingIfNeeded: place >> 8) }
    public var device: UInt8 { UInt8(place >> 3 & 31) }
    public var function: UInt8 { UInt8(place & 7) }
    public var source: UInt16 { UInt16(truncatingIfNeeded: place >> 16) }
    public var pin: UInt8 { UInt8(truncatingIfNeeded: place >> 32) }
    public var vendorID: UInt16 { UInt16(truncatingIfNeeded: identity) }
    public var deviceID: UInt16 { UInt16(truncatingIfNeeded: identity >> 16) }
    /// Base class << 16 | subclass << 8 | programming interface.
    public var classCode: UInt32 { UInt32(identity >> 32 & 0xff_ffff) }
    public var revision: UInt8 { UInt8(identity >> 56) }
    public var subsystemVendorID: UInt16 { UInt16(truncatingIfNeeded: subsystem) }
    public var subsystemID: UInt16 { UInt16(truncatingIfNeeded: subsystem >> 16) }
    public var isForISA: Bool { subsystem >> 32 & 1 != 0 }

    /// Base address 0 to 5.
    public subscript(index: Int) -> Base {
        get {
            guard index >= 0, index < 6 else { return Base(kind: 0, isPrefetchable: false, address: 0, byteCount: 0) }
            let word = bases[2 * index]
            return Base(
                kind: UInt8(word & 3), isPrefetchable: word & 4 != 0, address: bases[2 * index + 1],
                byteCount: word >> 8)
        }
        set {
            guard index >= 0, index < 6 else { return }
            bases[2 * index] = UInt64(newValue.kind & 3) | (newValue.isPrefetchable ? 4 : 0) | newValue.byteCount << 8
            bases[2 * index + 1] = newValue.address
        }
    }
}
