#ifndef MACHINE_H
#define MACHINE_H
#include <stdint.h>
static inline uint64_t read_time(void) { uint64_t v; __asm__ volatile("csrr %0, time" : "=r"(v)); return v; }
#endif
