// The end: one report, whole, and then the machine stops. Every reason is unique, so that it can be found in the source.

import Machine
import Synchronization

/// Stops the machine because the kernel found itself wrong.
func panic(_ reason: StaticString) -> Never {
    Panic.report(reason, nil)
}

enum Panic {
    /// 0: no panic; else the panicking hart's index + 1.
    private static let owner = Atomic<UInt64>(0)

    /// Prints why, where and how it came there, and powers the machine off with a failure.
    static func report(_ reason: StaticString, _ frame: UnsafeMutablePointer<trap_frame>?) -> Never {
        _ = interrupts_disable()
        let hart = this_hart()
        let (first, previous) = owner.compareExchange(
            expected: 0, desired: hart.pointee.index + 1, ordering: .acquiringAndReleasing)
        if !first {
            // Another hart reports already; or this one failed while it reported.
            if previous == hart.pointee.index + 1 { Power.off(code: 1) }
            park()
        }
        Harts.interruptOthers()
        say("\npanic: \(reason)\n")
        if let current = hart.pointee.current?.assumingMemoryBound(to: Process.self) {
            say("hart \(hart.pointee.id), pid \(current.pointee.pid) (\(current.pointee.name))\n")
        } else {
            say("hart \(hart.pointee.id), before the first thread\n")
        }
        if let frame {
            let cause = frame.pointee.scause
            say("scause \(hex: cause) (\(TrapCause.name(cause)))  sepc \(hex: frame.pointee.sepc)  stval \(hex: frame.pointee.stval)\n")
            if cause == TrapCause.illegalInstruction {
                say("an overflow, an index out of range, a nil unwrapped or a failed precondition ends in such an instruction\n")
            }
            printRegisters(frame)
            Backtrace.print(from: frame)
        } else {
            Backtrace.print(pc: 0, framePointer: frame_pointer())
        }
        Power.off(code: 1)
    }

    /// From the interrupt that a panicking hart sends.
    static func stopIfPanicking() {
        if owner.load(ordering: .relaxed) != 0 { park() }
    }

    static func say(_ message: KernelMessage) { Console.printUnlocked(message) }

    private static func park() -> Never {
        _ = interrupts_disable()
        while true { wait_for_interrupt() }
    }

    private static func printRegisters(_ f: UnsafeMutablePointer<trap_frame>) {
        let r = f.pointee
        say(" ra \(hex: r.ra, digits: 16)  sp \(hex: r.sp, digits: 16)  gp \(hex: r.gp, digits: 16)  tp \(hex: r.tp, digits: 16)\n")
        say(" t0 \(hex: r.t0, digits: 16)  t1 \(hex: r.t1, digits: 16)  t2 \(hex: r.t2, digits: 16)  s0 \(hex: r.s0, digits: 16)\n")
        say(" s1 \(hex: r.s1, digits: 16)  a0 \(hex: r.a0, digits: 16)  a1 \(hex: r.a1, digits: 16)  a2 \(hex: r.a2, digits: 16)\n")
        say(" a3 \(hex: r.a3, digits: 16)  a4 \(hex: r.a4, digits: 16)  a5 \(hex: r.a5, digits: 16)  a6 \(hex: r.a6, digits: 16)\n")
        say(" a7 \(hex: r.a7, digits: 16)  s2 \(hex: r.s2, digits: 16)  s3 \(hex: r.s3, digits: 16)  s4 \(hex: r.s4, digits: 16)\n")
        say(" s5 \(hex: r.s5, digits: 16)  s6 \(hex: r.s6, digits: 16)  s7 \(hex: r.s7, digits: 16)  s8 \(hex: r.s8, digits: 16)\n")
        say(" s9 \(hex: r.s9, digits: 16) s10 \(hex: r.s10, digits: 16) s11 \(hex: r.s11, digits: 16)  t3 \(hex: r.t3, digits: 16)\n")
        say(" t4 \(hex: r.t4, digits: 16)  t5 \(hex: r.t5, digits: 16)  t6 \(hex: r.t6, digits: 16)  sstatus \(hex: r.sstatus)\n")
    }
}
