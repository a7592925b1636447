// NE2000 cards on PCI: the chips that are one behind a base address register of I/O ports. None has any other registers
// that matter here.
//
// A further clone is one line of `clone(_:)`.

/// A known kind of card.
public struct NE2000Clone {
    /// The card's user-visible name.
    public let name: StaticString
    /// The most bits an access of its data port may have.
    public var width: NE2000Width = .long
}

public enum NE2000PCI {
    /// The card with these PCI identifiers; nil when it is none of ours.
    public static func clone(vendor: UInt16, device: UInt16) -> NE2000Clone? {
        switch UInt32(vendor) << 16 | UInt32(device) {
        case 0x10ec_8029: NE2000Clone(name: "Realtek RTL8029")
        case 0x1050_0940: NE2000Clone(name: "Winbond W89C940")
        case 0x1050_5a5a: NE2000Clone(name: "Winbond W89C940F")
        case 0x8c4a_1980: NE2000Clone(name: "Winbond W89C940 (bad EEPROM)")
        case 0x11f6_1401: NE2000Clone(name: "Compex RL2000")
        case 0x8e2e_3000: NE2000Clone(name: "KTI ET32P2")
        case 0x4a14_5000: NE2000Clone(name: "NetVin NV5000SC")
        case 0x10bd_0e34: NE2000Clone(name: "SureCom NE34")
        case 0x1106_0926: NE2000Clone(name: "VIA VT86C926", width: .word)
        case 0x12c3_0058: NE2000Clone(name: "Holtek HT80232", width: .word)
        // Knows accesses of 32 bits only.
        case 0x12c3_5598: NE2000Clone(name: "Holtek HT80229")
        default: nil
        }
    }

    /// The user-visible name of the card with these PCI identifiers; nil when it is none of ours.
    public static func name(vendor: UInt16, device: UInt16) -> StaticString? {
        clone(vendor: vendor, device: device)?.name
    }
}
