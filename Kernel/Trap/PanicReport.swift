// The end: one report, whole, and then the machine stops.

import Machine
import Storage
import Synchronization

enum PanicReport {
    /// 0: no panic; else the panicking hart's index + 1.
    private static let owner = Atomic<UInt64>(0)

    /// Prints why, where and how it came there, and powers the machine off with a failure.
    static func write(_ reason: StaticString, _ frame: Ref<trap_frame>?) -> Never {
        var message = KernelMessage()
        message.append(reason)
        write(message, frame)
    }

    fileprivate static func write(_ reason: KernelMessage, _ frame: Ref<trap_frame>?) -> Never {
        _ = interrupts_disable()
        let hart = thisHart
        let (first, previous) = owner.compareExchange(
            expected: 0, desired: hart.value.index + 1, ordering: .acquiringAndReleasing)
        if !first {
            // Another hart reports already; or this one failed while it reported.
            if previous == hart.value.index + 1 { Power.off(code: 1) }
            park()
        }
        Harts.interruptOthers()
        say("\npanic: ")
        say(reason)
        say("\n")
        #if CHECKS
            sayLocks(hart.value.held_locks)
        #endif
        if hart.value.thread != 0 {
            let thread = currentThread
            say("hart \(hart.value.id), pid \(thread.value.pid.load(ordering: .relaxed)) (\(thread.value.name))\n")
        } else {
            say("hart \(hart.value.id), before the first thread\n")
        }
        if let frame {
            let cause = frame.value.scause
            say(
                "scause \(hex: cause) (\(TrapCause.name(cause)))  sepc \(hex: frame.value.sepc)  stval \(hex: frame.value.stval)\n"
            )
            if cause == TrapCause.illegalInstruction {
                say(
                    "an overflow, an index out of range, a nil unwrapped or a failed precondition ends in such an instruction\n"
                )
            }
            printRegisters(frame)
            Backtrace.print(from: frame)
        } else {
            Backtrace.print()
        }
        Power.off(code: 1)
    }

    /// From the interrupt that a panicking hart sends.
    static func stopIfPanicking() {
        if owner.load(ordering: .relaxed) != 0 { park() }
    }

    #if CHECKS
        /// The locks that the hart holds, and the one that it was refused.
        private static func sayLocks(_ held: UInt64) {
            for number: UInt32 in 0..<64 where held >> UInt64(number) & 1 != 0 {
                if let rank = LockRank(rawValue: number) { say("the hart holds the lock: \(rank.name)\n") }
            }
            if let wanted = LockRank(rawValue: LockOrder.wanted.load(ordering: .relaxed)) {
                say("and wants the lock: \(wanted.name)\n")
            }
        }
    #endif

    static func say(_ message: KernelMessage) { ConsoleOutput.printUnlocked(message) }

    private static func park() -> Never {
        _ = interrupts_disable()
        while true { wait_for_interrupt() }
    }

    private static func printRegisters(_ frame: Ref<trap_frame>) {
        // x1 to x31 lie in the frame in this order; five bytes a name.
        let names: StaticString =
            "  ra   sp   gp   tp   t0   t1   t2   s0   s1   a0   a1   a2   a3   a4   a5   a6   a7   s2   s3   s4   s5   s6   s7   s8   s9  s10  s11   t3   t4   t5   t6 "
        for index in 0..<31 {
            var line: KernelMessage = ""
            // 31 names of 5 bytes
            for place in 5 * index..<5 * index + 5 { line.append(byte: unsafe names.utf8Start[place]) }
            line.append(hex: read_word(UInt64(frame.bits) + UInt64(8 * index)), digits: 16)
            if index % 4 == 3 { line.append(byte: 10) }
            say(line)
        }
        say("  sstatus \(hex: frame.value.sstatus)\n")
    }
}

/// What `panic` calls (Kernel/Hart/Panic.swift), from any room.
@c(report_panic) func reportPanic(_ reason: UnsafePointer<UInt8>, _ length: UInt64) {
    var message = KernelMessage()
    for index in 0..<Int(length) { message.append(byte: unsafe reason[index]) }  // a constant text of this length
    PanicReport.write(message, nil)
}
