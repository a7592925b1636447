// What Swift cannot say: control registers, fences, firmware calls, and the structures that assembly
// and Swift share. Everything here is an instruction or two; what is longer stands in the .S files beside it.
#ifndef MACHINE_H
#define MACHINE_H

/// A kernel stack fills the upper half of a slot: this bit of its addresses is 1, and its size is 1 << the bit.
#ifdef LARGE_STACKS
#define KERNEL_STACK_BIT 16
#else
#define KERNEL_STACK_BIT 14
#endif

// Places and sizes (bytes) of the structures below, by name for the .S files. Assertions behind the structures hold them.
#define FRAME_SP 8
#define FRAME_TP 24
#define FRAME_T6 240
#define FRAME_SEPC 248
#define FRAME_SSTATUS 256
#define FRAME_HART 264
#define FRAME_SCAUSE 272
#define FRAME_STVAL 280
#define FRAME_SIZE 288

#define HART_SCRATCH 0
#define HART_EMERGENCY_STACK 8
#define HART_IDLE_STACK 16
#define HART_ID 24
#define HART_SIZE 88

#ifndef __ASSEMBLER__
#include <stdint.h>
#include <stddef.h>

#define MACHINE_INLINE __attribute__((always_inline)) static inline

#define MACHINE_PLACE(type, field, place) _Static_assert(offsetof(struct type, field) == place, "the .S files say " #place)

/// The registers of an interrupted program, x1 to x31 in order, then what the trap added.
struct trap_frame {
    uint64_t ra, sp, gp, tp, t0, t1, t2, s0, s1;
    uint64_t a0, a1, a2, a3, a4, a5, a6, a7;
    uint64_t s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
    uint64_t t3, t4, t5, t6;
    uint64_t sepc;
    uint64_t sstatus;
    uint64_t hart;     // address of the struct hart, for the way in from user mode
    uint64_t scause;   // filled in for traps from the kernel, for its report
    uint64_t stval;
};
MACHINE_PLACE(trap_frame, ra, 0);
MACHINE_PLACE(trap_frame, sp, FRAME_SP);
MACHINE_PLACE(trap_frame, gp, 16);
MACHINE_PLACE(trap_frame, tp, FRAME_TP);
MACHINE_PLACE(trap_frame, t0, 32);
MACHINE_PLACE(trap_frame, s0, 56);
MACHINE_PLACE(trap_frame, a0, 72);
MACHINE_PLACE(trap_frame, s2, 136);
MACHINE_PLACE(trap_frame, t3, 216);
MACHINE_PLACE(trap_frame, t6, FRAME_T6);
MACHINE_PLACE(trap_frame, sepc, FRAME_SEPC);
MACHINE_PLACE(trap_frame, sstatus, FRAME_SSTATUS);
MACHINE_PLACE(trap_frame, hart, FRAME_HART);
MACHINE_PLACE(trap_frame, scause, FRAME_SCAUSE);
MACHINE_PLACE(trap_frame, stval, FRAME_STVAL);
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "trap.S makes room for so much");

/// What a thread keeps while it does not run: the registers a called function must preserve, in the order of switch.S.
struct thread_context {
    uint64_t ra, sp, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11;
};
MACHINE_PLACE(thread_context, ra, 0);
MACHINE_PLACE(thread_context, sp, 8);
MACHINE_PLACE(thread_context, s0, 16);
MACHINE_PLACE(thread_context, s11, 104);
_Static_assert(sizeof(struct thread_context) == 14 * 8, "switch.S saves so many registers");

/// One per hart; the kernel's tp points at it.
struct hart {
    uint64_t scratch;          // one register, for the first instructions of a trap
    uint64_t emergency_stack;  // top of the stack that reports a stack overflow
    uint64_t idle_stack;       // top of the idle thread's stack
    uint64_t id;               // the hart's number in the device tree
    uint64_t index;            // 0 … number of harts - 1
    uint64_t thread;           // address of the running thread's structure; 0 before the first one
    uint64_t held_locks;       // with run-time checks: bit n is set while a lock of rank n is held (Kernel/Sync/LockOrder.swift)
    uint64_t scheduling;       // address of what the scheduler keeps for this hart (Kernel/Thread/HartState.swift)
    uint64_t root;             // physical address of the page table that satp names (Kernel/Memory/LoadedTable.swift)
    uint64_t shall_leave_root; // not 0 when another hart waits until this one has left a table that it borrows
    int64_t page_reserve;      // free pages that the running thread leaves to others (Kernel/Memory/Pages.swift)
};
MACHINE_PLACE(hart, scratch, HART_SCRATCH);
MACHINE_PLACE(hart, emergency_stack, HART_EMERGENCY_STACK);
MACHINE_PLACE(hart, idle_stack, HART_IDLE_STACK);
MACHINE_PLACE(hart, id, HART_ID);
_Static_assert(sizeof(struct hart) == HART_SIZE, "boot.S steps through the table by this");

/// What firmware answers: an SBI error number (0: success, negative: failed) and a value.
struct sbi_result { int64_t error; int64_t value; };

// --- Control and status registers (RISC-V privileged specification, chapter "Supervisor-Level ISA")

#define MACHINE_READ_CSR(name) \
    MACHINE_INLINE uint64_t read_##name(void) { uint64_t v; __asm__ volatile("csrr %0, " #name : "=r"(v)); return v; }
#define MACHINE_WRITE_CSR(name) \
    MACHINE_INLINE void write_##name(uint64_t v) { __asm__ volatile("csrw " #name ", %0" :: "r"(v) : "memory"); }

MACHINE_READ_CSR(time)
MACHINE_READ_CSR(instret)
MACHINE_READ_CSR(scause)
MACHINE_READ_CSR(stval)
MACHINE_WRITE_CSR(stvec)
MACHINE_WRITE_CSR(sie)
MACHINE_WRITE_CSR(sscratch)
MACHINE_WRITE_CSR(scounteren)

/// Sets the time (timebase ticks) of the next timer interrupt; only where the hart has Sstc (CSR 0x14d, stimecmp).
MACHINE_INLINE void write_stimecmp(uint64_t v) { __asm__ volatile("csrw 0x14d, %0" :: "r"(v)); }

/// Writes a register of this hart's file of message interrupts (Advanced Interrupt Architecture 1.0, section 3.8) through siselect
/// (CSR 0x150) and sireg (0x151). With interrupts off.
MACHINE_INLINE void write_interrupt_file(uint64_t number, uint64_t v) {
    __asm__ volatile("csrw 0x150, %0\n\tcsrw 0x151, %1" :: "r"(number), "r"(v) : "memory");
}
/// Claims the message interrupt of highest priority (stopei, CSR 0x15c): its identity in bits 26 to 16; 0 if there is none.
MACHINE_INLINE uint64_t claim_message(void) { uint64_t v; __asm__ volatile("csrrw %0, 0x15c, x0" : "=r"(v) :: "memory"); return v; }

/// Clears the software interrupt that another hart sent (sip.SSIP).
MACHINE_INLINE void clear_software_interrupt(void) { __asm__ volatile("csrci sip, 2" ::: "memory"); }

/// Turns interrupts off on this hart; returns sstatus.SIE as it was (2 or 0), for interrupts_restore.
MACHINE_INLINE uint64_t interrupts_disable(void) {
    uint64_t v; __asm__ volatile("csrrci %0, sstatus, 2" : "=r"(v) :: "memory"); return v & 2;
}
/// Turns interrupts on again if `previous` says that they were.
MACHINE_INLINE void interrupts_restore(uint64_t previous) { __asm__ volatile("csrs sstatus, %0" :: "r"(previous) : "memory"); }
MACHINE_INLINE void interrupts_enable(void) { __asm__ volatile("csrsi sstatus, 2" ::: "memory"); }

/// Waits for an interrupt; also returns for one that is pending while interrupts are off.
MACHINE_INLINE void wait_for_interrupt(void) { __asm__ volatile("wfi" ::: "memory"); }
/// Tells the hart that it spins (Zihintpause; a no-op elsewhere).
MACHINE_INLINE void spin_pause(void) { __asm__ volatile(".4byte 0x0100000f" ::: "memory"); }

/// Switches the page table and forgets what the old one cached.
MACHINE_INLINE void write_satp(uint64_t v) { __asm__ volatile("csrw satp, %0\n\tsfence.vma" :: "r"(v) : "memory"); }
MACHINE_INLINE void flush_page(uint64_t address) { __asm__ volatile("sfence.vma %0, zero" :: "r"(address) : "memory"); }
MACHINE_INLINE void flush_all_pages(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
/// Makes stores to code visible to this hart's instruction fetches.
MACHINE_INLINE void fence_instructions(void) { __asm__ volatile("fence.i" ::: "memory"); }
/// Orders memory and device accesses, both ways.
MACHINE_INLINE void fence_io(void) { __asm__ volatile("fence iorw, iorw" ::: "memory"); }

/// This hart's structure. Read anew after anything that may switch threads: a thread may come back on another hart.
MACHINE_INLINE struct hart *_Nonnull this_hart(void) { struct hart *h; __asm__ volatile("mv %0, tp" : "=r"(h)); return h; }
MACHINE_INLINE void set_this_hart(struct hart *_Nonnull h) { __asm__ volatile("mv tp, %0" :: "r"(h)); }
/// Notes which root table a hart has loaded, for the others.
MACHINE_INLINE void note_root(struct hart *_Nonnull h, uint64_t root) { __atomic_store_n(&h->root, root, __ATOMIC_RELEASE); }
MACHINE_INLINE uint64_t noted_root(const struct hart *_Nonnull h) { return __atomic_load_n(&h->root, __ATOMIC_ACQUIRE); }
/// Asks a hart to leave a root table that it borrows, and takes that note.
MACHINE_INLINE void ask_to_leave_root(struct hart *_Nonnull h) { __atomic_store_n(&h->shall_leave_root, 1, __ATOMIC_SEQ_CST); }
MACHINE_INLINE uint64_t is_asked_to_leave_root(struct hart *_Nonnull h) {
    return h->shall_leave_root && __atomic_exchange_n(&h->shall_leave_root, 0, __ATOMIC_ACQUIRE);
}
/// Where this is executed, and the stack pointer there: both in the function that it is inlined into.
MACHINE_INLINE uint64_t program_counter(void) { uint64_t v; __asm__ volatile("auipc %0, 0" : "=r"(v)); return v; }
MACHINE_INLINE uint64_t stack_pointer(void) { uint64_t v; __asm__ volatile("mv %0, sp" : "=r"(v)); return v; }

/// One word of memory, read anew each time.
MACHINE_INLINE uint64_t read_word(uint64_t address) { return *(const volatile uint64_t *)address; }

// --- Firmware (RISC-V SBI specification 1.0: function in a6, extension in a7)

MACHINE_INLINE struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t x0, uint64_t x1, uint64_t x2,
                                          uint64_t x3) {
    register uint64_t a0 __asm__("a0") = x0;
    register uint64_t a1 __asm__("a1") = x1;
    register uint64_t a2 __asm__("a2") = x2;
    register uint64_t a3 __asm__("a3") = x3;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){ (int64_t)a0, (int64_t)a1 };
}

// --- Assembly (memory.S, switch.S, trap.S)

/// Clears the 4096 bytes at a page-aligned address.
void page_clear(uint64_t page);
/// Copies 4096 bytes between page-aligned addresses.
void page_copy(uint64_t to, uint64_t from);
/// Copies bytes between ranges that do not overlap.
MACHINE_INLINE void copy_bytes(uint64_t to, uint64_t from, int64_t count) {
    __builtin_memcpy((void *)to, (const void *)from, (uint64_t)count);
}
/// Copies a NUL-terminated string of at most `limit` bytes with its NUL; returns its length without the NUL, `limit` if there is no NUL
/// among them.
int64_t copy_string(uint64_t to, uint64_t from, int64_t limit);
/// Saves the running thread's registers in `from` and goes on where `to` was saved.
void context_switch(struct thread_context *_Nonnull from, struct thread_context *_Nonnull to);
/// Goes to user mode with these registers. Does not return; interrupts are off.
void return_to_user(struct trap_frame *_Nonnull frame) __attribute__((noreturn));
/// Serves a fault of the running process's at a user address, as it was met by the kernel (Kernel/Trap/Trap.swift); 0 when the access is
/// not allowed or no page is free.
uint64_t serve_user_fault(uint64_t address, uint64_t is_write);
/// Writes the panic report and powers the machine off (Kernel/Trap/PanicReport.swift): the rooms below it call it by this name.
void report_panic(const uint8_t *_Nonnull reason, uint64_t length) __attribute__((noreturn));
/// Where every trap enters (stvec).
void trap_entry(void);
/// The first code of a new thread: calls thread_main.
void thread_start(void);
/// Leaves the boot stack for the stack whose top is given, and calls idle_main there.
void start_idle(uint64_t stack_top) __attribute__((noreturn));
/// Where firmware starts the other harts: a0 = hart number, a1 = struct hart * (virtual).
void secondary_entry(void);

#define MACHINE_SYMBOL(name) \
    extern char name[]; MACHINE_INLINE uint64_t address_of_##name(void) { return (uint64_t)name; }

MACHINE_SYMBOL(kernel_start)
MACHINE_SYMBOL(kernel_text_end)
MACHINE_SYMBOL(kernel_rodata_end)
MACHINE_SYMBOL(kernel_end)
MACHINE_SYMBOL(kernel_trap_return)
MACHINE_SYMBOL(kernel_symbols)
MACHINE_SYMBOL(kernel_symbols_end)

MACHINE_INLINE uint64_t address_of_trap_entry(void) { return (uint64_t)&trap_entry; }
MACHINE_INLINE uint64_t address_of_secondary_entry(void) { return (uint64_t)&secondary_entry; }
MACHINE_INLINE uint64_t address_of_thread_start(void) { return (uint64_t)&thread_start; }

/// What firmware gave the boot hart: its number, and the physical address of the device tree.
extern uint64_t boot_arguments[2];
MACHINE_INLINE uint64_t boot_hart_number(void) { return boot_arguments[0]; }
MACHINE_INLINE uint64_t boot_device_tree(void) { return boot_arguments[1]; }

/// Where the structures of all harts are, for a hart that has to find its own (boot.S).
extern struct hart *_Nullable hart_table;
extern uint64_t hart_count;
MACHINE_INLINE void set_hart_table(struct hart *_Nonnull table, uint64_t count) { hart_count = count; hart_table = table; }

/// The kernel's own page table as a satp value; secondary harts load it in boot.S.
extern uint64_t kernel_satp;
MACHINE_INLINE uint64_t read_kernel_satp(void) { return kernel_satp; }
MACHINE_INLINE void set_kernel_satp(uint64_t v) { kernel_satp = v; }
#endif
#endif
