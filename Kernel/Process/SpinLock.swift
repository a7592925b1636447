// Locks that own their data: the state is reached only inside `withLock`.
//
// Lock order, outermost first. A thread that holds one takes only those further down:
//   network stack (ThreadLock) → file-system locks (Kernel/FileSystem says their order) → family → pipe → open-file table
//   → wait queue → timer queue → run queue → page magazine → page allocator → console
// Nothing sleeps under a SpinLock or a ThreadLock.

import Machine
import Synchronization

/// A lock that spins with this hart's interrupts off, so that interrupt handlers may take it too.
struct SpinLock<State: ~Copyable>: ~Copyable, @unchecked Sendable {
    private let held = Atomic<UInt32>(0)
    fileprivate var state: State

    init(_ state: consuming State) {
        self.state = state
    }

    /// Runs `body` alone with the state. `body` must not sleep.
    @inline(__always)
    mutating func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let interrupts = interrupts_disable()
        acquire(held)
        defer {
            held.store(0, ordering: .releasing)
            interrupts_restore(interrupts)
        }
        // The pointer goes through `launder`: the state changes on other harts between two calls.
        return try body(&withUnsafeMutablePointer(to: &state) { launder($0).assumingMemoryBound(to: State.self) }.pointee)
    }
}

extension SpinLock {
    /// A look at one word of the state without the lock: a hint, outdated when it returns.
    @inline(__always)
    mutating func peek<Result>(_ look: (borrowing State) -> Result) -> Result {
        look(withUnsafeMutablePointer(to: &state) { launder($0).assumingMemoryBound(to: State.self) }.pointee)
    }

    /// The state without the lock, for a panic: the holder may be the one that panicked.
    mutating func breakLock<Result>(_ body: (inout State) -> Result) -> Result {
        body(&withUnsafeMutablePointer(to: &state) { launder($0).assumingMemoryBound(to: State.self) }.pointee)
    }
}

/// A lock that spins with interrupts on, for data that no interrupt handler touches and that is worked on for longer: the
/// network stack. Threads are not preempted in the kernel, so the holder always gets on.
struct ThreadLock<State: ~Copyable>: ~Copyable, @unchecked Sendable {
    private let held = Atomic<UInt32>(0)
    private var state: State

    init(_ state: consuming State) {
        self.state = state
    }

    /// Runs `body` alone with the state. `body` must not sleep.
    @inline(__always)
    mutating func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout State) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let state = lock()
        defer { unlock() }
        return try body(&state.pointee)
    }

    /// Takes the lock, for whom a closure does not suit; `unlock` gives it back. The state is the caller's in between.
    @inline(__always)
    mutating func lock() -> UnsafeMutablePointer<State> {
        acquire(held)
        return withUnsafeMutablePointer(to: &state) { launder($0).assumingMemoryBound(to: State.self) }
    }

    @inline(__always)
    func unlock() { held.store(0, ordering: .releasing) }
}

@inline(__always)
private func acquire(_ held: borrowing Atomic<UInt32>) {
    if held.exchange(1, ordering: .acquiring) != 0 { acquireContended(held) }
}

@inline(never)
private func acquireContended(_ held: borrowing Atomic<UInt32>) {
    repeat {
        while held.load(ordering: .relaxed) != 0 { spin_pause() }
    } while held.exchange(1, ordering: .acquiring) != 0
}
