# A system call with every register in the caller's hand, for a test of what the kernel preserves.

.macro EACH_REGISTER operation, base    # all but zero, sp and t6
    .irp number, 1,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
    \operation x\number, 8*\number(\base)
    .endr
.endm

.section .text.system_call_registers, "ax"
.globl system_call_registers
system_call_registers:                  # a0 = 32 registers: loaded, then ecall, then stored back (sp is not among them)
    addi sp, sp, -288
    EACH_REGISTER sd, sp                # the caller's own
    mv t6, a0
    EACH_REGISTER ld, t6
    ld t6, 248(t6)
    ecall
    sd t6, 264(sp)
    ld t6, 80(sp)                       # the caller's a0
    EACH_REGISTER sd, t6
    ld t0, 264(sp)
    sd t0, 248(t6)
    EACH_REGISTER ld, sp
    addi sp, sp, 288
    ret
