# The first instruction of a user program: exec sets a0 = argc, a1 = argv, sp. `main` is what @main emits.
.section .text.start, "ax"
.globl _start
_start:
    call main
    li a7, 2            # exit(main's result)
    ecall
    unimp
