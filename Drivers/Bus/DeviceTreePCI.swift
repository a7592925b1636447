// What the device tree says of a PCI host (IEEE 1275 PCI Bus Binding 2.1; Devicetree Specification 0.4, 2.4.3): windows
// and interrupts.

/// A window of a PCI host's `ranges`.
public struct PCIRange {
    public enum Kind { case configuration, io, memory32, memory64 }
    public let kind: Kind
    public let isPrefetchable: Bool
    public let busAddress: UInt64
    public let processorAddress: UInt64
    public let byteCount: UInt64
}

extension DeviceTreeNode {
    /// The windows of a PCI host: number `index`; nil beyond the last.
    public func pciRange(_ index: Int) -> PCIRange? {
        guard let list = self["ranges"], childAddressCells == 3, index >= 0, index < 64 else { return nil }
        let entry = 4 * (3 + addressCells + childSizeCells)
        let start = index * entry
        guard start + entry <= list.count, let high = list.be32(start), let bus = list.number(start + 4, cells: 2),
            let processor = list.number(start + 12, cells: addressCells),
            let size = list.number(start + 12 + 4 * addressCells, cells: childSizeCells)
        else { return nil }
        let kind: PCIRange.Kind =
            switch high >> 24 & 3 {
            case 0: .configuration
            case 1: .io
            case 2: .memory32
            default: .memory64
            }
        return PCIRange(
            kind: kind, isPrefetchable: high & 1 << 30 != 0, busAddress: bus, processorAddress: processor,
            byteCount: size)
    }

    /// Which interrupt controller (a phandle) and which of its sources a function's pin raises: the entry of
    /// `interrupt-map` that fits.
    /// - Parameters:
    ///   - unit: the function's place, device << 11.
    ///   - pin: INTA is 1.
    public func pciInterrupt(unit: UInt32, pin: UInt32) -> (parent: UInt32, number: UInt32)? {
        guard let map = self["interrupt-map"], let mask = self["interrupt-map-mask"], mask.count >= 16,
            let unitMask = mask.be32(0), let pinMask = mask.be32(12)
        else { return nil }
        var offset = 0
        while let entryUnit = map.be32(offset), let entryPin = map.be32(offset + 12),
            let parent = map.be32(offset + 16),
            let controller = tree.node(phandle: parent), let interruptCells = tree.interruptCells(of: parent),
            interruptCells > 0
        {
            let parentAddressCells = Int(min(controller["#address-cells"]?.be32(0) ?? 0, 4))
            let specifier = offset + 20 + 4 * parentAddressCells
            if entryUnit == unit & unitMask, entryPin == pin & pinMask {
                return map.be32(specifier).map { (parent, $0) }
            }
            offset = specifier + 4 * interruptCells
        }
        return nil
    }
}
