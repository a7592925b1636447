.section .text.boot, "ax"
.globl _start
_start:
  lla sp, boot_stack_top
  call kernel_main
1: wfi
  j 1b
.bss
.balign 16
.space 8192
boot_stack_top:
