// State that a monitor guards, and waiting until it is as wanted: what the file system's tables and sleeping locks are
// made of.

import Storage

/// State that only `withLock` and `wait` reach. A copy names the same state.
struct Monitored<State: ~Copyable, M: Monitor> {
    private struct Cell: ~Copyable {
        let monitor: M
        /// Callers that wait; guarded by the monitor too.
        var waiting: Int32 = 0
        var state: State
    }

    private let cell: Ref<Cell>

    /// - Returns: nil without memory or a monitor for it.
    init?<P: FileSystemPlatform>(_ platform: P, _ state: consuming State) where P.Lock == M {
        guard let monitor = platform.makeMonitor(), let cell = platform.make(Cell(monitor: monitor, state: state))
        else { return nil }
        self.cell = cell
    }

    /// Runs `body` alone with the state. `body` calls neither the device nor a sink or source, and takes no other
    /// monitor.
    func withLock<R: ~Copyable, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        cell.value.monitor.acquire()
        defer { cell.value.monitor.release() }
        return try body(&cell.value.state)
    }

    /// The same, and lets all that wait look again if `body` sets its second argument: each of them may cost an
    /// interrupt of another hart, so only for a change that one of them waits for.
    func withLockWaking<R: ~Copyable, E: Error>(
        _ body: (inout State, _ wakes: inout Bool) throws(E) -> R
    ) throws(E) -> R {
        var wakes = false
        cell.value.monitor.acquire()
        defer {
            wakes = wakes && cell.value.waiting > 0
            cell.value.monitor.release()
            // Not before: those that wake take the monitor first.
            if wakes { cell.value.monitor.wakeAll() }
        }
        return try body(&cell.value.state, &wakes)
    }

    /// Runs `body` alone with the state, again whenever it may have changed, until the result is not nil.
    func wait<R: ~Copyable, E: Error>(until body: (inout State) throws(E) -> R?) throws(E) -> R {
        cell.value.monitor.acquire()
        defer { cell.value.monitor.release() }
        while true {
            if let result = try body(&cell.value.state) { return result }
            sleep()
        }
    }

    @inline(never)
    private func sleep() {
        cell.value.waiting += 1
        cell.value.monitor.wait()
        cell.value.waiting -= 1
    }

    /// A look without the monitor, at a word that may be outdated when this returns.
    @inline(__always)
    func peek<R>(_ look: (borrowing State) -> R) -> R { look(cell.value.state) }
}
