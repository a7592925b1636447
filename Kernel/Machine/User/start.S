# The first instructions of a user program: exec sets a0 = argc, a1 = argv, sp. `main` is what @main emits.
.section .text.start, "ax"
.globl _start
_start:
    lla t0, program_arguments
    sd a0, 0(t0)
    sd a1, 8(t0)
    call main
    li a7, 2            # exit(0)
    li a0, 0
    ecall
    unimp

# The note by which exec knows this system's programs: they get a stack that grows, and room for more arguments.
.section .note.swiftlet, "a", @note
.balign 4
    .word 9, 0, 1       # bytes of the name and of the description, type
    .asciz "Swiftlet"
    .balign 4

# The heap that Swift's runtime asks for (User/Library/Heap.swift). Swift cannot define these names itself.
.text
.globl posix_memalign
posix_memalign:
    tail heap_allocate
.globl free
free:
    tail heap_free

.bss
.balign 8
.globl program_arguments
program_arguments:
    .space 16
