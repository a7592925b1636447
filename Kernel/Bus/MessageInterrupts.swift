// Functions on PCI that interrupt by messages (MSI-X), where harts have interrupt files: which function has which number,
// and where its messages go.

import Drivers
import Machine
import Storage

/// An entry of a function's table of messages.
private struct Message {
    let table: PCIMessageTable<MappedRegisters>
    let entry: Int
    /// Of the function.
    let count: Int
}

enum MessageInterrupts {
    /// Of all functions together.
    private static let most = 64
    /// In the order of their numbers, from the first on.
    private static let messages = BootTable<Message?>()
    private static let first = BootValue<UInt32>()
    /// The physical address of the first interrupt file, and bytes from one to the next.
    private static let files = BootValue<(address: UInt64, step: UInt64)>()

    /// Notes where the interrupt files are. Once, during start-up.
    /// - Parameters:
    ///   - address: of the file of the hart that the device tree names first.
    ///   - step: bytes from one hart's file to the next.
    static func start(address: UInt64, step: UInt64) {
        messages.start(most) { _ in nil }
        files.start((address, step))
    }

    /// Makes a function interrupt by messages, to the boot hart; nil where that cannot be.
    /// - Parameter wanted: entries of its table to be used, where it has as many and they are to be had: at least one.
    /// - Returns: their sources, one after the other.
    static func turnOn(_ function: PCIFunction<MappedRegisters>, entries wanted: Int) -> Range<UInt32>? {
        guard files.isSet, let table = PCIMessageTable(function) else { return nil }
        let count = min(wanted, table.count)
        guard let (numbers, file) = InterruptController.addMessages(count, most: most) else { return nil }
        function.enable()  // before the table is written, which lies in a region of the function's memory
        if !first.isSet { first.start(numbers.lowerBound) }
        for number in numbers {
            messages[Int(number - first.value)] = Message(
                table: table, entry: Int(number - numbers.lowerBound), count: numbers.count)
            send(number, to: file)
        }
        table.turnOn()
        return numbers
    }

    private static func message(_ number: UInt32) -> Message? {
        guard first.isSet, number >= first.value, number - first.value < UInt32(messages.count) else { return nil }
        return messages[Int(number - first.value)]
    }

    /// Of a function with several messages: which of them a source is, from 0 on.
    static func entry(_ number: UInt32) -> Int? {
        guard let message = message(number), message.count > 1 else { return nil }
        return message.entry
    }

    /// The sources of the function whose first one this is; of one that is no message itself alone.
    static func sources(from source: UInt32) -> Range<UInt32> {
        source..<source + UInt32(message(source)?.count ?? 1)
    }

    /// Sends a function's message to a hart from now on.
    /// - Parameter file: of its interrupt file, the hart's context.
    static func send(_ number: UInt32, to file: Int) {
        guard let message = message(number) else { return }
        message.table.set(
            message.entry, address: files.value.address + UInt64(file) * files.value.step, data: number)
    }
}
