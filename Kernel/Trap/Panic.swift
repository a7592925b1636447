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
            Backtrace.print()
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

    private static func printRegisters(_ frame: UnsafeMutablePointer<trap_frame>) {
        // x1 to x31 lie in the frame in this order; five bytes a name.
        let names: StaticString =
            "  ra   sp   gp   tp   t0   t1   t2   s0   s1   a0   a1   a2   a3   a4   a5   a6   a7   s2   s3   s4   s5   s6   s7   s8   s9  s10  s11   t3   t4   t5   t6 "
        let registers = UnsafeRawPointer(frame).assumingMemoryBound(to: UInt64.self)
        for index in 0..<31 {
            var line: KernelMessage = ""
            for place in 5 * index..<5 * index + 5 { line.append(byte: names.utf8Start[place]) }
            line.append(hex: registers[index], digits: 16)
            if index % 4 == 3 { line.append(byte: 10) }
            say(line)
        }
        say("  sstatus \(hex: frame.pointee.sstatus)\n")
    }
}
