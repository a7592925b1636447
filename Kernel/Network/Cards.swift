// Which drivers of network cards there are, and which card is where.

import Drivers
import Machine
import NetStack
import SystemInterface

/// Every driver, in the order in which they are asked: a new kind of card is one line here.
typealias Card =
    CardTable<KernelDMA, VirtIONet<VirtIODevice<MappedRegisters>, SplitQueue<KernelDMA>>,
    CardTable<KernelDMA, NE2000<MappedRegisters>,
    NoCard<MappedRegisters>>>

/// Where a card is, as a user is told.
struct CardSpot {
    let bus: DeviceSpot.Bus
    /// A PCI address, or the address of the slot.
    let unit: UInt32
    /// The first port; 0 for a card without ports.
    var port: UInt16 = 0
    /// At the interrupt controller; 0: none.
    var source: UInt32

    var word: UInt64 { DeviceSpot(bus: bus, unit: unit, port: port, source: UInt16(truncatingIfNeeded: source)).word }
}

/// The interfaces' names and drivers, by number. Filled in at start, read by system calls.
enum CardNames {
    nonisolated(unsafe) private static var names = [4 of UInt64](repeating: 0)
    nonisolated(unsafe) private static var spots = [4 of UInt64](repeating: 0)
    nonisolated(unsafe) private static var drivers = [4 of StaticString](repeating: "")

    /// Names an interface by its driver's letters and how many of them there were before.
    static func add(_ index: Int, _ driver: CardDriver, _ spot: CardSpot) {
        var number: UInt64 = 0
        let letters = UInt64(driver.letters.0) | UInt64(driver.letters.1) << 8
        for other in 0..<index where names[other] & 0xffff == letters { number += 1 }
        names[index] = letters | (0x30 + number) << 16
        spots[index] = spot.word
        drivers[index] = driver.name
    }

    /// The name's bytes, the first one lowest.
    static func name(_ index: Int) -> UInt64 { names[index] }
    static func spot(_ index: Int) -> UInt64 { spots[index] }
    static func driver(_ index: Int) -> StaticString { drivers[index] }
}

extension KernelMessage.StringInterpolation {
    @inline(never)
    mutating func appendInterpolation(_ spot: CardSpot) {
        switch spot.bus {
        case .none: appendLiteral("no bus")
        case .mmio:
            appendLiteral("mmio at ")
            appendInterpolation(hex: UInt64(spot.unit))
        case .pci:
            appendLiteral("pci ")
            appendInterpolation(pci: PCIAddress(rawValue: UInt16(truncatingIfNeeded: spot.unit)))
        case .isa:
            appendLiteral("isa port ")
            appendInterpolation(hex: UInt64(spot.port))
        }
        if spot.source != 0 {
            appendLiteral(", irq ")
            appendInterpolation(spot.source)
        }
    }

    /// As lspci writes it: 00:05.0.
    @inline(never)
    mutating func appendInterpolation(pci address: PCIAddress) {
        appendInterpolation(hexByte: address.bus)
        appendLiteral(":")
        appendInterpolation(hexByte: address.device)
        appendLiteral(".")
        appendInterpolation(UInt32(address.function))
    }

    /// An interface's name.
    @inline(never)
    mutating func appendInterpolation(interface id: InterfaceID) {
        let name = CardNames.name(Int(id.rawValue))
        for i in 0..<8 where name >> UInt64(8 * i) & 0xff != 0 { appendInterpolation(character: UInt8(truncatingIfNeeded: name >> UInt64(8 * i))) }
    }
}
