// NE2000 cards on ISA: ports set by jumpers, and no way to find a card but to probe.
//
// Promise: the probe goes on only while everything seen fits an NE2000. It reads before it writes, and puts back what
// it wrote when the answer is no; so another card at those ports, or no card, is left as it was as far as ports without
// a map allow.

public enum NE2000ISA {
    /// Port bases that such cards can be set to, the commonest first; nil beyond the last.
    public static func classicPort(_ index: Int) -> UInt16? {
        switch index {
        case 0: 0x300
        case 1: 0x280
        case 2: 0x320
        case 3: 0x340
        case 4: 0x360
        case 5: 0x380
        default: nil
        }
    }

    /// Whether there is an NE2000 in this window of 32 ports. One that is found has been reset, and is stopped.
    public static func probe<Window: Registers>(_ window: Window) -> Bool {
        let command = Command(rawValue: window.load8(Port.cr))
        // An empty bus reads as ones; a chip that starts and stops at once is no DP8390.
        guard command.rawValue != Port.nothing, !command.isSuperset(of: [.stop, .start]) else { return false }
        guard hasTallyCounter(window, command) else { return false }
        let chip = NE2000Chip(window: window, width: .byte, memory: .of16Bits)
        do {
            try chip.reset()
            chip.configure(0, MulticastHash())
            let prom = try chip.readPROM()
            chip.command(.stop)
            return prom.hasSignature && prom.isAddressValid
        } catch { return false }
    }

    /// The port that is MAR5 in page 1 is a counter in page 0, which reading clears: few other cards have anything like
    /// it.
    private static func hasTallyCounter<Window: Registers>(_ window: Window, _ command: Command) -> Bool {
        let chip = NE2000Chip(window: window, width: .byte, memory: .of16Bits)
        chip.command([.page1, .stop])
        let before = window.load8(Port.probe)
        window.store8(0xff, Port.probe)
        let kept = window.load8(Port.probe)
        chip.command(.stop)
        _ = window.load8(Port.probe)
        if window.load8(Port.probe) == 0, kept == 0xff { return true }
        window.store8(before, Port.probe)
        chip.storeCommand(command)
        return false
    }
}
