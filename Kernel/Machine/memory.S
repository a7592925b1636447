# Memory routines by words: the compiler's memcpy, memmove and memset, page clear and copy, and copies to and from user memory.
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

.globl memcpy
memcpy:                                 # a0 = to, a1 = from, a2 = count; returns to
    mv a7, a0
    li a6, 64
2:  bltu a2, a6, 3f
    COPY_64
    addi a2, a2, -64
    j 2b
3:  li a6, 8
4:  bltu a2, a6, 5f
    ld t0, 0(a1)
    sd t0, 0(a0)
    addi a1, a1, 8
    addi a0, a0, 8
    addi a2, a2, -8
    j 4b
5:  beqz a2, 7f
6:  lbu t0, 0(a1)
    sb t0, 0(a0)
    addi a1, a1, 1
    addi a0, a0, 1
    addi a2, a2, -1
    bnez a2, 6b
7:  mv a0, a7
    ret

.globl memmove
memmove:                                # as memcpy, and the ranges may overlap
    sub t0, a0, a1
    bgeu t0, a2, memcpy                 # forward is safe unless `to` lies inside `from`'s range
    add t1, a0, a2
    add a1, a1, a2
    li a6, 8
1:  bltu a2, a6, 2f
    ld t0, -8(a1)
    sd t0, -8(t1)
    addi a1, a1, -8
    addi t1, t1, -8
    addi a2, a2, -8
    j 1b
2:  beqz a2, 4f
3:  lbu t0, -1(a1)
    sb t0, -1(t1)
    addi a1, a1, -1
    addi t1, t1, -1
    addi a2, a2, -1
    bnez a2, 3b
4:  ret

.globl memset
memset:                                 # a0 = to, a1 = byte, a2 = count; returns to
    mv t1, a0
    andi a1, a1, 0xff
    slli t0, a1, 8
    or a1, a1, t0
    slli t0, a1, 16
    or a1, a1, t0
    slli t0, a1, 32
    or a1, a1, t0
    li a6, 32
1:  bltu a2, a6, 2f
    sd a1, 0(t1)
    sd a1, 8(t1)
    sd a1, 16(t1)
    sd a1, 24(t1)
    addi t1, t1, 32
    addi a2, a2, -32
    j 1b
2:  beqz a2, 4f
3:  sb a1, 0(t1)
    addi t1, t1, 1
    addi a2, a2, -1
    bnez a2, 3b
4:  ret

.globl memcmp
memcmp:                                 # a0, a1, a2 = count; the difference of the first unlike bytes
    beqz a2, 2f
1:  lbu t0, 0(a0)
    lbu t1, 0(a1)
    bne t0, t1, 3f
    addi a0, a0, 1
    addi a1, a1, 1
    addi a2, a2, -1
    bnez a2, 1b
2:  li a0, 0
    ret
3:  sub a0, t0, t1
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
