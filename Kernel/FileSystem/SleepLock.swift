// Sleeping locks, built from a monitor: held while waiting for the disk or copying to a user, by one writer or many readers.
//
// A waiting writer holds new readers off, so that readers cannot starve it; therefore nobody takes one twice, not even to read.

/// The memory of one sleeping lock; lives in a table and is only touched with its monitor acquired.
struct SleepLockState<M: Monitor> {
    let monitor: M
    var readers: Int32 = 0
    var waitingWriters: Int32 = 0
    var waiting: Int32 = 0
    var writer = false
}

/// A handle to a sleeping lock. Fields are reached through the pointer at each use, since other harts change them.
struct SleepLock<M: Monitor> {
    let state: UnsafeMutablePointer<SleepLockState<M>>

    /// Waits until nobody else has it.
    func acquire() {
        let monitor = state.pointee.monitor
        monitor.acquire()
        state.pointee.waitingWriters += 1
        while state.pointee.writer || state.pointee.readers > 0 { wait(monitor) }
        state.pointee.waitingWriters -= 1
        state.pointee.writer = true
        monitor.release()
    }

    func release() {
        let monitor = state.pointee.monitor
        monitor.acquire()
        state.pointee.writer = false
        if state.pointee.waiting > 0 { monitor.wakeAll() }
        monitor.release()
    }

    /// Waits until no writer has it or wants it.
    func acquireShared() {
        let monitor = state.pointee.monitor
        monitor.acquire()
        while state.pointee.writer || state.pointee.waitingWriters > 0 { wait(monitor) }
        state.pointee.readers += 1
        monitor.release()
    }

    func releaseShared() {
        let monitor = state.pointee.monitor
        monitor.acquire()
        state.pointee.readers -= 1
        if state.pointee.waiting > 0, state.pointee.readers == 0 { monitor.wakeAll() }
        monitor.release()
    }

    private func wait(_ monitor: M) {
        state.pointee.waiting += 1
        monitor.wait()
        state.pointee.waiting -= 1
    }
}
