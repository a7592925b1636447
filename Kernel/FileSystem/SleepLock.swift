// Sleeping locks, built from a monitor: held while waiting for the disk or copying to a user, by one writer or many
// readers.
//
// A waiting writer holds new readers off, so that readers cannot starve it; therefore no caller takes one twice, not
// even to read.

/// What a sleeping lock knows.
struct SleepLockState {
    var readers: Int32 = 0
    var waitingWriters: Int32 = 0
    var isHeldByWriter = false
}

/// A sleeping lock. A copy names the same lock.
struct SleepLock<M: Monitor> {
    private let state: Monitored<SleepLockState, M>

    init?<P: FileSystemPlatform>(_ platform: P) where P.Lock == M {
        guard let state = Monitored(platform, SleepLockState()) else { return nil }
        self.state = state
    }

    /// Runs `body` while no other caller has the lock.
    @inline(__always)
    func withLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        acquire()
        defer { release() }
        return try body()
    }

    /// Runs `body` while no writer has the lock.
    @inline(__always)
    func withSharedLock<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        acquireShared()
        defer { releaseShared() }
        return try body()
    }

    @inline(never)
    private func acquire() {
        var isCounted = false
        state.wait { state -> Void? in
            guard state.isHeldByWriter || state.readers > 0 else {
                state.isHeldByWriter = true
                if isCounted { state.waitingWriters -= 1 }
                return ()
            }
            if !isCounted { state.waitingWriters += 1 }
            isCounted = true
            return nil
        }
    }

    @inline(never)
    private func release() {
        state.withLockWaking { state, wakes in
            state.isHeldByWriter = false
            wakes = true
        }
    }

    @inline(never)
    private func acquireShared() {
        state.wait { state -> Void? in
            guard !state.isHeldByWriter, state.waitingWriters == 0 else { return nil }
            state.readers += 1
            return ()
        }
    }

    @inline(never)
    private func releaseShared() {
        state.withLockWaking { state, wakes in
            state.readers -= 1
            wakes = state.readers == 0
        }
    }
}
