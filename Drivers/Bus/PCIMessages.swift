// Message interrupts of a PCI function (PCI Local Bus 3.0, 6.8.2, MSI-X): a table of addresses and data that the function
// writes there when it interrupts, in place of its pin.

/// One function's table. Its entries can be reached when the function is enabled.
public struct PCIMessageTable<Space: RegisterSpace> {
    static var capabilityID: UInt8 { 0x11 }
    private static var entryByteCount: Int { 16 }
    private static var isEnabled: UInt16 { 1 << 15 }
    private static var isMasked: UInt16 { 1 << 14 }

    private let function: PCIFunction<Space>
    private let control: Int
    private let table: Space
    /// Entries, 1 to 2048.
    public let count: Int

    /// nil for a function without one, or whose table lies outside of its base addresses.
    public init?(_ function: PCIFunction<Space>) {
        var found: Int?
        function.forEachCapability { id, offset in
            if id == Self.capabilityID { found = offset }
            return found == nil
        }
        guard let offset = found, offset <= 0xf4 else { return nil }
        let count = Int(function.configuration.load16(offset + 2) & 0x7ff) + 1
        let place = function.configuration.load32(offset + 4)
        guard
            let table = function.window(
                Int(place & 7), from: UInt64(place & ~7), needed: UInt64(count * Self.entryByteCount))
        else { return nil }
        self.function = function
        control = offset + 2
        self.table = table
        self.count = count
    }

    /// Entries from the first on whose messages are let through; 0: the pin interrupts.
    public var openCount: Int {
        guard function.configuration.load16(control) & Self.isEnabled != 0 else { return 0 }
        var open = 0
        while open < count, table.load32(open * Self.entryByteCount + 12) & 1 == 0 { open += 1 }
        return open
    }

    /// Says where an entry's message goes, and lets it through.
    /// - Parameter index: 0 up to `count`.
    public func set(_ index: Int, address: UInt64, data: UInt32) {
        guard index >= 0, index < count else { return }
        let entry = index * Self.entryByteCount
        table.store32(1, entry + 12)  // masked while it changes
        table.store32(UInt32(truncatingIfNeeded: address), entry)
        table.store32(UInt32(truncatingIfNeeded: address >> 32), entry + 4)
        table.store32(data, entry + 8)
        table.store32(0, entry + 12)
    }

    /// Messages take the pin's place from now on.
    public func turnOn() {
        let word = function.configuration.load16(control)
        function.configuration.store16(word & ~Self.isMasked | Self.isEnabled, control)
    }
}
