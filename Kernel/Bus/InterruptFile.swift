// The file of message interrupts that each hart has where there is an IMSIC (RISC-V Advanced Interrupt Architecture 1.0,
// chapter 3): a bit for each identity that a message may name. Every hart reaches only its own.

import Machine

enum InterruptFile {
    /// Numbers of its registers (section 3.8); those of enable bits are 64 bits wide, each at an even number.
    private enum Register {
        static var eidelivery: UInt64 { 0x70 }
        static var eithreshold: UInt64 { 0x72 }
        static var eie: UInt64 { 0xc0 }
    }

    /// Lets all identities below a number interrupt this hart.
    static func start(identities: UInt32) {
        for word in 0..<(identities + 63) / 64 { write_interrupt_file(Register.eie + 2 * UInt64(word), .max) }
        write_interrupt_file(Register.eithreshold, 0)
        write_interrupt_file(Register.eidelivery, 1)
    }

    /// Takes the pending identity of highest priority; 0 if there is none.
    static func claim() -> UInt32 { UInt32(truncatingIfNeeded: claim_message() >> 16) & 0x7ff }
}
