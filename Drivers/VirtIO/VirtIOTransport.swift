// What every VirtIO device offers, whatever bus it sits on, and the start-up that every driver goes through (VirtIO
// 1.2, section 3.1).
//
// Promise: a device that cannot be driven gets the status FAILED and is refused with a reason; nothing here traps or
// waits without a bound.

/// Why a device is not driven.
public enum VirtIOError: Error {
    case notVirtIO, unknownVersion, noDevice, wrongDevice, resetTimedOut, notModern, featuresRefused
    case missingFeature, queueUnavailable, queueInUse, queueTooSmall, queueUnreachable, noMemory, needsReset,
        badConfiguration
    case noRegisters

    public var message: StaticString {
        switch self {
        case .notVirtIO: "no VirtIO magic value at this address"
        case .unknownVersion: "neither a legacy (1) nor a modern (2) VirtIO device"
        case .noDevice: "an empty VirtIO slot"
        case .wrongDevice: "another kind of VirtIO device than this driver drives"
        case .resetTimedOut: "the device did not finish its reset"
        case .notModern: "a modern VirtIO device that does not offer VERSION_1"
        case .featuresRefused: "the device refused our choice of features"
        case .missingFeature: "the device lacks a feature that this driver needs"
        case .queueUnavailable: "the device lacks a queue that this driver needs"
        case .queueInUse: "a queue of the device is in use already"
        case .queueTooSmall: "a queue of the device is too small, or its size is no power of two"
        case .queueUnreachable:
            "queue memory lies where a legacy device cannot reach it, or its queue is larger than this driver's"
        case .noMemory: "no memory for the queues of the device"
        case .needsReset: "the device failed while starting"
        case .badConfiguration: "the device's configuration has an impossible value or keeps changing"
        case .noRegisters: "the device's registers are not where its capabilities or base addresses say"
        }
    }
}

/// Device kinds (section 5).
public enum VirtIODeviceType {
    public static let network: UInt32 = 1
    public static let block: UInt32 = 2
}

/// Bits of the device status field (section 2.1).
public enum VirtIOStatus {
    public static let acknowledge: UInt32 = 1
    public static let driver: UInt32 = 2
    public static let driverOK: UInt32 = 4
    public static let featuresOK: UInt32 = 8
    public static let needsReset: UInt32 = 64
    public static let failed: UInt32 = 128
}

/// Features of every device kind (section 6).
public enum VirtIOFeature {
    public static let anyLayout: UInt64 = 1 << 27
    /// A descriptor may point to a table of descriptors: a chain takes one place in the ring (section 2.7.5.3).
    public static let indirectDescriptors: UInt64 = 1 << 28
    /// Each side names the index at which it wants a notification or interrupt (section 2.7.10).
    public static let eventIndex: UInt64 = 1 << 29
    public static let version1: UInt64 = 1 << 32
    /// The queues are packed (section 2.8); else split.
    public static let ringPacked: UInt64 = 1 << 34
    /// The device uses chains in the order in which it was given them, and may say so of several at once.
    public static let inOrder: UInt64 = 1 << 35
    /// A queue may be reset alone (section 2.6.1).
    public static let ringReset: UInt64 = 1 << 40
    /// Those that say how a queue is worked, whatever the device.
    public static let queueForms = ringPacked | inOrder
}

/// Why a device interrupted (section 4.2.2, InterruptStatus).
public struct VirtIOInterruptCause: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let queue = VirtIOInterruptCause(rawValue: 1)
    public static let configuration = VirtIOInterruptCause(rawValue: 2)
}

/// The register side of a VirtIO device on some bus. One per device, owned by its driver.
public protocol VirtIOTransport {
    /// The cause of the device's interrupt, empty when there is none; lowers its line. Needs no lock.
    func acknowledgeInterrupt() -> VirtIOInterruptCause
    /// The kind of device, `VirtIODeviceType`.
    var deviceType: UInt32 { get }
    /// Interrupts of its own that each pair of a receive and a transmit queue may have; 1: all queues share one.
    var interruptCount: Int { get }
    /// A device of before VirtIO 1.0: contiguous queues by page number, no FEATURES_OK, no VERSION_1.
    var isLegacy: Bool { get }
    /// The device status field; writing 0 resets.
    var status: UInt32 { get nonmutating set }
    func readDeviceFeatures() -> UInt64
    func writeDriverFeatures(_ features: UInt64)

    /// The greatest size of a queue, 0 when there is no such queue.
    func queueCapacity(_ queue: UInt16) -> UInt32
    func isQueueInUse(_ queue: UInt16) -> Bool
    /// Gives the device the addresses of a queue; false when it cannot take them (legacy: beyond 2^44).
    func enableQueue(_ queue: UInt16, size: UInt16, descriptors: UInt64, available: UInt64, used: UInt64) -> Bool
    /// Asks a modern device to let go of one queue's memory, of a device with `ringReset`; done when `isQueueInUse` is
    /// false.
    func startReset(of queue: UInt16)
    func notify(_ queue: UInt16)

    /// Changes whenever the configuration does; constant 0 on a legacy device, which has no such thing.
    var configurationGeneration: UInt32 { get }
    /// Configuration by byte offset; what the device lacks reads as anything.
    func configuration8(_ offset: Int) -> UInt8
    func configuration16(_ offset: Int) -> UInt16
    func configuration32(_ offset: Int) -> UInt32
}

extension VirtIOTransport {
    public var interruptCount: Int { 1 }

    /// Reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK (section 3.1.1, steps 1 to 6). Returns the features both sides
    /// agreed on.
    /// - Parameters:
    ///   - wanted: what the driver can use; VERSION_1 is added here.
    ///   - required: what it cannot do without.
    ///   - choose: leaves out of what both have that which cannot be accepted together.
    public func negotiate(
        _ type: UInt32, wanted: UInt64, required: UInt64 = 0, _ choose: (UInt64) -> UInt64 = { $0 }
    ) throws(VirtIOError) -> UInt64 {
        guard deviceType != 0 else { throw .noDevice }
        guard deviceType == type else { throw .wrongDevice }
        guard reset() else { throw .resetTimedOut }
        status = VirtIOStatus.acknowledge
        status |= VirtIOStatus.driver
        let offered = readDeviceFeatures()
        guard isLegacy || offered & VirtIOFeature.version1 != 0 else { throw refuse(.notModern) }
        let accepted = choose(offered & (wanted | (isLegacy ? 0 : VirtIOFeature.version1)))
        guard accepted & required == required else { throw refuse(.missingFeature) }
        writeDriverFeatures(accepted)
        if !isLegacy {
            status |= VirtIOStatus.featuresOK
            guard status & VirtIOStatus.featuresOK != 0 else { throw refuse(.featuresRefused) }
        }
        return accepted
    }

    /// Makes the device let go of all memory. False when it does not finish.
    @inline(never)
    public func reset() -> Bool {
        status = 0
        // section 4.2.3.1: the reset is done when the status reads 0
        for _ in 0..<100_000 where status == 0 { return true }
        return false
    }

    /// Makes the device let go of one queue's memory. False when it does not.
    @inline(never)
    public func reset(_ queue: UInt16) -> Bool {
        guard !isLegacy, isQueueInUse(queue) else { return false }
        startReset(of: queue)
        for _ in 0..<1000 where !isQueueInUse(queue) { return true }
        return false
    }

    /// Whether the device still works: neither lost (DEVICE_NEEDS_RESET, section 2.1.1) nor reset from elsewhere.
    public var isLive: Bool { status & (VirtIOStatus.driverOK | VirtIOStatus.needsReset) == VirtIOStatus.driverOK }

    /// DRIVER_OK: the device is live from here on (step 8).
    public func goLive() throws(VirtIOError) {
        status |= VirtIOStatus.driverOK
        guard status & (VirtIOStatus.needsReset | VirtIOStatus.failed) == 0 else { throw refuse(.needsReset) }
    }

    /// Sets FAILED in the device status; returns the reason for throwing.
    public func refuse(_ reason: VirtIOError) -> VirtIOError {
        status |= VirtIOStatus.failed
        return reason
    }

    /// Reads several configuration fields as of one moment (section 2.5.1): `read` may run more than once.
    public func consistently<Value>(_ read: (Self) -> Value) throws(VirtIOError) -> Value {
        for _ in 0..<16 {
            let before = configurationGeneration
            let value = read(self)
            if configurationGeneration == before { return value }
        }
        throw refuse(.badConfiguration)
    }
}
