// How virtio-net finds its cards: in virtio-mmio slots and on PCI.

import Packets

/// A transport that can be made of a place.
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

extension VirtIONet: NetworkCard where Transport: PlacedTransport, Queue: ~Copyable, Queue.Memory: AmbientDMA {
    public typealias Space = Transport.Space

    public static func attach(_ site: CardSite<Space>) throws(CardError) -> VirtIONet? {
        do throws(VirtIOError) {
            let preferLegacy = site.withoutFeatures & VirtIOFeature.version1 != 0
            guard let transport = try Transport(networkDeviceAt: site.place, preferLegacy: preferLegacy) else {
                return nil
            }
            return try VirtIONet(
                transport, in: Queue.Memory(), pool: site.pool, receiveBuffers: site.receiveBuffers,
                wanted: VirtIONetFeature.all & ~site.withoutFeatures,
                mostPairs: min(transport.interruptCount, site.processors), random: site.random)
        } catch {
            throw CardError(error.message)
        }
    }

    public var driver: CardDriver { CardDriver(prefix: "vt", name: "virtio-net") }

    public mutating func takeFaultMessage() -> StaticString? {
        defer { recovery.message = nil }
        return recovery.message
    }
}
