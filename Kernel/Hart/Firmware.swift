// Firmware's services: the RISC-V SBI specification 1.0 (extension numbers as there).

import Machine

enum Firmware {
    private enum Extension {
        static let legacyConsolePutchar: UInt64 = 1
        static let time: UInt64 = 0x5449_4d45
        static let interProcessorInterrupt: UInt64 = 0x73_5049
        static let hartState: UInt64 = 0x48_534d
        static let remoteFence: UInt64 = 0x5246_4e43
        static let systemReset: UInt64 = 0x5352_5354
    }

    /// Sets the next timer interrupt (timebase ticks), on a hart without Sstc.
    static func setTimer(_ deadline: UInt64) { _ = sbi_call(Extension.time, 0, deadline, 0, 0, 0) }

    /// Raises a software interrupt on a hart, by its number in the device tree.
    static func interrupt(hart: UInt64) { _ = sbi_call(Extension.interProcessorInterrupt, 0, 1, hart, 0, 0) }

    /// Starts a hart at a physical address with `argument` in a1; false if firmware refuses.
    static func start(hart: UInt64, at address: UInt64, argument: UInt64) -> Bool {
        sbi_call(Extension.hartState, 0, hart, address, argument, 0).error == 0
    }

    /// Makes all harts forget what they know of the translation of these addresses, and returns when they have.
    static func flush(_ addresses: Range<UInt64>) {
        let everyHart = UInt64.max
        let size = addresses.upperBound - addresses.lowerBound
        _ = sbi_call(Extension.remoteFence, 1, 0, everyHart, addresses.lowerBound, size)
    }

    /// Prints a byte on firmware's console, while the kernel has none of its own.
    static func print(_ byte: UInt8) { _ = sbi_call(Extension.legacyConsolePutchar, 0, UInt64(byte), 0, 0, 0) }

    /// Powers the machine off; does not return where firmware can.
    static func shutDown(failed: Bool) { _ = sbi_call(Extension.systemReset, 0, 0, failed ? 1 : 0, 0, 0) }
}
