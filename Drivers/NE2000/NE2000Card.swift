// How the NE2000 finds its cards: on PCI by identifier, on ISA by probing the ports that the kernel names.

import Packets

extension NE2000: NetworkCard where Window: RegisterSpace {
    public typealias Space = Window

    public static func attach(_ site: CardSite<Window>) throws(CardError) -> NE2000? {
        do throws(NE2000Error) {
            switch site.place {
            case .slot: return nil
            case .function(let function):
                guard let clone = NE2000PCI.clone(vendor: function.record.vendorID, device: function.record.deviceID)
                else { return nil }
                guard let window = function.window(0, needed: UInt64(Port.count)) else { throw .nothingThere }
                function.enable()
                return try NE2000(window, width: clone.width, pool: site.pool, expectingSignature: false)
            case .ports(let window):
                guard NE2000ISA.probe(window) else { return nil }
                // ISA knows no accesses of 32 bits: the bus would make two of them, of which the second one misses the
                // port.
                return try NE2000(window, width: .word, pool: site.pool)
            }
        } catch {
            throw CardError(error.message)
        }
    }

    public var driver: CardDriver { CardDriver(prefix: "ne", name: "ne2000") }

    /// Raises the interrupt line by a short remote DMA, or lowers it again.
    public mutating func holdInterrupt(_ isRaised: Bool) {
        guard !isBroken else { return }
        if isRaised {
            chip.store(.remoteDMA, Page0.imr)
            chip.startDMA(.remoteRead, chip.memory.transmitPage(0).address, 4)
            _ = chip.takeLong()
        } else {
            _ = chip.finishDMA()
            chip.store(.remoteDMA, Page0.isrClear)
            chip.store([], Page0.imr)
        }
    }
}
