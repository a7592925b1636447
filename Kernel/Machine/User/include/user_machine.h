// What Swift cannot say in a user program: the ecall instruction, and where the arguments are.
#ifndef USER_MACHINE_H
#define USER_MACHINE_H
#include <stdint.h>

/// What a system call returns: `value` is a0; when it is -1, `error` (a1) is the error number.
struct SystemCallResult { int64_t value; int64_t error; };

__attribute__((always_inline)) static inline struct SystemCallResult system_call(
    uint64_t number, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3) {
    register uint64_t a7 __asm__("a7") = number;
    register uint64_t a0 __asm__("a0") = x0;
    register uint64_t a1 __asm__("a1") = x1;
    register uint64_t a2 __asm__("a2") = x2;
    register uint64_t a3 __asm__("a3") = x3;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a7) : "memory");
    return (struct SystemCallResult){ (int64_t)a0, (int64_t)a1 };
}

/// Loads x1 to x31 (but sp) from an array of 32, executes ecall, and stores them back: for a test of what is preserved.
void system_call_registers(uint64_t *_Nonnull registers);

/// argc and argv, as start.S found them.
extern uint64_t program_arguments[2];
__attribute__((always_inline)) static inline uint64_t program_argument_count(void) { return program_arguments[0]; }
__attribute__((always_inline)) static inline const uint8_t *_Nullable const *_Nullable program_argument_vector(void) {
    return (const uint8_t *_Nullable const *_Nullable)program_arguments[1];
}
#endif
