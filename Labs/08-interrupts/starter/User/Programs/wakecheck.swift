// wakecheck: what the grader of lab 8 counts: switches between threads and wake-up interrupts, never time.

import SystemInterface
import UserLibrary
import _Volatile

@main enum WakeCheck: Program {
    static let usage: StaticString = """
        usage: wakecheck turns|switches|spread|quiet
        Counts what the scheduler does for a known load. Prints "right", or what was expected and what came.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        guard arguments.count == 1 else { arguments.refuse("one question is wanted") }
        do throws(SystemError) {
            if arguments[0] == "turns" { return try turns() }
            if arguments[0] == "switches" { return try switches() }
            if arguments[0] == "spread" { return try spread() }
            if arguments[0] == "quiet" { return try quiet() }
        } catch { fail("\(error)") }
        arguments.refuse("there is no question \(arguments[0])")
    }

    private static func verdict(_ isRight: Bool, _ what: Text) -> Int32 {
        if isRight { print("right") } else { print(what) }
        return isRight ? 0 : 1
    }

    /// Two programs that compute on one hart take turns: at the end of each turn the other one goes on.
    private static func turns() throws(SystemError) -> Int32 {
        let (switches, timers) = try computeTwice()
        return verdict(
            switches * 2 >= timers,
            "two programs computed, on one hart: expected switches at least half as often as the \(timers) timer interrupts, came \(switches)"
        )
    }

    /// On one hart a byte that goes there and back costs two switches.
    private static func switches() throws(SystemError) -> Int32 {
        let before = System.counters().switches
        try roundTrips(1000)
        let count = System.counters().switches - before
        return verdict(
            count >= 2000 && count <= 2400, "switches in 1000 round trips: expected 2000 to 2400, came \(count)")
    }

    /// Two programs that compute have a hart each: they are not switched at the end of each turn.
    private static func spread() throws(SystemError) -> Int32 {
        let (switches, timers) = try computeTwice()
        return verdict(
            switches * 2 < timers,
            "two programs computed, on three harts: expected fewer switches than half of the \(timers) timer interrupts, came \(switches)"
        )
    }

    /// Switches, and interrupts of timers, while two programs compute.
    private static func computeTwice() throws(SystemError) -> (switches: UInt64, timers: UInt64) {
        let before = System.counters()
        for _ in 0..<2 where try System.fork() == 0 {
            spin(150_000_000)
            end(0)
        }
        for _ in 0..<2 { _ = try System.wait() }
        let after = System.counters()
        return (after.switches - before.switches, after.timerInterrupts - before.timerInterrupts)
    }

    /// A wake-up sends for one idle hart at most.
    private static func quiet() throws(SystemError) -> Int32 {
        let before = System.counters().wakeInterrupts
        try roundTrips(1000)
        let count = System.counters().wakeInterrupts - before
        return verdict(
            count <= 2500, "interrupts between harts in 1000 round trips: expected 2500 at most, came \(count)")
    }

    private static func spin(_ rounds: UInt32) {
        var place: UInt32 = 0
        withAddress(of: &place) { address in
            // the variable's own bytes
            let register = unsafe VolatileMappedRegister<UInt32>(unsafeBitPattern: address)
            for round in 0..<rounds { register.store(round) }
        }
    }

    /// One byte there and back, between two processes.
    private static func roundTrips(_ count: Int) throws(SystemError) {
        let there = try System.pipe(), back = try System.pipe()
        var byte = [1 of UInt8](repeating: 0)
        let child = try System.fork()
        if child == 0 {
            try System.close(there.write)
            while try read(there.read, &byte) == 1 { _ = try System.write(back.write, byte.span) }
            end(0)
        }
        for _ in 0..<count {
            _ = try System.write(there.write, byte.span)
            _ = try read(back.read, &byte)
        }
        for file in [there.write, there.read, back.write, back.read] { try System.close(file) }
        _ = try System.wait()
    }

    private static func read(_ file: FileDescriptor, _ byte: inout [1 of UInt8]) throws(SystemError) -> Int {
        var span = byte.mutableSpan
        return try System.read(file, into: &span)
    }
}
