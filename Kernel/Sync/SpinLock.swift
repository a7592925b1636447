// Locks that own their data: the state is reached only inside `withLock`. LockOrder.swift says which may be held
// together.

import Machine
import Storage
import Synchronization

/// What a lock does with its hart's interrupts while it is held.
protocol InterruptPolicy {
    /// Enters the locked section; what it returns is given to `leave`.
    static func enter() -> UInt64
    static func leave(_ previous: UInt64)
}

/// Interrupts are off, so that interrupt handlers may take the lock too.
enum InterruptsOff: InterruptPolicy {
    @inline(__always) static func enter() -> UInt64 { interrupts_disable() }
    @inline(__always) static func leave(_ previous: UInt64) { interrupts_restore(previous) }
}

/// Interrupts stay as they are. Threads are not preempted in the kernel, so the holder always gets on.
enum InterruptsUnchanged: InterruptPolicy {
    @inline(__always) static func enter() -> UInt64 { 0 }
    @inline(__always) static func leave(_ previous: UInt64) {}
}

/// Which accesses a lock orders at both ends, beside those that its word's acquire and release order.
protocol AccessOrder {
    static func fence()
}

/// Memory only: acquire and release are enough.
enum MemoryOrder: AccessOrder {
    @inline(__always) static func fence() {}
}

/// Device registers too. RISC-V's acquire and release leave I/O accesses out (unprivileged specification, "RVWMO": they
/// order the memory domain), so two harts that take turns at a device could have their register accesses seen in the
/// wrong order.
enum DeviceOrder: AccessOrder {
    @inline(__always) static func fence() { fence_io() }
}

/// A spinning lock and the state that it owns. A constant of the program, or a part of a value made at boot; boot gives
/// it its state.
struct Lock<State: ~Copyable, Masking: InterruptPolicy, Order: AccessOrder>: ~Copyable, Sendable {
    private let word: LockWord
    private let state = BootValue<State>()

    init(_ rank: LockRank) { word = LockWord(rank) }

    /// Gives the lock its state. Once, before another hart runs.
    func start(at place: Ref<State>) { state.install(place) }

    /// Whether the lock has its state.
    @inline(__always)
    var isStarted: Bool { state.isSet }

    /// Runs `body` alone with the state. `body` does not sleep.
    @inline(__always)
    func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let interrupts = Masking.enter()
        word.acquire()
        Order.fence()
        defer {
            Order.fence()
            word.release()
            Masking.leave(interrupts)
        }
        return try body(&state.value)
    }

    /// The state without the lock, for a panic: the holder may be the hart that panicked.
    func breakLock<Result>(_ body: (inout State) -> Result) -> Result? {
        guard let place = state.ref else { return nil }
        return body(&place.value)
    }
}

extension Lock where Masking == InterruptsUnchanged, State: ~Copyable {
    /// Takes the lock where a closure does not suit: the holder's own handle gives it back by `release`.
    @inline(__always)
    func acquire() -> Ref<State>? {
        word.acquire()
        Order.fence()
        return state.ref
    }

    @inline(__always)
    func release() {
        Order.fence()
        word.release()
    }
}

/// For state that interrupt handlers use too.
typealias SpinLock<State: ~Copyable> = Lock<State, InterruptsOff, MemoryOrder>
/// For device registers and what belongs to them.
typealias DeviceLock<State: ~Copyable> = Lock<State, InterruptsOff, DeviceOrder>
/// For devices that no interrupt handler touches and that are worked on for longer: the network stack.
typealias ThreadLock<State: ~Copyable> = Lock<State, InterruptsUnchanged, DeviceOrder>
