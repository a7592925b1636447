// The log: what one transaction changes reaches the disk as a whole or not at all, and `end` returns when it is there.
//
// Every operation that changes blocks brackets itself with `begin`, which reserves room, and `end`. Changed buffers are
// named with `note` and stay in memory until the last operation under way has ended; then all of them commit together:
//
//   log blocks → flush → header → flush: committed → home blocks
//
// The home blocks need no flush of their own, since the log still has them: the next transaction appends to the log
// instead of starting it afresh, and its header covers both. Only when the log has no room comes a checkpoint:
//
//   flush (the home blocks) → empty header → flush
//
// So between two flushes the device may reorder as it likes: what is not yet covered by a durable header goes only to
// slots of the log that no durable header counts, and slots are reused only after a durable empty header. Recovery,
// ours or xv6's, copies the slots home in order, so of two versions of one block the later wins.
//
// A transaction is short of nothing once `begin` has returned: each operation changes at most as many blocks as it
// reserved, counted by `note`. A write that fails leaves memory ahead of the disk: no operation joins until the same
// blocks were written, which every `begin` tries first; while that fails it throws inputOutput. Reading goes on.

import Storage
import SystemInterface

/// One operation's share of the transaction under way: from `Log.begin`, through every change, to `Log.end`. One that
/// ends without `end` gives its share back.
struct Transaction<P: FileSystemPlatform>: ~Copyable {
    fileprivate let log: Log<P>
    /// Blocks that may still be added.
    fileprivate(set) var room: Int
    /// Whether anything was changed, so that `end` has something to wait for.
    fileprivate var isChanged = false
    fileprivate var hasEnded = false

    fileprivate init(_ log: Log<P>, room: Int) {
        self.log = log
        self.room = room
    }

    deinit {
        if !hasEnded { _ = log.leave(room: room, isChanged: isChanged) }
    }

    /// Makes a changed buffer part of the transaction.
    /// - Throws: inputOutput if the operation reserved too little: a fault of ours, kept from harming the log.
    mutating func note(_ buffer: borrowing Buffer<P>) throws(SystemError) {
        isChanged = true
        if try log.note(buffer, hasRoom: room > 0) { room -= 1 }
    }

    /// Whether noting this buffer would cost nothing.
    func hasNoted(_ buffer: borrowing Buffer<P>) -> Bool { log.cache.isLogged(buffer) }

    /// Leaves the transaction, and returns when what it changed is on the disk.
    /// - Throws: inputOutput if it could not be written.
    consuming func end() throws(SystemError) {
        hasEnded = true
        if !log.leave(room: room, isChanged: isChanged) { throw .inputOutput }
    }
}

/// The log's tables.
struct LogParts<M: Monitor> {
    /// While `isWriting`, the slots and buffers belong to the caller that commits.
    struct State {
        /// Operations between begin and end, and the room they may still take.
        var operations = 0
        var reserved = 0
        /// Slots that a header on the disk covers; their blocks are home.
        var covered = 0
        /// Slots after those, of the transaction under way.
        var pending = 0
        var isWriting = false
        /// The last commit or checkpoint failed, and is to be repeated: what it was to write is still there.
        var hasFailed = false
        /// The number of the caller that found no room: no other joins before it. nil: there is room.
        var first: UInt64?
        /// The last number that was given to a caller without room.
        var lastNumber: UInt64 = 0
        /// Callers that wait to join, or for a log without operations.
        var waitingToEnter = 0
        /// Nothing more is written.
        var isClosed = false
        /// Counts commits.
        var generation: UInt64 = 0
    }

    let state: Monitored<State, M>
    /// Home block and buffer of each slot.
    let homes: Table<UInt32>
    let buffers: Table<Int32>
    let header: BlockRow

    init?<P: FileSystemPlatform>(_ platform: P, slots: Int) where P.Lock == M {
        guard let state = Monitored(platform, State()), let homes = platform.makeTable(slots, UInt32(0)),
            let buffers = platform.makeTable(slots, Int32(-1)), let header = BlockRow(platform, count: 1)
        else { return nil }
        self.state = state
        self.homes = homes
        self.buffers = buffers
        self.header = header
    }
}

/// The log as the rest of the file system uses it.
struct Log<P: FileSystemPlatform> {
    let system: FileSystem<P>
    var parts: LogParts<P.Lock> { system.volume.value.log }
    private var capacity: Int { system.layout.logCapacity }
    var cache: BlockCache<P> { system.cache }

    init(_ system: FileSystem<P>) { self.system = system }

    private enum Step { case joined, closed, repetition, checkpoint }

    /// Joins the transaction under way with room for `blocks` changes, or waits until there is room. One that waits for
    /// much room is not overtaken by those that need little.
    /// - Throws: inputOutput while writes fail, or when the log is closed.
    func begin(_ blocks: Int) throws(SystemError) -> Transaction<P> {
        let capacity = capacity
        var number: UInt64 = 0
        while true {
            let step = enter { state -> Step? in
                if state.isClosed { return .closed }
                if state.isWriting { return nil }
                if state.hasFailed {
                    state.isWriting = true
                    return .repetition
                }
                if state.first != nil && state.first != number { return nil }
                if state.covered + state.pending + state.reserved + blocks <= capacity {
                    state.operations += 1
                    state.reserved += blocks
                    state.first = nil
                    return .joined
                }
                if state.first == nil {
                    state.lastNumber += 1
                    number = state.lastNumber
                    state.first = number
                }
                if state.operations > 0 { return nil }
                state.isWriting = true
                return .checkpoint
            }
            switch step {
            case .joined: return Transaction(self, room: blocks)
            case .closed: throw .inputOutput
            case .repetition:
                guard repeatWrite() else {
                    giveUpTurn(number)
                    throw .inputOutput
                }
            case .checkpoint: _ = write(.checkpoint)
            }
        }
    }

    /// Lets the next caller that finds no room have the turn of one that ends without joining.
    private func giveUpTurn(_ number: UInt64) {
        parts.state.withLockWaking { state, wakes in
            if number != 0, state.first == number { state.first = nil }
            wakes = state.waitingToEnter > 0
        }
    }

    /// Waits, counted among those that wait to enter.
    private func enter<R>(_ body: (inout LogParts<P.Lock>.State) -> R?) -> R {
        var isCounted = false
        return parts.state.wait { state -> R? in
            if isCounted { state.waitingToEnter -= 1 }
            let result = body(&state)
            isCounted = result == nil
            if isCounted { state.waitingToEnter += 1 }
            return result
        }
    }

    /// - Returns: whether the buffer took a new slot.
    fileprivate func note(_ buffer: borrowing Buffer<P>, hasRoom: Bool) throws(SystemError) -> Bool {
        if cache.isLogged(buffer) { return false }
        guard hasRoom else { throw .inputOutput }
        // Only the owner of what the buffer contains notes it, so it cannot have become logged meanwhile by another
        // transaction's share; two shares that change one block (bitmap, inode block) hold its lock.
        let (block, isNew) = cache.setLogged(buffer)
        guard isNew else { return false }
        parts.state.withLock { state in
            let slot = state.covered + state.pending
            parts.homes[slot] = block
            parts.buffers[slot] = buffer.index
            state.pending += 1
            state.reserved -= 1
        }
        return true
    }

    /// Ends a share; the last one commits. Returns when the changes are on the disk; false if they could not be
    /// written.
    fileprivate func leave(room: Int, isChanged: Bool) -> Bool {
        let (generation, commits, isLast): (UInt64, Bool, Bool) = parts.state.withLockWaking { state, wakes in
            state.operations -= 1
            state.reserved -= room
            precondition(state.operations >= 0 && state.reserved >= 0, "more shares of a transaction ended than begun")
            let isLast = state.operations == 0
            let commits = isLast && state.pending > 0
            if commits { state.isWriting = true }
            wakes = !commits && state.waitingToEnter > 0 && (room > 0 || isLast)
            return (state.generation, commits, isLast)
        }
        if commits { return write(.commit) || !isChanged }
        guard isChanged, !isLast else { return true }
        return parts.state.wait { state -> Bool? in
            if state.generation != generation { return true }
            return state.hasFailed ? false : nil
        }
    }

    /// Empties the log, so that the disk is complete without it.
    /// - Throws: inputOutput if it could not be written.
    func synchronize() throws(SystemError) {
        while true {
            let step: Step = enter { state in
                if state.isWriting || state.operations > 0 { return nil }
                if state.covered == 0, !state.hasFailed { return .joined }
                state.isWriting = true
                return state.hasFailed ? .repetition : .checkpoint
            }
            switch step {
            case .repetition: guard repeatWrite() else { throw .inputOutput }
            case .checkpoint: guard write(.checkpoint) else { throw .inputOutput }
            case .joined, .closed: return
            }
        }
    }

    var isReadOnly: Bool { parts.state.withLock { $0.hasFailed || $0.isClosed } }

    /// Empties the log for good: each change fails from now on.
    /// - Throws: inputOutput if it could not be written.
    func close() throws(SystemError) {
        try synchronize()
        parts.state.withLock { $0.isClosed = true }
    }

    /// Empties the log if nothing was committed since the last call.
    /// - Parameter generation: what this call left in it last.
    func synchronizeIfIdle(since generation: inout UInt64) {
        let now: UInt64? = parts.state.withLock { state in
            (state.covered > 0 || state.hasFailed) && state.operations == 0 ? state.generation : nil
        }
        guard let now else { return }
        // A failure was reported, and is repeated the next time.
        if now == generation { do throws(SystemError) { try synchronize() } catch {} }
        generation = now
    }
}
