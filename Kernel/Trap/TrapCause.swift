// The scause register: why a trap was taken.

/// scause values (privileged specification, table "Supervisor cause register values").
enum TrapCause {
    static let illegalInstruction: UInt64 = 2
    static let breakpoint: UInt64 = 3
    static let userEnvironmentCall: UInt64 = 8
    static let instructionPageFault: UInt64 = 12
    static let loadPageFault: UInt64 = 13
    static let storePageFault: UInt64 = 15
    static let interrupt: UInt64 = 1 << 63
    static let softwareInterrupt: UInt64 = interrupt | 1
    static let timerInterrupt: UInt64 = interrupt | 5
    static let externalInterrupt: UInt64 = interrupt | 9

    static func name(_ cause: UInt64) -> StaticString {
        switch cause {
        case 0: "instruction address misaligned"
        case 1: "instruction access fault"
        case 2: "illegal instruction"
        case 3: "breakpoint"
        case 4: "load address misaligned"
        case 5: "load access fault"
        case 6: "store address misaligned"
        case 7: "store access fault"
        case 8: "environment call from user mode"
        case 9: "environment call from supervisor mode"
        case 12: "instruction page fault"
        case 13: "load page fault"
        case 15: "store page fault"
        default: cause & interrupt != 0 ? "interrupt without a handler" : "reserved cause"
        }
    }

    /// What a page fault wanted; nil for any other cause.
    static func access(_ cause: UInt64) -> Access? {
        switch cause {
        case instructionPageFault: .execute
        case loadPageFault: .read
        case storePageFault: .write
        default: nil
        }
    }
}
