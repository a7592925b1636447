# Page clear and copy, and string copy. (memcpy and its kin: Memory/memory.S)

.text

.globl page_clear
page_clear:                             # a0 = page
    li t0, 4096
    add t0, a0, t0
1:
    .set offset, 0
    .rept 64
    sd zero, offset(a0)
    .set offset, offset + 8
    .endr
    addi a0, a0, 512
    bne a0, t0, 1b
    ret

.globl page_copy
page_copy:                              # a0 = to, a1 = from
    li a2, 4096
    tail memcpy

.globl copy_string
copy_string:                            # a0 = to, a1 = from, a2 = limit; returns the length without the NUL, or the limit
    mv a3, a2
1:  beqz a2, 2f
    lbu t0, 0(a1)
    sb t0, 0(a0)
    beqz t0, 2f
    addi a1, a1, 1
    addi a0, a0, 1
    addi a2, a2, -1
    j 1b
2:  sub a0, a3, a2
    ret
