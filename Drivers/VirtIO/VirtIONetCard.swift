// How virtio-net finds its cards: in virtio-mmio slots and on PCI.

import Packets

/// A transport that finds itself in a place.
public protocol PlacedTransport: VirtIOTransport {
    associatedtype Space: RegisterSpace
    /// nil: there is no VirtIO network device.
    init?(networkDeviceAt place: CardPlace<Space>, preferLegacy: Bool) throws(VirtIOError)
}

extension VirtIODevice: PlacedTransport {
    public init?(networkDeviceAt place: CardPlace<Window>, preferLegacy: Bool) throws(VirtIOError) {
        switch place {
        case .slot(let registers):
            let device = try VirtIOMMIO(registers)
            guard device.deviceType == VirtIODeviceType.network else { return nil }
            self = .mmio(device)
        case .function(let function):
            guard VirtIOPCIIdentity.type(of: function.record) == VirtIODeviceType.network else { return nil }
            self = .pci(try VirtIOPCI(function, preferLegacy: preferLegacy))
        case .ports: return nil
        }
    }
}

extension VirtIONet: NetworkCard where Transport: PlacedTransport, Memory: AmbientDMA {
    public typealias Space = Transport.Space

    public static func attach(_ site: CardSite<Space>) throws(CardError) -> VirtIONet? {
        do throws(VirtIOError) {
            let preferLegacy = site.withoutFeatures & VirtIOFeature.version1 != 0
            guard let transport = try Transport(networkDeviceAt: site.place, preferLegacy: preferLegacy) else { return nil }
            return try VirtIONet(
                transport, in: Memory(), pool: site.pool, receiveBuffers: site.receiveBuffers, wanted: Feature.all & ~site.withoutFeatures,
                random: site.random)
        } catch {
            throw CardError(error.message)
        }
    }

    public var driver: CardDriver { CardDriver(letters: (0x76, 0x74), name: "virtio-net") }

    public mutating func takeTrouble() -> StaticString? {
        guard isBroken, !hasReportedTrouble else { return nil }
        hasReportedTrouble = true
        return "the device broke the rules of its queues and is not used any more"
    }
}

/// The names of features in boot arguments, as QEMU has them: `vt-without=csum,event_idx`.
public enum VirtIOFeatureName {
    /// The bits that a name stands for; nil for a name that is none.
    public static func bits(_ name: DeviceTreeBytes) -> UInt64? {
        if name.isText("csum") { return 1 << 0 }
        if name.isText("guest_csum") { return 1 << 1 }
        if name.isText("mtu") { return 1 << 3 }
        if name.isText("mac") { return 1 << 5 }
        if name.isText("mrg_rxbuf") { return 1 << 15 }
        if name.isText("status") { return 1 << 16 }
        if name.isText("ctrl_vq") { return 1 << 17 }
        if name.isText("any_layout") { return VirtIOFeature.anyLayout }
        if name.isText("indirect_desc") { return VirtIOFeature.indirectDescriptors }
        if name.isText("event_idx") { return VirtIOFeature.eventIndex }
        // Not on virtio-mmio, whose version is fixed: there the device is refused.
        if name.isText("version_1") { return VirtIOFeature.version1 }
        return nil
    }
}
