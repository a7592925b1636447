// How a measure is taken: the kernel's counters before and after so many runs of an operation, what the harts slept
// subtracted.
//
// Under QEMU's -icount the instruction counter is the machine's time: it advances while a hart sleeps, too. The kernel
// counts that apart (KernelCounters.idle), so what remains is what was executed: in the program, in the kernel, in
// interrupts, of whatever kind.

import SystemInterface
import UserLibrary

/// What was executed between two moments.
struct Interval {
    let before: KernelCounters
    let after: KernelCounters

    /// Instructions, the reading of the counters left out.
    var instructions: UInt64 {
        let all = after.instructions &- before.instructions &- (after.idle &- before.idle)
        return all > Bench.overhead ? all - Bench.overhead : 0
    }

    var deviceInterrupts: UInt64 { after.deviceInterrupts &- before.deviceInterrupts }
}

extension Bench {
    /// What reading the counters twice takes.
    private(set) static var overhead: UInt64 {
        get { unsafe storedOverhead }  // a program has one thread
        set { unsafe storedOverhead = newValue }
    }

    nonisolated(unsafe) private static var storedOverhead: UInt64 = 0  // a program has one thread

    static func calibrate() {
        var least = UInt64.max
        for _ in 0..<8 {
            let before = System.counters()
            let after = System.counters()
            least = min(least, after.instructions &- before.instructions)
        }
        overhead = least
    }

    /// Runs `body` a few times to warm up and then `count` times between two looks at the counters.
    static func interval(
        _ count: Int, warmUp: Int = 2, _ body: () throws(SystemError) -> Void
    ) throws(SystemError) -> Interval {
        for _ in 0..<warmUp { try body() }
        try pause("begin")
        let before = System.counters()
        for _ in 0..<count { try body() }
        let interval = Interval(before: before, after: System.counters())
        try pause("end")
        return interval
    }

    /// With -p: stops until the host has looked at its own counters, and writes a newline.
    private static func pause(_ moment: StaticString) throws(SystemError) {
        guard hasPauses else { return }
        print("# \(moment)")
        var byte: [UInt8] = [0]
        _ = try readPiece(.standardInput, into: &byte)
    }

    /// -p was given.
    static var hasPauses: Bool {
        get { unsafe storedPauses }  // a program has one thread
        set { unsafe storedPauses = newValue }
    }

    nonisolated(unsafe) private static var storedPauses = false  // a program has one thread

    /// Measures and prints: instructions for one run of `body`, which does the operation `times` times.
    static func measure(
        _ name: StaticString, _ count: Int, times: Int = 1, warmUp: Int = 2, _ body: () throws(SystemError) -> Void
    ) throws(SystemError) {
        show(name, try interval(count, warmUp: warmUp, body).instructions, of: count * times)
    }

    /// One line of the result: what the operation is called, a tab, instructions for one.
    static func show(_ name: StaticString, _ instructions: UInt64, of count: Int = 1) {
        if hasPauses { print("# of \(count)") }
        print("\(name)\t\((instructions + UInt64(count) / 2) / UInt64(count))")
    }
}
