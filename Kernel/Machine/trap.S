# The way into the kernel and out of it.
#
# In user mode sscratch holds the address of the thread's trap frame, which lies at the top of its kernel stack; in the kernel
# it holds 0. In the kernel tp points at this hart's struct hart.
# A kernel stack fills the upper half of a slot whose lower half is not mapped: bit KERNEL_STACK_BIT of a stack address is 1
# (Kernel/Memory/KernelStacks.swift). So an overflow is seen here before the frame is pushed.

#include "machine.h"

.macro SAVE_REGISTERS                   # all but sp
    sd ra, 0(sp)
    sd gp, 16(sp)
    sd tp, FRAME_TP(sp)
    sd t0, 32(sp)
    sd t1, 40(sp)
    sd t2, 48(sp)
    sd s0, 56(sp)
    sd s1, 64(sp)
    sd a0, 72(sp)
    sd a1, 80(sp)
    sd a2, 88(sp)
    sd a3, 96(sp)
    sd a4, 104(sp)
    sd a5, 112(sp)
    sd a6, 120(sp)
    sd a7, 128(sp)
    sd s2, 136(sp)
    sd s3, 144(sp)
    sd s4, 152(sp)
    sd s5, 160(sp)
    sd s6, 168(sp)
    sd s7, 176(sp)
    sd s8, 184(sp)
    sd s9, 192(sp)
    sd s10, 200(sp)
    sd s11, 208(sp)
    sd t3, 216(sp)
    sd t4, 224(sp)
    sd t5, 232(sp)
    sd t6, FRAME_T6(sp)
.endm

.macro SAVE_CAUSE                       # where and why, for the report
    csrr t1, sepc
    csrr t2, sstatus
    csrr t3, scause
    csrr t4, stval
    sd t1, FRAME_SEPC(sp)
    sd t2, FRAME_SSTATUS(sp)
    sd t3, FRAME_SCAUSE(sp)
    sd t4, FRAME_STVAL(sp)
.endm

.macro RESTORE_REGISTERS                # all but sp and tp; sp last, by the user
    ld ra, 0(sp)
    ld gp, 16(sp)
    ld t0, 32(sp)
    ld t1, 40(sp)
    ld t2, 48(sp)
    ld s0, 56(sp)
    ld s1, 64(sp)
    ld a0, 72(sp)
    ld a1, 80(sp)
    ld a2, 88(sp)
    ld a3, 96(sp)
    ld a4, 104(sp)
    ld a5, 112(sp)
    ld a6, 120(sp)
    ld a7, 128(sp)
    ld s2, 136(sp)
    ld s3, 144(sp)
    ld s4, 152(sp)
    ld s5, 160(sp)
    ld s6, 168(sp)
    ld s7, 176(sp)
    ld s8, 184(sp)
    ld s9, 192(sp)
    ld s10, 200(sp)
    ld s11, 208(sp)
    ld t3, 216(sp)
    ld t4, 224(sp)
    ld t5, 232(sp)
    ld t6, FRAME_T6(sp)
.endm

# For debuggers: the registers of what was interrupted lie in the frame at sp, and it goes on at sepc. Column 64 stands for that; no
# register has it.
.macro TRAPPED
    .cfi_startproc
    .cfi_return_column 64
    .cfi_def_cfa x2, 0
    .irp register, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    .cfi_offset \register, 8 * (\register - 1)
    .endr
    .cfi_offset 64, FRAME_SEPC
.endm

.cfi_sections .debug_frame
.text
.balign 4
.globl trap_entry
trap_entry:
    csrrw sp, sscratch, sp
    beqz sp, from_kernel

    SAVE_REGISTERS
    csrrw t0, sscratch, zero            # the user's sp
    csrr t1, sepc
    csrr t2, sstatus
    sd t0, FRAME_SP(sp)
    sd t1, FRAME_SEPC(sp)
    sd t2, FRAME_SSTATUS(sp)
    ld tp, FRAME_HART(sp)
    TRAPPED
    mv a0, sp
    call user_trap
    mv a0, sp
    .cfi_endproc
    # falls through

.globl return_to_user
return_to_user:                         # a0 = frame, interrupts off
    mv sp, a0
    sd tp, FRAME_HART(sp)
    ld t0, FRAME_SEPC(sp)
    ld t1, FRAME_SSTATUS(sp)
    csrw sscratch, sp
    csrw sepc, t0
    csrw sstatus, t1
    ld tp, FRAME_TP(sp)
    RESTORE_REGISTERS
    ld sp, FRAME_SP(sp)
    sret

from_kernel:
    csrrw sp, sscratch, sp              # sp as it was, sscratch 0 again
    sd t0, HART_SCRATCH(tp)             # one register to work with
    addi t0, sp, -FRAME_SIZE
    srli t0, t0, KERNEL_STACK_BIT
    andi t0, t0, 1
    beqz t0, stack_overflow
    ld t0, HART_SCRATCH(tp)
    addi sp, sp, -FRAME_SIZE
    SAVE_REGISTERS
    addi t0, sp, FRAME_SIZE
    sd t0, FRAME_SP(sp)
    SAVE_CAUSE
    TRAPPED
    mv a0, sp
    call kernel_trap
.globl kernel_trap_return
kernel_trap_return:                     # backtraces go on at the frame here (Kernel/Trap/Backtrace.swift)
    .cfi_endproc
    ld t1, FRAME_SEPC(sp)
    ld t2, FRAME_SSTATUS(sp)
    csrw sepc, t1
    csrw sstatus, t2
    RESTORE_REGISTERS
    addi sp, sp, FRAME_SIZE
    sret

stack_overflow:                         # never returns: report on a stack of this hart's own
    ld t0, HART_EMERGENCY_STACK(tp)
    addi t0, t0, -FRAME_SIZE
    sd sp, FRAME_SP(t0)
    mv sp, t0
    ld t0, HART_SCRATCH(tp)
    SAVE_REGISTERS
    SAVE_CAUSE
    TRAPPED
    mv a0, sp
    call kernel_stack_overflow
1:  wfi
    j 1b
    .cfi_endproc
