// Interrupts of network cards, which wait for the network thread to silence their card. The handler touches no card:
// registers of old cards cannot be used by an interrupt handler and a thread at once.
//
// Meanwhile the source stays claimed. One that is the disk's too does not: there a switch in the card's configuration
// space lowers the line.

import Drivers
import Machine
import Storage
import Synchronization

enum CardInterrupts {
    /// Bit i: the source of interface i is claimed.
    private static let claimed = Atomic<UInt32>(0)
    /// Bit i: the pin of interface i is off.
    private static let silenced = Atomic<UInt32>(0)
    /// By interface, and source 0 for none.
    private static let sources: [4 of Atomic<UInt32>] = [Atomic(0), Atomic(0), Atomic(0), Atomic(0)]
    /// By interface: the pin of a card on PCI.
    private static let pins: [4 of BootValue<PCIInterruptPin<MappedRegisters>>] = [
        BootValue(), BootValue(), BootValue(), BootValue(),
    ]

    /// Notes where an interface's card interrupts. Once for each, during start-up.
    static func add(_ interface: Int, _ place: CardPlace<MappedRegisters>, source: UInt32) {
        sources[interface].store(source, ordering: .relaxed)
        if case .function(let function) = place, let pin = PCIInterruptPin(function) { pins[interface].start(pin) }
    }

    /// Serves a source of these interfaces' cards. It stays claimed until the network thread has looked at them.
    static func serve(_ interfaces: UInt32) {
        claimed.bitwiseOr(1 << UInt32(interfaces.trailingZeroBitCount), ordering: .relaxed)
        Network.wakeThread()
    }

    /// Serves a source that these interfaces' cards share with the disk: switches the pins off that are raised, until
    /// the network thread has looked at their cards; or all, if no device says that it interrupts.
    /// - Returns: false, and nothing was done, if a card has no such switch.
    static func serveShared(_ interfaces: UInt32, diskInterrupts: Bool) -> Bool {
        var raised: UInt32 = 0
        for index in 0..<4 where interfaces >> UInt32(index) & 1 != 0 {
            guard let pin = pins[index].ref else { return false }
            if pin.value.isRaised { raised |= 1 << UInt32(index) }
        }
        if raised == 0 {
            if diskInterrupts { return true }
            raised = interfaces
        }
        for index in 0..<4 where raised >> UInt32(index) & 1 != 0 { pins[index].value.isOff = true }
        silenced.bitwiseOr(raised, ordering: .relaxed)
        Network.wakeThread()
        return true
    }

    /// Lets cards interrupt again: they were looked at.
    static func completeAll() {
        if claimed.load(ordering: .relaxed) | silenced.load(ordering: .relaxed) == 0 { return }
        var bits = claimed.exchange(0, ordering: .relaxed)
        while bits != 0 {
            InterruptController.complete(sources[bits.trailingZeroBitCount].load(ordering: .relaxed))
            bits &= bits - 1
        }
        bits = silenced.exchange(0, ordering: .relaxed)
        while bits != 0 {
            pins[bits.trailingZeroBitCount].value.isOff = false
            bits &= bits - 1
        }
    }
}
