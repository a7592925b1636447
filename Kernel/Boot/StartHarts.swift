// The harts at start-up: one structure each, found in the device tree, started through firmware (SBI HSM), each with an
// idle thread.

import Machine
import Storage
import Synchronization

enum StartHarts {
    /// Harts that run, the boot hart included: bit i is hart i.
    private static let running = Atomic<UInt32>(1)
    private static var runningCount: Int { running.load(ordering: .acquiring).nonzeroBitCount }

    /// Makes the structures of all harts. Once, during start-up.
    /// - Parameter id: the device tree's number of hart `index`; 0 is the boot hart.
    static func prepare(count: Int, hasSstc: Bool, id: (Int) -> UInt64) {
        let harts = BootMemory.makeTable(count) { index in
            hart(
                scratch: 0, emergency_stack: UInt64(KernelStacks.make()), idle_stack: UInt64(KernelStacks.make()),
                id: id(index),
                index: UInt64(index), thread: 0, held_locks: 0, scheduling: 0,
                root: UInt64(KernelSpace.table.address.rawValue), shall_leave_root: 0, page_reserve: 0)
        }
        Harts.start(harts, hasSstc: hasSstc)
        IdleThreads.start(harts)
        Scheduler.start(harts: count)
    }

    /// Makes the running code the idle thread of this hart and lets it take interrupts.
    static func enter() {
        Scheduler.becomeIdle(IdleThreads.own)
        write_sscratch(0)
        write_stvec(address_of_trap_entry())
        // User programs may read cycle, time and instret.
        write_scounteren(7)
        SleepTimers.arm()
        // Software, timer and external interrupts (sie.SSIE, STIE, SEIE).
        write_sie(1 << 1 | 1 << 5 | 1 << 9)
    }

    /// Starts all other harts, waits until each runs or firmware has said that it cannot be had, and gives them their
    /// part of the devices' interrupts.
    static func startOthers() {
        var expected = 1
        for index in 1..<max(Harts.count, 1) {
            let hart = Harts.hart(index)
            let entry = PhysicalAddress(directMapped: address_of_secondary_entry().uint)
            if Firmware.start(hart: hart.value.id, at: UInt64(entry.rawValue), argument: UInt64(hart.bits)) {
                expected += 1
            } else {
                kprint("hart \(hart.value.id) does not start: going on without it\n")
            }
        }
        // A busy host may take a while to run a thread for each hart.
        let limit = Clock.ticks + 10 * Clock.frequency
        while runningCount < expected {
            if Clock.ticks > limit {
                kprint("of \(expected) harts only \(runningCount) came up within ten seconds\n")
                break
            }
            spin_pause()
        }
        InterruptController.spread(over: running.load(ordering: .acquiring))
    }

    fileprivate static func arrived() { running.bitwiseOr(1 << UInt32(thisHart.value.index), ordering: .releasing) }
}

/// Where boot.S sends the other harts, on their idle stacks.
@c(secondary_main) func secondaryMain() {
    InterruptController.reopen()
    StartHarts.enter()
    StartHarts.arrived()
    Scheduler.idleLoop()
}

/// Where start_idle sends the boot hart.
@c(idle_main) func idleMain() {
    Scheduler.idleLoop()
}
