// Functions on PCI that interrupt by messages (MSI-X), where harts have interrupt files: which function has which number,
// and where its messages go.

import Drivers
import Machine
import Storage

enum MessageInterrupts {
    /// In the order of their numbers, from the first on.
    private static let tables = BootTable<PCIMessageTable<MappedRegisters>?>()
    private static let first = BootValue<UInt32>()
    /// The physical address of the first interrupt file, and bytes from one to the next.
    private static let files = BootValue<(address: UInt64, step: UInt64)>()

    /// Notes where the interrupt files are. Once, during start-up.
    /// - Parameters:
    ///   - address: of the file of the hart that the device tree names first.
    ///   - step: bytes from one hart's file to the next.
    static func start(address: UInt64, step: UInt64) {
        tables.start(PCIBus.limit) { _ in nil }
        files.start((address, step))
    }

    /// Makes a function interrupt by messages, to the boot hart; nil where that cannot be.
    /// - Returns: the source.
    static func turnOn(_ function: PCIFunction<MappedRegisters>) -> UInt32? {
        guard files.isSet, let table = PCIMessageTable(function),
            let (number, file) = InterruptController.addMessage()
        else { return nil }
        if !first.isSet { first.start(number) }
        guard number - first.value < UInt32(PCIBus.limit) else { return nil }
        tables[Int(number - first.value)] = table
        send(number, to: file)
        table.turnOn()
        return number
    }

    /// Sends a function's messages to a hart from now on.
    /// - Parameter file: of its interrupt file, the hart's context.
    static func send(_ number: UInt32, to file: Int) {
        guard first.isSet, number >= first.value, number - first.value < UInt32(PCIBus.limit),
            let table = tables[Int(number - first.value)]
        else { return }
        table.set(0, address: files.value.address + UInt64(file) * files.value.step, data: number)
    }
}
