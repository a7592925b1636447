// The interrupt pin of a PCI function (PCI Local Bus 3.0, 6.2.2 and 6.2.3): whether it is raised, and a switch, both in
// configuration space. So an interrupt handler can silence a card that shares its line without a look at the card's
// own registers, which a thread may be using.

/// One function's pin. Any hart may use it at any time.
public struct PCIInterruptPin<Space: Registers> {
    private let configuration: Space

    /// - Returns: nil for a function without the switch (before PCI 2.3).
    public init?(_ function: PCIFunction<Space>) where Space: RegisterSpace {
        configuration = function.configuration
        isOff = true
        guard isOff else { return nil }
        isOff = false
    }

    /// The function would raise the pin, whether or not it is off.
    public var isRaised: Bool { configuration.load16(PCIHeader.status) & PCIStatus.interrupt != 0 }

    /// Lowered, whatever the function says.
    public var isOff: Bool {
        get { configuration.load16(PCIHeader.command) & PCICommand.interruptDisable != 0 }
        nonmutating set {
            let command = configuration.load16(PCIHeader.command) & ~PCICommand.interruptDisable
            configuration.store16(command | (newValue ? PCICommand.interruptDisable : 0), PCIHeader.command)
        }
    }
}
