// A lock to hold for long: who finds it taken sleeps. And the monitor from which the file system builds its own locks.

import FileSystem
import Machine
import Synchronization

/// One holder at a time; the holder may sleep. Lies at an address that does not change.
struct SleepMutex: ~Copyable {
    private let held = Atomic<UInt32>(0)
    private var waiters = WaitQueue()

    mutating func lock() {
        if tryLock() { return }
        // `held` alone decides, so it is named here instead of self, which the wait queue is part of.
        let this = withUnsafeMutablePointer(to: &self) { $0 }
        waiters.waitUninterrupted { this.pointee.tryLock() }
    }

    mutating func unlock() {
        held.store(0, ordering: .sequentiallyConsistent)
        waiters.wakeOne()
    }

    private func tryLock() -> Bool {
        held.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
    }
}

/// The file system's short lock with a wait queue (FileSystem/Platform.swift says what it promises).
struct KernelMonitor: Monitor {
    struct State: ~Copyable {
        fileprivate let held = Atomic<UInt32>(0)
        fileprivate var interrupts: UInt64 = 0
        fileprivate var waiters = WaitQueue()
        init() {}
    }

    let state: UnsafeMutablePointer<State>

    @inline(__always)
    func acquire() {
        let interrupts = interrupts_disable()
        while state.pointee.held.exchange(1, ordering: .acquiring) != 0 { spin_pause() }
        state.pointee.interrupts = interrupts
    }

    @inline(__always)
    func release() {
        let interrupts = state.pointee.interrupts
        state.pointee.held.store(0, ordering: .releasing)
        interrupts_restore(interrupts)
    }

    @inline(never)
    func wait() {
        state.pointee.waiters.sleepOnce { release() }
        acquire()
    }

    func wakeAll() { state.pointee.waiters.wakeAll() }
}
