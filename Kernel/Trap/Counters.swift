// What the kernel counts of itself, for `bench`: instructions, interrupts, switches, and how deep the stacks went.

import Machine
import SystemInterface

enum Counters {
    /// The instruction counter when firmware handed over.
    nonisolated(unsafe) static var firstInstruction: UInt64 = 0

    /// The counts of all harts together; the instruction counter is this hart's.
    static func read(stacks: Bool) -> KernelCounters {
        var counters = KernelCounters()
        counters.firstInstruction = firstInstruction
        counters.deviceInterrupts = Interrupts.count
        for index in 0..<Scheduler.hartCount {
            let hart = Scheduler.harts + index
            counters.idle &+= hart.pointee.idleInstructions
            counters.timerInterrupts &+= hart.pointee.timerInterrupts
            counters.switches &+= hart.pointee.switches
        }
        if stacks {
            counters.processStack = UInt64(ProcessTable.deepestStack)
            counters.threadStack = UInt64(ProcessTable.deepestKernelThreadStack)
            counters.interruptStack = UInt64(Harts.deepestIdleStack)
        }
        counters.instructions = read_instret()
        return counters
    }
}
