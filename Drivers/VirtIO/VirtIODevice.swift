// A VirtIO device on either bus, so that one driver in the kernel serves both.

public enum VirtIODevice<Window: RegisterSpace>: VirtIOTransport {
    case mmio(VirtIOMMIO<Window>)
    case pci(VirtIOPCI<Window>)

    public var deviceType: UInt32 {
        switch self {
        case .mmio(let device): device.deviceType
        case .pci(let device): device.deviceType
        }
    }

    public var interruptCount: Int {
        switch self {
        case .mmio: 1
        case .pci(let device): device.interruptCount
        }
    }

    public var isLegacy: Bool {
        switch self {
        case .mmio(let device): device.isLegacy
        case .pci(let device): device.isLegacy
        }
    }

    public var status: UInt32 {
        @inline(never) get {
            switch self {
            case .mmio(let device): device.status
            case .pci(let device): device.status
            }
        }
        @inline(never) nonmutating set {
            switch self {
            case .mmio(let device): device.status = newValue
            case .pci(let device): device.status = newValue
            }
        }
    }

    @inline(never)
    public func readDeviceFeatures() -> UInt64 {
        switch self {
        case .mmio(let device): device.readDeviceFeatures()
        case .pci(let device): device.readDeviceFeatures()
        }
    }

    @inline(never)
    public func writeDriverFeatures(_ features: UInt64) {
        switch self {
        case .mmio(let device): device.writeDriverFeatures(features)
        case .pci(let device): device.writeDriverFeatures(features)
        }
    }

    @inline(never)
    public func queueCapacity(_ queue: UInt16) -> UInt32 {
        switch self {
        case .mmio(let device): device.queueCapacity(queue)
        case .pci(let device): device.queueCapacity(queue)
        }
    }

    @inline(never)
    public func isQueueInUse(_ queue: UInt16) -> Bool {
        switch self {
        case .mmio(let device): device.isQueueInUse(queue)
        case .pci(let device): device.isQueueInUse(queue)
        }
    }

    @inline(never)
    public func enableQueue(_ queue: UInt16, size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64) -> Bool
    {
        switch self {
        case .mmio(let device):
            device.enableQueue(queue, size: size, descriptors: descriptors, available: available, used: used)
        case .pci(let device):
            device.enableQueue(queue, size: size, descriptors: descriptors, available: available, used: used)
        }
    }

    @inline(never)
    public func startReset(of queue: UInt16) {
        switch self {
        case .mmio(let device): device.startReset(of: queue)
        case .pci(let device): device.startReset(of: queue)
        }
    }

    @inline(__always)
    public func notify(_ queue: UInt16) {
        switch self {
        case .mmio(let device): device.notify(queue)
        case .pci(let device): device.notify(queue)
        }
    }

    /// On the way of every interrupt: called, it would copy the whole transport.
    @inline(__always)
    public func acknowledgeInterrupt() -> VirtIOInterruptCause {
        switch self {
        case .mmio(let device): device.acknowledgeInterrupt()
        case .pci(let device): device.acknowledgeInterrupt()
        }
    }

    public var configurationGeneration: UInt32 {
        switch self {
        case .mmio(let device): device.configurationGeneration
        case .pci(let device): device.configurationGeneration
        }
    }

    @inline(never)
    public func configuration8(_ offset: Int) -> UInt8 {
        switch self {
        case .mmio(let device): device.configuration8(offset)
        case .pci(let device): device.configuration8(offset)
        }
    }

    @inline(never)
    public func configuration16(_ offset: Int) -> UInt16 {
        switch self {
        case .mmio(let device): device.configuration16(offset)
        case .pci(let device): device.configuration16(offset)
        }
    }

    @inline(never)
    public func configuration32(_ offset: Int) -> UInt32 {
        switch self {
        case .mmio(let device): device.configuration32(offset)
        case .pci(let device): device.configuration32(offset)
        }
    }
}
