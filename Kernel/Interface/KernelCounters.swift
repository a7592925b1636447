// The kernel's counters: the record of the call `counters`. Plain 64-bit words.

/// Counts since the start, to be subtracted from each other.
public struct KernelCounters: Sendable, BitwiseCopyable {
    /// The instruction counter of the hart that serves the call. Under QEMU's -icount it advances while the hart
    /// sleeps, too.
    public var instructions: UInt64 = 0
    /// What the instruction counters of all harts advanced by while they slept for want of work.
    public var idle: UInt64 = 0
    /// The instruction counter of the boot hart when firmware handed over.
    public var firstInstruction: UInt64 = 0
    /// Interrupts of devices, and of the timers.
    public var deviceInterrupts: UInt64 = 0
    public var timerInterrupts: UInt64 = 0
    /// Switches from one thread to another.
    public var switches: UInt64 = 0
    /// Interrupts by which a hart woke another one for a thread.
    public var wakeInterrupts: UInt64 = 0
    /// Nanoseconds that harts waited, all of them together, for the lock around the network stack, and for other locks.
    public var stackLockWait: UInt64 = 0
    public var lockWait: UInt64 = 0
    /// The most bytes that any process, any thread of the kernel's own, and an interrupt of an idle hart have had on
    /// their kernel stack since the start; 0 when it was not asked for.
    public var processStack: UInt64 = 0
    public var threadStack: UInt64 = 0
    public var interruptStack: UInt64 = 0

    public init() {}
}
