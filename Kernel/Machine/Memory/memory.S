# The memory routines that compiled code calls, in the kernel and in user programs: by words, with unaligned loads and stores
# where the pointers do not agree.

.macro COPY_64 offset                   # from a1 to a0
    ld t0, \offset(a1)
    ld t1, \offset+8(a1)
    ld t2, \offset+16(a1)
    ld t3, \offset+24(a1)
    ld t4, \offset+32(a1)
    ld t5, \offset+40(a1)
    ld a4, \offset+48(a1)
    ld a5, \offset+56(a1)
    sd t0, \offset(a0)
    sd t1, \offset+8(a0)
    sd t2, \offset+16(a0)
    sd t3, \offset+24(a0)
    sd t4, \offset+32(a0)
    sd t5, \offset+40(a0)
    sd a4, \offset+48(a0)
    sd a5, \offset+56(a0)
.endm

.text

.globl memcpy
memcpy:                                 # a0 = to, a1 = from, a2 = count; returns to
    mv a7, a0
    li a6, 8
    bltu a2, a6, 7f
    add t6, a1, a2                      # the last 8 bytes are loaded first and stored last: what is less than 8 needs no
    ld t6, -8(t6)                       # loop, and a forward move may write over them meanwhile
    add a3, a0, a2
    li a6, 128
    bltu a2, a6, 2f
1:  COPY_64 0
    COPY_64 64
    addi a2, a2, -128
    addi a1, a1, 128
    addi a0, a0, 128
    bgeu a2, a6, 1b
2:  andi a6, a2, 64
    beqz a6, 3f
    COPY_64 0
    addi a1, a1, 64
    addi a0, a0, 64
3:  andi a6, a2, 32
    beqz a6, 4f
    ld t0, 0(a1)
    ld t1, 8(a1)
    ld t2, 16(a1)
    ld t3, 24(a1)
    sd t0, 0(a0)
    sd t1, 8(a0)
    sd t2, 16(a0)
    sd t3, 24(a0)
    addi a1, a1, 32
    addi a0, a0, 32
4:  andi a6, a2, 16
    beqz a6, 5f
    ld t0, 0(a1)
    ld t1, 8(a1)
    sd t0, 0(a0)
    sd t1, 8(a0)
    addi a1, a1, 16
    addi a0, a0, 16
5:  andi a6, a2, 8
    beqz a6, 6f
    ld t0, 0(a1)
    sd t0, 0(a0)
6:  sd t6, -8(a3)
    mv a0, a7
    ret
7:  beqz a2, 9f
8:  lbu t0, 0(a1)
    addi a2, a2, -1
    addi a1, a1, 1
    sb t0, 0(a0)
    addi a0, a0, 1
    bnez a2, 8b
9:  mv a0, a7
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
