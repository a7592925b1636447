// Devices on the buses, and their places as text.

public import SystemInterface
import UserMachine

extension System {
    /// Function number `index` on the PCI bus; nil beyond the last.
    public static func pciFunction(_ index: Int) throws(SystemError) -> PCIReport? {
        var report = PCIReport()
        let count = try withAddress(of: &report) { ecall(.pciFunction, word(Int32(truncatingIfNeeded: index)), $0) }
            .checked()
        return index < count ? report : nil
    }
}

extension InterfaceReport {
    /// Driver and place of the card: "virtio-net on pci 00:04.0, irq 36"; nil for the loopback.
    public var deviceText: Text? {
        let spot = DeviceSpot(word: spot)
        guard spot.bus != .none else { return nil }
        var text = Text()
        text.append(packed: driver0)
        text.append(packed: driver8)
        let unit = UInt64(spot.unit)
        switch spot.bus {
        case .none: break
        case .mmio: text = "\(text) on mmio at \(hex: unit)"
        case .pci: text = "\(text) on pci \(hex: unit >> 8, digits: 2):\(hex: unit >> 3 & 31, digits: 2).\(unit & 7)"
        case .isa: text = "\(text) on isa"
        }
        if spot.port != 0 { text = "\(text), ports \(hex: UInt64(spot.port))" }
        return spot.source == 0 ? text : "\(text), irq \(UInt64(spot.source))"
    }
}
