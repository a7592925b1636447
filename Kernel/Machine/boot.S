# The first instructions of a hart. Firmware enters with paging and interrupts off, a0 = hart number.
# A boot page table of two gigapages (identity for the jump, upper half to stay) carries us until Swift has built the real one.

#include "machine.h"

#define KBASE_SHIFT_ENTRY 256           // root entry of KBASE = 0xffffffc000000000
#define PTE_BOOT 0xcf                   // D A X W R V: everything, for the boot only

.section .text.boot, "ax"
.globl _start
_start:                                 # the boot hart: a1 = device tree (physical)
    csrw sie, zero
    lla t0, missing_extension           # try what the compiler uses (Linker/toolset.json) and firmware does not
    csrw stvec, t0
    li s2, 'a'
    sh1add t0, zero, zero
    li s2, 'b'
    rev8 t0, t0
    li s2, 's'
    bseti t0, t0, 0
    lla t0, early_trap
    csrw stvec, t0
    lla t0, boot_hart_chosen
    li t1, 1
    amoswap.w.aqrl t1, t1, (t0)
    bnez t1, late_hart
    lla t0, kernel_bss_start            # clear the kernel's variables, boot table and stack included
    lla t1, kernel_bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    lla t0, boot_root
    lla t1, _start                      # the gigabyte we run in, from where we are: not a constant of this machine
    srli t1, t1, 30
    slli t2, t1, 28                     # its page-table entry
    ori t2, t2, PTE_BOOT
    slli t3, t1, 3
    add t3, t3, t0
    sd t2, 0(t3)                        # identity
    li t4, KBASE_SHIFT_ENTRY * 8
    add t3, t3, t4
    sd t2, 0(t3)                        # upper half
    srli t1, a1, 30                     # the device tree may lie in another gigabyte
    slli t2, t1, 28
    ori t2, t2, PTE_BOOT
    slli t3, t1, 3
    add t3, t3, t0
    add t3, t3, t4
    sd t2, 0(t3)
    lla t0, boot_arguments
    sd a0, 0(t0)
    sd a1, 8(t0)
    jal t6, enable_paging
    lla sp, boot_stack_top
    lla tp, boot_hart
    call main                           # Kernel/Boot/Main.swift
1:  wfi
    j 1b

# Turns paging on with the boot table and returns to t6, in the upper half.
enable_paging:
    lla t0, boot_root
    srli t0, t0, 12
    li t1, 8 << 60                      # satp.MODE = Sv39
    or t0, t0, t1
    li t1, -1
    slli t1, t1, 38                     # KBASE
    lla t2, 1f
    add t2, t2, t1
    add t6, t6, t1
    sfence.vma
    csrw satp, t0
    sfence.vma
    jr t2
.balign 4
1:  jr t6

# A trap before the kernel has its own handler, or an instruction of extension Zb+s2 that this hart does not know: say so,
# through firmware's console (SBI legacy extension 1), and power off (extension SRST).
.balign 4
missing_extension:
    lla s1, missing_message
    j 1f
.balign 4
early_trap:
    lla s1, early_message
1:  lbu a0, 0(s1)
    beqz a0, 2f
    li a7, '*'
    bne a0, a7, 4f
    mv a0, s2
4:  li a7, 1
    ecall
    addi s1, s1, 1
    j 1b
2:  li a7, 0x53525354
    li a6, 0
    li a0, 0
    li a1, 1
    ecall
3:  wfi
    j 3b

# A hart that we asked for, but that firmware sent to the first entry: OpenSBI 1.1 marks a hart as starting before it has noted
# where, and one that was late for its own start-up goes where the boot hart went. a0 = its number: it finds its structure itself.
late_hart:
    jal t6, enable_paging
    lla t0, hart_table
    lla t1, hart_count
    ld tp, 0(t0)
    ld t1, 0(t1)
1:  beqz t1, 2f
    ld t2, HART_ID(tp)
    beq t2, a0, secondary_hart
    addi tp, tp, HART_SIZE
    addi t1, t1, -1
    j 1b
2:  wfi                                 # nobody asked for it
    j 2b

.globl secondary_entry
secondary_entry:                        # another hart: a1 = its struct hart (virtual)
    csrw sie, zero
    mv tp, a1
    jal t6, enable_paging
secondary_hart:
    lla t0, kernel_satp                 # the boot table knows no stacks: take the real one first
    ld t0, 0(t0)
    sfence.vma
    csrw satp, t0
    sfence.vma
    ld sp, HART_IDLE_STACK(tp)
    call secondary_main
1:  wfi
    j 1b

.globl start_idle
start_idle:
    mv sp, a0
    call idle_main
    unimp

.section .rodata
missing_message:
    .asciz "Swiftlet: this hart lacks the extension Zb*, which the kernel is built for (QEMU's -cpu rv64 has it).\r\n"
early_message:
    .asciz "Swiftlet: a trap at the very start, before there is a handler: please report it, with the machine's device tree.\r\n"

.data                                   # not .bss: it must outlive the clearing
.balign 4
boot_hart_chosen:
    .word 0

.bss
.balign 4096
boot_root:
    .space 4096
    .space 1 << KERNEL_STACK_BIT
.globl boot_stack_top
boot_stack_top:
.globl boot_hart
boot_hart:
    .space HART_SIZE
.globl hart_table
hart_table:
    .space 8
.globl hart_count
hart_count:
    .space 8
.globl boot_arguments
boot_arguments:
    .space 16
.globl kernel_satp
kernel_satp:
    .space 8
