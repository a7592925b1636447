// The goldfish real-time clock ("google,goldfish-rtc" in the device tree; QEMU's goldfish_rtc.c and the Android
// emulator's GOLDFISH-VIRTUAL-HARDWARE.TXT): nanoseconds since 1970 in two 32-bit registers. Its alarm is left alone.

private enum Register {
    /// The low half; reading it keeps the high half of the same moment.
    static let timeLow = 0x00
    static let timeHigh = 0x04
}

/// One clock.
public struct GoldfishRTC<Window: Registers> {
    private let registers: Window

    /// Bytes of registers that are used.
    public static var windowSize: Int { 8 }

    public init(_ registers: Window) { self.registers = registers }

    /// Nanoseconds since 1970-01-01 00:00 UTC. Not to be called by two harts at once: two registers make one number.
    public func read() -> UInt64 {
        let low = registers.load32(Register.timeLow)
        return UInt64(registers.load32(Register.timeHigh)) << 32 | UInt64(low)
    }
}
