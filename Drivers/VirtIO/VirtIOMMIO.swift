// VirtIO over memory-mapped registers (VirtIO 1.2, section 4.2): version 2 (modern) and version 1 (legacy, section
// 4.2.4).
//
// Promise: `init` looks at magic and version only; an empty slot or something else there is refused, not touched.

public struct VirtIOMMIO<Window: Registers>: VirtIOTransport {
    let registers: Window
    public let isLegacy: Bool

    /// Register offsets, by the specification's names.
    enum Offset {
        static var magicValue: Int { 0x000 }
        static var version: Int { 0x004 }
        static var deviceID: Int { 0x008 }
        static var deviceFeatures: Int { 0x010 }
        static var deviceFeaturesSel: Int { 0x014 }
        static var driverFeatures: Int { 0x020 }
        static var driverFeaturesSel: Int { 0x024 }
        static var guestPageSize: Int { 0x028 }  // legacy
        static var queueSel: Int { 0x030 }
        static var queueNumMax: Int { 0x034 }
        static var queueNum: Int { 0x038 }
        static var queueAlign: Int { 0x03c }  // legacy
        static var queuePFN: Int { 0x040 }  // legacy
        static var queueReady: Int { 0x044 }
        static var queueNotify: Int { 0x050 }
        static var interruptStatus: Int { 0x060 }
        static var interruptACK: Int { 0x064 }
        static var status: Int { 0x070 }
        static var queueDescLow: Int { 0x080 }
        static var queueDriverLow: Int { 0x090 }
        static var queueDeviceLow: Int { 0x0a0 }
        static var queueReset: Int { 0x0c0 }
        static var configGeneration: Int { 0x0fc }
        static var config: Int { 0x100 }
    }
    static var pageSize: UInt32 { 4096 }

    /// - Parameter registers: the slot's window, 0x200 bytes.
    public init(_ registers: Window) throws(VirtIOError) {
        guard registers.load32(Offset.magicValue) == 0x7472_6976 else { throw .notVirtIO }  // "virt"
        let version = registers.load32(Offset.version)
        guard version == 1 || version == 2 else { throw .unknownVersion }
        guard registers.load32(Offset.deviceID) != 0 else { throw .noDevice }
        self.registers = registers
        isLegacy = version == 1
    }

    public var deviceType: UInt32 { registers.load32(Offset.deviceID) }

    public var status: UInt32 {
        get { registers.load32(Offset.status) }
        nonmutating set { registers.store32(newValue, Offset.status) }
    }

    public func readDeviceFeatures() -> UInt64 {
        registers.store32(0, Offset.deviceFeaturesSel)
        let low = registers.load32(Offset.deviceFeatures)
        guard !isLegacy else { return UInt64(low) }
        registers.store32(1, Offset.deviceFeaturesSel)
        return UInt64(registers.load32(Offset.deviceFeatures)) << 32 | UInt64(low)
    }

    public func writeDriverFeatures(_ features: UInt64) {
        registers.store32(0, Offset.driverFeaturesSel)
        registers.store32(UInt32(truncatingIfNeeded: features), Offset.driverFeatures)
        if isLegacy {
            registers.store32(Self.pageSize, Offset.guestPageSize)
        } else {
            registers.store32(1, Offset.driverFeaturesSel)
            registers.store32(UInt32(truncatingIfNeeded: features >> 32), Offset.driverFeatures)
        }
    }

    public func queueCapacity(_ queue: UInt16) -> UInt32 {
        registers.store32(UInt32(queue), Offset.queueSel)
        return registers.load32(Offset.queueNumMax)
    }

    public func isQueueInUse(_ queue: UInt16) -> Bool {
        registers.store32(UInt32(queue), Offset.queueSel)
        return registers.load32(isLegacy ? Offset.queuePFN : Offset.queueReady) != 0
    }

    public func enableQueue(_ queue: UInt16, size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64) -> Bool
    {
        registers.store32(UInt32(queue), Offset.queueSel)
        registers.store32(UInt32(size), Offset.queueNum)
        if isLegacy {
            let page = descriptors / UInt64(Self.pageSize)
            guard let number = UInt32(exactly: page), page * UInt64(Self.pageSize) == descriptors else { return false }
            registers.store32(Self.pageSize, Offset.queueAlign)
            registers.store32(number, Offset.queuePFN)
        } else {
            store(descriptors, Offset.queueDescLow)
            store(available, Offset.queueDriverLow)
            store(used, Offset.queueDeviceLow)
            registers.store32(1, Offset.queueReady)
        }
        return true
    }

    /// A 64-bit address as its low half and, in the next register, its high half.
    private func store(_ address: UInt64, _ offset: Int) {
        registers.store32(UInt32(truncatingIfNeeded: address), offset)
        registers.store32(UInt32(truncatingIfNeeded: address >> 32), offset + 4)
    }

    public func startReset(of queue: UInt16) {
        registers.store32(UInt32(queue), Offset.queueSel)
        registers.store32(1, Offset.queueReset)
    }

    @inline(__always)
    public func notify(_ queue: UInt16) { registers.store32(UInt32(queue), Offset.queueNotify) }

    public var configurationGeneration: UInt32 { isLegacy ? 0 : registers.load32(Offset.configGeneration) }
    public func configuration8(_ offset: Int) -> UInt8 { registers.load8(Offset.config + offset) }
    public func configuration16(_ offset: Int) -> UInt16 { registers.load16(Offset.config + offset) }
    public func configuration32(_ offset: Int) -> UInt32 { registers.load32(Offset.config + offset) }

    @inline(__always)
    public func acknowledgeInterrupt() -> VirtIOInterruptCause {
        let cause = registers.load32(Offset.interruptStatus)
        if cause != 0 { registers.store32(cause, Offset.interruptACK) }
        return VirtIOInterruptCause(rawValue: cause)
    }
}
