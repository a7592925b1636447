# Page clear and copy, and copies to and from user memory, by words. (memcpy and its kin: Memory/memory.S)
# Unaligned loads and stores are used where two pointers do not agree: every hart that this kernel is built for does them.

#define SSTATUS_SUM_BIT 18

.text

.globl page_clear
page_clear:                             # a0 = page
    li t0, 4096
    add t0, a0, t0
1:
    .set offset, 0
    .rept 16
    sd zero, offset(a0)
    .set offset, offset + 8
    .endr
    addi a0, a0, 128
    bne a0, t0, 1b
    ret

# Copies 64 bytes from a1 to a0 and moves both on.
.macro COPY_64
    ld t0, 0(a1)
    ld t1, 8(a1)
    ld t2, 16(a1)
    ld t3, 24(a1)
    ld t4, 32(a1)
    ld t5, 40(a1)
    ld a4, 48(a1)
    ld a5, 56(a1)
    sd t0, 0(a0)
    sd t1, 8(a0)
    sd t2, 16(a0)
    sd t3, 24(a0)
    sd t4, 32(a0)
    sd t5, 40(a0)
    sd a4, 48(a0)
    sd a5, 56(a0)
    addi a1, a1, 64
    addi a0, a0, 64
.endm

.globl page_copy
page_copy:                              # a0 = to, a1 = from
    li a3, 4096
    add a3, a0, a3
1:  COPY_64
    bne a0, a3, 1b
    ret

# Copies that may fault. When one does and the fault cannot be served, kernel_trap goes on here instead:
#   between user_copy_words and user_copy_bytes  -> user_copy_retry: the rest byte by byte, so that the count is exact
#   between user_copy_bytes and user_copy_string -> user_copy_failed
#   between user_copy_string and user_copy_end   -> user_string_failed
.globl copy_user
copy_user:                              # a0 = to, a1 = from, a2 = count; returns what was not copied
    li t6, 1
    slli t6, t6, SSTATUS_SUM_BIT
    csrs sstatus, t6                    # user pages may be touched from here on
.globl user_copy_words
user_copy_words:
    li a6, 64
1:  bltu a2, a6, 2f
    COPY_64
    addi a2, a2, -64
    j 1b
2:  li a6, 8
3:  bltu a2, a6, user_copy_retry
    ld t0, 0(a1)
    sd t0, 0(a0)
    addi a1, a1, 8
    addi a0, a0, 8
    addi a2, a2, -8
    j 3b
.globl user_copy_bytes
user_copy_bytes:
.globl user_copy_retry
user_copy_retry:
    beqz a2, user_copy_failed
    lbu t0, 0(a1)
    sb t0, 0(a0)
    addi a1, a1, 1
    addi a0, a0, 1
    addi a2, a2, -1
    j user_copy_retry
.globl user_copy_failed
user_copy_failed:
    mv a0, a2
    csrc sstatus, t6
    ret

.globl copy_user_string
copy_user_string:                       # a0 = to, a1 = from, a2 = limit
    li t6, 1
    slli t6, t6, SSTATUS_SUM_BIT
    csrs sstatus, t6
    mv a3, a2
.globl user_copy_string
user_copy_string:
1:  beqz a2, 2f
    lbu t0, 0(a1)
    sb t0, 0(a0)
    beqz t0, 2f
    addi a1, a1, 1
    addi a0, a0, 1
    addi a2, a2, -1
    j 1b
.globl user_copy_end
user_copy_end:
2:  sub a0, a3, a2
    csrc sstatus, t6
    ret
.globl user_string_failed
user_string_failed:
    li a0, -1
    csrc sstatus, t6
    ret
