// The advanced platform-level interrupt controller (RISC-V Advanced Interrupt Architecture 1.0, chapter 4): which device
// interrupts which hart, by a wire, or by a message to the hart's interrupt file where there is an IMSIC. A domain of
// supervisor mode, to which firmware has delegated the sources.
//
// A source keeps quiet from `claim` to `complete`, as it does at a PLIC. With direct delivery a level-sensitive one stays
// pending while its line is up, claimed or not (section 4.7), so it is disabled meanwhile. A message is sent once each
// time that the line goes up; `complete` sends another if it is up still (section 4.9.2).

/// Byte offsets of the memory map (section 4.5).
private enum Offset {
    static var domaincfg: Int { 0 }
    static func sourcecfg(_ source: UInt32) -> Int { Int(source) * 4 }
    static var inClrip: Int { 0x1d00 }
    static var setipnum: Int { 0x1cdc }
    static var setienum: Int { 0x1edc }
    static var clrie: Int { 0x1f00 }
    static var clrienum: Int { 0x1fdc }
    static func target(_ source: UInt32) -> Int { 0x3000 + Int(source) * 4 }
    /// Interrupt delivery control of a hart.
    static func idc(_ hart: Int) -> Int { 0x4000 + hart * 32 }
    static var idelivery: Int { 0 }
    static var ithreshold: Int { 8 }
    static var claimi: Int { 0x1c }
}

/// One interrupt domain. A context is a hart's number in it: its place in interrupts-extended (`supervisorContext`).
public struct APLIC<Window: Registers> {
    private let registers: Window
    private let sendsMessages: Bool

    /// domaincfg: IE, and DM for delivery by messages.
    private static var enabled: UInt32 { 1 << 8 }
    private static var byMessages: UInt32 { 1 << 2 }
    /// sourcecfg: SM of a line that is up while it interrupts.
    private static var levelHigh: UInt32 { 6 }
    /// target: all sources have one priority, or the source's number is a message's identity; the hart is above.
    private static var priority: UInt32 { 1 }
    private static var hartShift: UInt32 { 18 }

    /// Bytes of the register window that contexts up to this one need.
    public static func windowSize(contexts: Int) -> Int { Offset.idc(contexts) + 32 }

    /// Starts the domain with all sources off.
    /// - Parameter sendsMessages: harts have interrupt files, which know the identities 1 up to `sources`.
    public init(_ registers: Window, sources: UInt32, sendsMessages: Bool) {
        self.registers = registers
        self.sendsMessages = sendsMessages
        var source: UInt32 = 0
        while source < sources {
            registers.store32(.max, Offset.clrie + Int(source / 32) * 4)
            source += 32
        }
        // A source without a mode has no input that can be looked at.
        for source in 1..<sources { registers.store32(Self.levelHigh, Offset.sourcecfg(source)) }
        registers.store32(Self.enabled | (sendsMessages ? Self.byMessages : 0), Offset.domaincfg)
    }

    /// Lets every priority through to a context; where messages are sent, the hart's interrupt file does.
    public func start(context: Int) {
        guard !sendsMessages else { return }
        registers.store32(0, Offset.idc(context) + Offset.ithreshold)
        registers.store32(1, Offset.idc(context) + Offset.idelivery)
    }

    /// Routes a source (not 0) to a context, and to no other.
    public func enable(_ source: UInt32, context: Int) {
        registers.store32(
            UInt32(context) << Self.hartShift | (sendsMessages ? source : Self.priority), Offset.target(source))
        registers.store32(source, Offset.setienum)
    }

    /// Routes a source no more, if it was routed to this context.
    public func disable(_ source: UInt32, context: Int) {
        guard registers.load32(Offset.target(source)) >> Self.hartShift == UInt32(context) else { return }
        registers.store32(source, Offset.clrienum)
    }

    /// Of which of the first 64 sources the line is up: bit i is source i.
    public var pending: UInt64 {
        UInt64(registers.load32(Offset.inClrip + 4)) << 32 | UInt64(registers.load32(Offset.inClrip))
    }

    /// Takes the pending interrupt of highest priority, which came by its wire; 0 if there is none.
    public func claim(context: Int) -> UInt32 {
        let source = registers.load32(Offset.idc(context) + Offset.claimi) >> 16
        if source != 0 { registers.store32(source, Offset.clrienum) }
        return source
    }

    /// Completes an interrupt, so that its source may interrupt again.
    public func complete(_ source: UInt32) {
        if !sendsMessages {
            registers.store32(source, Offset.setienum)
        } else if registers.load32(Offset.inClrip + Int(source / 32) * 4) >> (source % 32) & 1 != 0 {
            // A line that goes up from here on sends a message by itself. QEMU 7.2 would send one for a line that is
            // down, too.
            registers.store32(source, Offset.setipnum)
        }
    }
}
