// What the kernel counts of itself, for `bench`: instructions, interrupts, switches, and how deep the stacks went.

import Machine
import Storage
import Synchronization
import SystemInterface

enum KernelCounts {
    private static let firstInstruction = Atomic<UInt64>(0)

    /// Notes the instruction counter. Once, when firmware has handed over.
    static func start() { firstInstruction.store(read_instret(), ordering: .relaxed) }

    /// The counts of all harts together; the instruction counter is this hart's.
    static func read(stacks: Bool) -> KernelCounters {
        var counters = KernelCounters()
        counters.firstInstruction = firstInstruction.load(ordering: .relaxed)
        counters.deviceInterrupts = InterruptController.count
        for index in 0..<Scheduler.hartCount {
            let hart = Scheduler.hart(index)
            counters.idle &+= hart.value.idleInstructions
            counters.timerInterrupts &+= hart.value.timerInterrupts
            counters.switches &+= hart.value.switches
            counters.wakeInterrupts &+= hart.value.wakeInterrupts
        }
        counters.stackLockWait = Clock.nanoseconds(ofTicks: LockWaits.ofStack)
        counters.lockWait = Clock.nanoseconds(ofTicks: LockWaits.ofOthers)
        if stacks {
            counters.processStack = UInt64(SlotStacks.greatestDepth)
            counters.threadStack = UInt64(KernelThreads.deepestStack)
            counters.interruptStack = UInt64(IdleThreads.deepestStack)
        }
        counters.instructions = read_instret()
        return counters
    }
}
