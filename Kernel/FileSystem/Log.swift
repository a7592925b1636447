// The log: what one transaction changes reaches the disk as a whole or not at all, and `end` returns when it is there.
//
// Every operation that changes blocks brackets itself with `begin`, which reserves room, and `end`. Changed buffers are named
// with `note` and stay in memory until the last operation under way has ended; then all of them commit together:
//
//   log blocks → flush → header → flush: committed → home blocks
//
// The home blocks need no flush of their own, since the log still has them: the next transaction appends to the log instead of
// starting it afresh, and its header covers both. Only when the log has no room comes a checkpoint:
//
//   flush (the home blocks) → empty header → flush
//
// So between two flushes the device may reorder as it likes: what is not yet covered by a durable header goes only to slots of
// the log that no durable header counts, and slots are reused only after a durable empty header. Recovery, ours or xv6's,
// copies the slots home in order, so of two versions of one block the later wins.
//
// A transaction is short of nothing once `begin` has returned: each operation changes at most as many blocks as it reserved,
// counted by `note`. A write that fails leaves memory ahead of the disk, so from then on nothing is written and every `begin`
// throws inputOutput; reading goes on.

import SystemInterface

/// One operation's share of the transaction under way: from `Log.begin`, through every change, to `Log.end`.
struct Transaction {
    /// Blocks that may still be added.
    fileprivate(set) var room: Int
    /// Whether anything was changed, so that `end` has something to wait for.
    fileprivate(set) var changed = false
}

/// Guarded by its monitor. While `committing`, the slots and buffers belong to whoever commits.
struct LogState<M: Monitor> {
    let monitor: M
    /// Operations between begin and end, and the room they may still take.
    var operations = 0
    var reserved = 0
    /// Slots that a header on the disk covers; their blocks are home.
    var covered = 0
    /// Slots after those, of the transaction under way.
    var pending = 0
    var committing = false
    var failed = false
    /// Counts commits.
    var generation: UInt64 = 0
    var waiting: Int32 = 0
}

/// A handle to the log.
struct Log<P: FileSystemPlatform> {
    let cache: BlockCache<P>
    let start: UInt32
    let capacity: Int
    private let state: UnsafeMutablePointer<LogState<P.Lock>>
    /// Home block and buffer of each slot.
    private let homes: UnsafeMutablePointer<UInt32>
    private let buffers: UnsafeMutablePointer<Int32>
    private let header: UnsafeMutableRawPointer

    init?(platform: P, cache: BlockCache<P>, layout: DiskLayout) {
        guard let monitor = platform.makeMonitor(),
            let state = platform.table(of: LogState<P.Lock>.self, count: 1),
            let homes = platform.table(of: UInt32.self, count: layout.logCapacity),
            let buffers = platform.table(of: Int32.self, count: layout.logCapacity),
            let header = platform.allocate(byteCount: blockSize, alignment: blockSize)
        else { return nil }
        state.initialize(to: LogState(monitor: monitor))
        homes.initialize(repeating: 0, count: layout.logCapacity)
        buffers.initialize(repeating: -1, count: layout.logCapacity)
        clearBlock(header)
        self.cache = cache
        self.state = state
        self.homes = homes
        self.buffers = buffers
        self.header = header
        start = layout.logStart
        capacity = layout.logCapacity
    }

    /// Joins the transaction under way with room for `blocks` changes, or waits until there is room.
    func begin(_ blocks: Int) throws(SystemError) -> Transaction {
        let monitor = state.pointee.monitor
        monitor.acquire()
        while true {
            if state.pointee.failed {
                monitor.release()
                throw .inputOutput
            }
            if state.pointee.committing {
                wait()
            } else if state.pointee.covered + state.pointee.pending + state.pointee.reserved + blocks <= capacity {
                break
            } else if state.pointee.operations > 0 {
                wait()
            } else {
                alone(.checkpoint)
            }
        }
        state.pointee.operations += 1
        state.pointee.reserved += blocks
        monitor.release()
        return Transaction(room: blocks)
    }

    /// Makes a changed buffer part of the transaction. The caller has it pinned.
    func note(_ buffer: Buffer, _ transaction: inout Transaction) throws(SystemError) {
        let monitor = state.pointee.monitor
        transaction.changed = true
        monitor.acquire()
        let header = cache.headers + Int(buffer.index)
        if !header.pointee.logged {
            guard transaction.room > 0 else {
                monitor.release()
                throw .inputOutput  // an operation that reserved too little: a fault of ours, kept from harming the log
            }
            let slot = state.pointee.covered + state.pointee.pending
            homes[slot] = header.pointee.block
            buffers[slot] = buffer.index
            header.pointee.logged = true
            transaction.room -= 1
            state.pointee.pending += 1
            state.pointee.reserved -= 1
        }
        monitor.release()
    }

    /// Whether noting this buffer would cost nothing. For a caller inside a transaction.
    func isNoted(_ buffer: Buffer) -> Bool { cache.headers[Int(buffer.index)].logged }

    /// Leaves the transaction, and returns when what it changed is on the disk.
    /// - Throws: inputOutput if it could not be written.
    func end(_ transaction: Transaction) throws(SystemError) {
        let monitor = state.pointee.monitor
        monitor.acquire()
        state.pointee.operations -= 1
        state.pointee.reserved -= transaction.room
        if state.pointee.operations > 0 {
            wakeWaiting()
            let generation = state.pointee.generation
            while transaction.changed, state.pointee.generation == generation, !state.pointee.failed { wait() }
        } else if state.pointee.pending > 0 {
            alone(.commit)
        } else {
            wakeWaiting()
        }
        let failed = state.pointee.failed && transaction.changed
        monitor.release()
        if failed { throw .inputOutput }
    }

    /// Empties the log, so that the disk is complete without it.
    func synchronize() throws(SystemError) {
        let monitor = state.pointee.monitor
        monitor.acquire()
        while state.pointee.committing || state.pointee.operations > 0 { wait() }
        if state.pointee.covered > 0, !state.pointee.failed { alone(.checkpoint) }
        let failed = state.pointee.failed
        monitor.release()
        if failed { throw .inputOutput }
    }

    // MARK: Writing

    private enum Work { case commit, checkpoint }

    /// Writes without the monitor while everyone else keeps out; the state follows with the monitor acquired again.
    /// A failure is final.
    private func alone(_ work: Work) {
        let monitor = state.pointee.monitor
        let covered = state.pointee.covered
        let pending = state.pointee.pending
        state.pointee.committing = true
        monitor.release()
        var failed = false
        do throws(SystemError) {
            switch work {
            case .commit: try commit(first: covered, count: pending)
            case .checkpoint: try checkpoint()
            }
        } catch {
            failed = true
        }
        monitor.acquire()
        if failed {
            state.pointee.failed = true
        } else if work == .commit {
            state.pointee.covered = covered + pending
            state.pointee.pending = 0
            state.pointee.generation += 1
        } else {
            state.pointee.covered = 0
        }
        state.pointee.committing = false
        wakeWaiting()
    }

    private func commit(first: Int, count: Int) throws(SystemError) {
        try cache.device.write(count) {
            BlockRequest(block: start + 1 + UInt32(first + $0), memory: cache.data(of: buffers[first + $0]))
        }
        try cache.device.flush()
        try writeHeader(first + count)
        try cache.device.write(count) { BlockRequest(block: homes[first + $0], memory: cache.data(of: buffers[first + $0])) }
        cache.unlog(count) { buffers[first + $0] }
    }

    private func checkpoint() throws(SystemError) {
        try cache.device.flush()
        try writeHeader(0)
    }

    private func writeHeader(_ count: Int) throws(SystemError) {
        LogHeader.encode(count, into: header) { homes[$0] }
        try cache.device.write(1) { _ in BlockRequest(block: start, memory: header) }
        try cache.device.flush()
    }

    private func wakeWaiting() {
        if state.pointee.waiting > 0 { state.pointee.monitor.wakeAll() }
    }

    @inline(never)
    private func wait() {
        state.pointee.waiting += 1
        state.pointee.monitor.wait()
        state.pointee.waiting -= 1
    }
}
