// VirtIO over PCI (VirtIO 1.2, section 4.1): modern devices, whose registers are found through capabilities, and legacy
// ones (4.1.4.8).
//
// Promise: what the capabilities say is checked against the base addresses they name; a device that offers both is used
// as a modern one unless `preferLegacy` is set. Interrupts are INTx, whose cause the ISR register has, and reading it
// lowers the line; or messages, if MSI-X is on, which say no cause: each pair of a network device's queues has an entry of
// the table, as far as entries were let through, and all else has entry 0.

/// PCI identifiers (section 4.1.2).
public enum VirtIOPCIIdentity {
    public static let vendor: UInt16 = 0x1af4
    static let transitional: ClosedRange<UInt16> = 0x1000...0x103f
    static let modern: ClosedRange<UInt16> = 0x1040...0x107f

    /// What kind of device a function is, `VirtIODeviceType`; nil when it is not VirtIO.
    public static func type(of record: PCIRecord) -> UInt32? {
        guard record.vendorID == vendor else { return nil }
        if modern.contains(record.deviceID) { return UInt32(record.deviceID - 0x1040) }
        // A transitional device says it in its subsystem id.
        return transitional.contains(record.deviceID) ? UInt32(record.subsystemID) : nil
    }
}

public struct VirtIOPCI<Window: RegisterSpace>: VirtIOTransport {
    /// struct virtio_pci_common_cfg, modern.
    enum Common {
        static var deviceFeatureSelect: Int { 0 }
        static var deviceFeature: Int { 4 }
        static var driverFeatureSelect: Int { 8 }
        static var driverFeature: Int { 12 }
        static var configMSIXVector: Int { 16 }
        static var deviceStatus: Int { 20 }
        static var configGeneration: Int { 21 }
        static var queueSelect: Int { 22 }
        static var queueSize: Int { 24 }
        static var queueMSIXVector: Int { 26 }
        static var queueEnable: Int { 28 }
        static var queueNotifyOff: Int { 30 }
        static var queueDesc: Int { 32 }
        static var queueDriver: Int { 40 }
        static var queueDevice: Int { 48 }
        /// Beyond what every device has: there with VIRTIO_F_RING_RESET.
        static var queueReset: Int { 58 }
        static var byteCount: UInt64 { 56 }
        static var resetByteCount: UInt64 { 60 }
    }
    /// The I/O registers of a legacy device.
    enum Legacy {
        static var deviceFeatures: Int { 0 }
        static var guestFeatures: Int { 4 }
        static var queueAddress: Int { 8 }
        static var queueSize: Int { 12 }
        static var queueSelect: Int { 14 }
        static var queueNotify: Int { 16 }
        static var deviceStatus: Int { 18 }
        static var isrStatus: Int { 19 }
        static var config: Int { 20 }
        static var byteCount: UInt64 { 64 }
    }
    /// cfg_type of struct virtio_pci_cap.
    private enum CapabilityType {
        static var common: UInt8 { 1 }
        static var notify: UInt8 { 2 }
        static var isr: UInt8 { 3 }
        static var device: UInt8 { 4 }
    }
    private static var vendorCapability: UInt8 { 0x09 }
    /// Queues whose notification addresses are kept: eight pairs. Those of others are read each time.
    private static var queueLimit: Int { 16 }

    public let deviceType: UInt32
    public let isLegacy: Bool
    /// Modern: the common configuration; legacy: all registers.
    let common: Window
    /// Device-specific configuration.
    let device: Window
    let isr: Window
    let notification: Window
    private var canReset = false
    /// Entries of the table of messages that are let through; 0: interrupts are no messages.
    private let messageCount: Int
    /// Bytes of `notification`, and what queue_notify_off counts (section 4.1.4.4).
    private let notificationByteCount: UInt64
    private let notifyMultiplier: UInt32
    /// By queue, bytes from `notification` on; -1: not known.
    private var notifyOffsets = InlineArray<16, Int32>(repeating: -1)

    /// - Parameter preferLegacy: use a transitional device as a legacy one.
    public init(_ function: PCIFunction<Window>, preferLegacy: Bool = false) throws(VirtIOError) {
        guard let type = VirtIOPCIIdentity.type(of: function.record) else { throw .notVirtIO }
        deviceType = type
        function.enable()
        let hasLegacy = function.record.baseAddresses[0].kind == .io
        if !(preferLegacy && hasLegacy),
            let common = Self.find(CapabilityType.common, in: function, needed: Common.byteCount),
            let isr = Self.find(CapabilityType.isr, in: function, needed: 1),
            let notify = Self.find(CapabilityType.notify, in: function, needed: 2)
        {
            isLegacy = false
            messageCount = PCIMessageTable(function)?.openCount ?? 0
            self.common = common.window
            canReset = common.byteCount >= Common.resetByteCount
            self.isr = isr.window
            notification = notify.window
            notificationByteCount = notify.byteCount
            notifyMultiplier = notify.multiplier
            // A device without configuration of its own may lack this one; nothing is read from it then.
            device = Self.find(CapabilityType.device, in: function, needed: 4)?.window ?? common.window
            for queue in 0..<Self.queueLimit {
                guard queueCapacity(UInt16(queue)) != 0 else { break }
                guard let offset = notifyOffset() else { throw .badConfiguration }
                notifyOffsets[queue] = offset
            }
        } else if hasLegacy,
            let registers = function.window(
                0, needed: min(Legacy.byteCount, function.record.baseAddresses[0].byteCount))
        {
            isLegacy = true
            messageCount = 0
            (notificationByteCount, notifyMultiplier) = (2, 0)
            common = registers
            device = registers.window(at: Legacy.config)
            isr = registers.window(at: Legacy.isrStatus)
            notification = registers.window(at: Legacy.queueNotify)
            notifyOffsets = InlineArray(repeating: 0)
        } else {
            throw .noRegisters
        }
    }

    private struct Part {
        let window: Window
        let byteCount: UInt64
        let multiplier: UInt32
    }

    /// The first usable capability of a type: a device may give several, in its order of preference.
    @inline(never)
    private static func find(_ type: UInt8, in function: PCIFunction<Window>, needed: UInt64) -> Part? {
        var found: Part?
        let space = function.configuration
        function.forEachCapability { id, offset in
            guard id == vendorCapability, space.load8(offset + 3) == type else { return true }
            let start = UInt64(space.load32(offset + 8)), length = UInt64(space.load32(offset + 12))
            guard length >= needed,
                let window = function.window(Int(space.load8(offset + 4)), from: start, needed: length)
            else { return true }
            found = Part(
                window: window, byteCount: length,
                multiplier: type == CapabilityType.notify ? space.load32(offset + 16) : 0)
            return false
        }
        return found
    }

    public var status: UInt32 {
        get { UInt32(common.load8(isLegacy ? Legacy.deviceStatus : Common.deviceStatus)) }
        nonmutating set {
            common.store8(UInt8(truncatingIfNeeded: newValue), isLegacy ? Legacy.deviceStatus : Common.deviceStatus)
        }
    }

    public func readDeviceFeatures() -> UInt64 {
        guard !isLegacy else { return UInt64(common.load32(Legacy.deviceFeatures)) }
        common.store32(0, Common.deviceFeatureSelect)
        let low = common.load32(Common.deviceFeature)
        common.store32(1, Common.deviceFeatureSelect)
        return UInt64(common.load32(Common.deviceFeature)) << 32 | UInt64(low)
    }

    public func writeDriverFeatures(_ features: UInt64) {
        guard !isLegacy else { return common.store32(UInt32(truncatingIfNeeded: features), Legacy.guestFeatures) }
        common.store32(0, Common.driverFeatureSelect)
        common.store32(UInt32(truncatingIfNeeded: features), Common.driverFeature)
        common.store32(1, Common.driverFeatureSelect)
        common.store32(UInt32(truncatingIfNeeded: features >> 32), Common.driverFeature)
    }

    private func select(_ queue: UInt16) { common.store16(queue, isLegacy ? Legacy.queueSelect : Common.queueSelect) }

    public func queueCapacity(_ queue: UInt16) -> UInt32 {
        select(queue)
        // A device ignores the number of a queue that it cannot have (QEMU does).
        guard common.load16(isLegacy ? Legacy.queueSelect : Common.queueSelect) == queue else { return 0 }
        return UInt32(common.load16(isLegacy ? Legacy.queueSize : Common.queueSize))
    }

    public func isQueueInUse(_ queue: UInt16) -> Bool {
        select(queue)
        return isLegacy ? common.load32(Legacy.queueAddress) != 0 : common.load16(Common.queueEnable) != 0
    }

    public func enableQueue(_ queue: UInt16, size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64) -> Bool
    {
        select(queue)
        if isLegacy {
            // The size is fixed by the device.
            guard common.load16(Legacy.queueSize) == size, descriptors & 4095 == 0,
                let page = UInt32(exactly: descriptors / 4096)
            else {
                return false
            }
            common.store32(page, Legacy.queueAddress)
        } else {
            common.store16(size, Common.queueSize)
            if messageCount > 0 {
                // Read back: a device that has no room for them says 0xffff (section 4.1.5.1.2).
                let entry = entry(of: queue)
                common.store16(0, Common.configMSIXVector)
                common.store16(entry, Common.queueMSIXVector)
                guard common.load16(Common.queueMSIXVector) == entry else { return false }
            }
            store(descriptors, Common.queueDesc)
            store(available, Common.queueDriver)
            store(used, Common.queueDevice)
            common.store16(1, Common.queueEnable)
        }
        return true
    }

    public var interruptCount: Int { max(1, messageCount) }

    /// The entry of the table of messages for a queue.
    private func entry(of queue: UInt16) -> UInt16 {
        let pair = deviceType == VirtIODeviceType.network ? queue / 2 : 0
        return pair < UInt16(messageCount) ? pair : 0
    }

    /// 64-bit fields are written as two halves (section 4.1.3.1).
    private func store(_ address: UInt64, _ offset: Int) {
        common.store32(UInt32(truncatingIfNeeded: address), offset)
        common.store32(UInt32(truncatingIfNeeded: address >> 32), offset + 4)
    }

    public func startReset(of queue: UInt16) {
        guard canReset else { return }
        select(queue)
        common.store16(1, Common.queueReset)
    }

    @inline(__always)
    public func notify(_ queue: UInt16) {
        if queue < UInt16(Self.queueLimit), notifyOffsets[Int(queue)] >= 0 {
            notification.store16(queue, Int(notifyOffsets[Int(queue)]))
        } else {
            notifyOther(queue)
        }
    }

    @inline(never)
    private func notifyOther(_ queue: UInt16) {
        select(queue)
        if let offset = notifyOffset() { notification.store16(queue, Int(offset)) }
    }

    /// Where the selected queue is notified, bytes from `notification` on; nil for a place that is not there.
    private func notifyOffset() -> Int32? {
        let offset = UInt64(common.load16(Common.queueNotifyOff)) * UInt64(notifyMultiplier)
        return offset + 2 <= notificationByteCount ? Int32(exactly: offset) : nil
    }

    public var configurationGeneration: UInt32 { isLegacy ? 0 : UInt32(common.load8(Common.configGeneration)) }
    public func configuration8(_ offset: Int) -> UInt8 { device.load8(offset) }
    public func configuration16(_ offset: Int) -> UInt16 { device.load16(offset) }
    public func configuration32(_ offset: Int) -> UInt32 { device.load32(offset) }

    /// Whether a function has the registers of a modern device.
    public static func isModern(_ function: PCIFunction<Window>) -> Bool {
        find(CapabilityType.common, in: function, needed: Common.byteCount) != nil
    }

    /// Reading the ISR register lowers the line. A message says no cause: either may be it.
    @inline(__always)
    public func acknowledgeInterrupt() -> VirtIOInterruptCause {
        if messageCount > 0 { return [.queue, .configuration] }
        return VirtIOInterruptCause(rawValue: UInt32(isr.load8(0)) & 3)
    }
}
