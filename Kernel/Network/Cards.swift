// Which drivers of network cards there are, and which card is where.

import Drivers
import Machine
import NetStack
import Storage
import SystemInterface

/// Every driver, in the order in which they look at a place: a new kind of card is one line here.
typealias Card =
    CardTable<
        KernelDMA, VirtIONet<VirtIODevice<MappedRegisters>, AnyQueue<KernelDMA>>,
        CardTable<
            KernelDMA, NE2000<MappedRegisters>,
            CardTable<
                KernelDMA, SharedMemoryCard<MappedRegisters, KernelDMA>,
                NoCard<MappedRegisters>
            >
        >
    >

/// Where a card is, as programs and messages name it.
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

/// The cards' names, places and drivers, by interface number. Filled in at start, read by system calls.
enum CardNames {
    private struct Entry {
        /// The name's bytes, the first one lowest.
        var name: UInt64 = 0
        var spot: UInt64 = 0
        var driver: StaticString = ""
    }

    private static let entries = BootTable<Entry>()

    /// Makes the table. Once, during start-up.
    static func start() { entries.start(StackLimit.cards) { _ in Entry() } }

    /// Names an interface by its driver's prefix and how many with it there were before.
    static func add(_ index: Int, _ driver: CardDriver, _ spot: CardSpot) {
        var number: UInt64 = 0
        var prefix: UInt64 = 0
        let count = min(6, driver.prefix.utf8CodeUnitCount)
        // within its own length
        for i in 0..<count { prefix |= UInt64(unsafe driver.prefix.utf8Start[i]) << UInt64(8 * i) }
        let shift = UInt64(8 * count)
        for other in 0..<index where entries[other].name & (1 << shift - 1) == prefix { number += 1 }
        entries[index] = Entry(name: prefix | (0x30 + number) << shift, spot: spot.word, driver: driver.name)
    }

    /// The name's bytes, the first one lowest.
    static func name(_ index: Int) -> UInt64 { index < entries.count ? entries[index].name : 0 }
    static func spot(_ index: Int) -> UInt64 { entries[index].spot }
    static func driver(_ index: Int) -> StaticString { entries[index].driver }
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
        for i in 0..<8 where name >> UInt64(8 * i) & 0xff != 0 {
            appendInterpolation(character: UInt8(truncatingIfNeeded: name >> UInt64(8 * i)))
        }
    }
}
