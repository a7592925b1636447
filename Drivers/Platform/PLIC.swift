// The platform-level interrupt controller (RISC-V PLIC specification 1.0.0, chapters 3 to 9): which device interrupts
// which hart.

/// Byte offsets of the memory map (chapter 3).
private enum Offset {
    static func priority(_ source: UInt32) -> Int { Int(source) * 4 }
    static var pending: Int { 0x1000 }
    static func enable(_ context: Int, _ source: UInt32) -> Int { 0x2000 + context * 0x80 + Int(source / 32) * 4 }
    static func threshold(_ context: Int) -> Int { 0x20_0000 + context * 0x1000 }
    static func claim(_ context: Int) -> Int { 0x20_0004 + context * 0x1000 }
}

/// One interrupt controller. A context is a hart in a mode; the device tree says which (`supervisorContext`).
public struct PLIC<Window: Registers> {
    private let registers: Window

    /// Interrupt sources the specification allows, 0 meaning none.
    public static var sourceLimit: UInt32 { 1024 }

    /// Bytes of the register window that contexts up to this one need.
    public static func windowSize(contexts: Int) -> Int { Offset.claim(contexts) + 4 }

    public init(_ registers: Window) {
        self.registers = registers
    }

    /// Lets every priority through to a context, and no source yet.
    public func start(context: Int, sources: UInt32) {
        var source: UInt32 = 0
        while source < sources {
            registers.store32(0, Offset.enable(context, source))
            source += 32
        }
        registers.store32(0, Offset.threshold(context))
    }

    /// Routes a source (not 0) to a context.
    public func enable(_ source: UInt32, context: Int) {
        let offset = Offset.enable(context, source)
        registers.store32(registers.load32(offset) | 1 << (source % 32), offset)
        // After the enable bit: QEMU looks at what is pending already when the priority is written, not the bit.
        registers.store32(1, Offset.priority(source))
    }

    /// Routes a source to a context no more.
    public func disable(_ source: UInt32, context: Int) {
        let offset = Offset.enable(context, source)
        registers.store32(registers.load32(offset) & ~(1 << (source % 32)), offset)
    }

    /// Which of the first 64 sources are pending: bit i is source i.
    public var pending: UInt64 {
        UInt64(registers.load32(Offset.pending + 4)) << 32 | UInt64(registers.load32(Offset.pending))
    }

    /// Takes the pending interrupt of highest priority; 0 if there is none.
    public func claim(context: Int) -> UInt32 { registers.load32(Offset.claim(context)) }

    /// Completes an interrupt, so that its source may interrupt again.
    public func complete(_ source: UInt32, context: Int) { registers.store32(source, Offset.claim(context)) }
}
