// The harts: one structure each, found in the device tree, started through firmware (SBI HSM), each with an idle thread.

import Machine
import Synchronization

/// What the kernel makes use of; more harts than this stay asleep.
let maximumHarts = 8

enum Harts {
    nonisolated(unsafe) private static var table = UnsafeMutablePointer<hart>(bitPattern: 8).unsafelyUnwrapped
    nonisolated(unsafe) private(set) static var count = 0
    nonisolated(unsafe) private static var hasSstc = false
    nonisolated(unsafe) private static var idleThreads = UnsafeMutablePointer<Process>(bitPattern: 8).unsafelyUnwrapped
    /// Harts that run, the boot hart included.
    private static let running = Atomic<Int>(1)

    /// Makes the structures; `ids` gives the hart numbers, the boot hart's first.
    static func prepare(count: Int, hasSstc: Bool, id: (Int) -> UInt64) {
        self.count = count
        self.hasSstc = hasSstc
        table = bootTable(hart.self, count)
        idleThreads = bootTable(Process.self, count)
        for index in 0..<count {
            let idleStack = KernelStacks.make()
            table[index] = hart(
                scratch: 0, emergency_stack: UInt64(KernelStacks.make()), idle_stack: UInt64(idleStack), id: id(index),
                index: UInt64(index), current: nil)
            (idleThreads + index).initialize(to: Process(stackTop: idleStack, isKernelThread: true))
            (idleThreads + index).pointee.setName("idle")
        }
        set_hart_table(table, UInt64(count))
        set_this_hart(table)
        Scheduler.start(harts: count, table: bootTable(HartState.self, count))
        TimerQueue.start(harts: count, table: bootTable(HartTimers.self, count))
    }

    /// Makes the running code the idle thread of this hart and lets it take interrupts.
    static func enter() {
        Scheduler.becomeIdle(idleThreads + Int(this_hart().pointee.index))
        write_sscratch(0)
        write_stvec(address_of_trap_entry())
        // User programs may read cycle, time and instret.
        write_scounteren(7)
        TimerQueue.arm()
        // Software, timer and external interrupts (sie.SSIE, STIE, SEIE).
        write_sie(1 << 1 | 1 << 5 | 1 << 9)
    }

    /// Starts all other harts, and waits until each runs or firmware has said that it cannot be had.
    static func startOthers() {
        var expected = 1
        for index in 1..<max(count, 1) {
            let entry = PhysicalAddress(directMapped: address_of_secondary_entry().uint)
            let argument = UInt64(UInt(bitPattern: table + index))
            if Firmware.start(hart: table[index].id, at: entry, argument: argument) {
                expected += 1
            } else {
                kprint("hart \(table[index].id) does not start: going on without it\n")
            }
        }
        let limit = Clock.ticks + Clock.frequency
        while running.load(ordering: .acquiring) < expected {
            if Clock.ticks > limit {
                kprint("of \(expected) harts only \(running.load(ordering: .relaxed)) came up within a second\n")
                break
            }
            spin_pause()
        }
    }

    fileprivate static func arrived() { running.wrappingAdd(1, ordering: .releasing) }

    /// Makes hart number `index` look at its run queue.
    static func interrupt(_ index: Int) { Firmware.interrupt(hart: table[index].id) }

    /// Makes every other hart look whether there is a panic.
    static func interruptOthers() {
        let own = Int(this_hart().pointee.index)
        for index in 0..<count where index != own { interrupt(index) }
    }

    /// The most that was ever on an idle thread's stack: its own few words, and the interrupts that it takes.
    static var deepestIdleStack: UInt {
        var deepest: UInt = 0
        for index in 0..<count { deepest = max(deepest, KernelStacks.depth(top: idleThreads[index].stackTop)) }
        return deepest
    }

    static func setTimer(_ deadline: UInt64) {
        if hasSstc { write_stimecmp(deadline) } else { Firmware.setTimer(deadline) }
    }
}

/// Room for `count` values that stays for ever, cleared but not initialised.
func bootTable<T: ~Copyable>(_ type: T.Type, _ count: Int) -> UnsafeMutablePointer<T> {
    guard let memory = Pages.allocateContiguous(bytes: max(1, count * MemoryLayout<T>.stride)) else {
        panic("not enough memory to start: give the machine more (MEM=128M is the usual size)")
    }
    return memory.pointer.bindMemory(to: T.self, capacity: count)
}

/// Where boot.S sends the other harts, on their idle stacks.
@c(secondary_main) func secondaryMain() {
    Harts.enter()
    Harts.arrived()
    Scheduler.idleLoop()
}

/// Where start_idle sends the boot hart.
@c(idle_main) func idleMain() {
    Scheduler.idleLoop()
}
