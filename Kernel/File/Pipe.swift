// Pipes: a page of bytes between writers and readers. The bytes are copied straight from and to user memory, under the
// pipe's lock; a thread that finds no room or no bytes sleeps, on the queue of its side.

import Machine
import Storage
import Synchronization
import SystemInterface

typealias PipeRef = Ref<Pipe>

/// One of the two ends of a pipe. Its end closes it, and with the last one the pipe goes.
struct PipeEnd: ~Copyable {
    let pipe: PipeRef
    private let writes: Bool

    fileprivate init(_ pipe: PipeRef, writes: Bool) {
        self.pipe = pipe
        self.writes = writes
    }

    deinit {
        if pipe.close(writeEnd: writes) { Pipes.putBack(pipe) }
    }

    /// Bits of PollEntry. At the end of the bytes a read returns 0 at once: readable, and the writers hung up; without
    /// a reader a write fails at once.
    var readiness: Int16 {
        pipe.value.state.withLock { state in
            if writes {
                if !state.isReadOpen { return PollEntry.writable | PollEntry.error }
                return state.filled < Int(pageSize) ? PollEntry.writable : 0
            }
            let hungUp = state.isWriteOpen ? 0 : PollEntry.hangUp
            return state.filled > 0 || !state.isWriteOpen ? PollEntry.readable | hungUp : 0
        }
    }

    func withPollQueue(_ body: (borrowing PollQueue) -> Void) {
        writes ? body(pipe.value.writePollers) : body(pipe.value.readPollers)
    }
}

struct Pipe: ~Copyable {
    fileprivate struct State: ~Copyable {
        /// While an end is open.
        var buffer: Page?
        /// Bytes read and written since the pipe was made, modulo 2^32.
        var read: UInt32 = 0
        var written: UInt32 = 0
        var isReadOpen = false
        var isWriteOpen = false

        var filled: Int { Int(written &- read) }
    }

    fileprivate let state = SpinLock<State>(.pipe)
    fileprivate let readers = WaitQueue()
    fileprivate let writers = WaitQueue()
    fileprivate let readPollers = PollQueue()
    fileprivate let writePollers = PollQueue()
    fileprivate var freePlace = ListNode<Pipe>()

    fileprivate var statePlace = State()

    fileprivate init() {}
}

extension Ref where Value == Pipe {
    fileprivate var freeNode: Ref<ListNode<Pipe>> { unsafe node(&value.freePlace) }  // a stored property of the pipe

    /// Gives the lock its state, which lies beside it. Once.
    fileprivate func start() {
        unsafe withUnsafeMutablePointer(to: &value.statePlace) {
            value.state.start(at: unsafe Ref<Pipe.State>(unsafe: $0))  // a stored property of the pipe, which stays
        }
    }

    fileprivate func open(_ buffer: consuming Page) {
        var buffer: Page? = consume buffer
        value.state.withLock { $0 = Pipe.State(buffer: buffer.take(), isReadOpen: true, isWriteOpen: true) }
    }

    /// Closes one end; true if that was the last, and the buffer is gone.
    fileprivate func close(writeEnd: Bool) -> Bool {
        var buffer: Page?  // released after the lock
        let isLast = value.state.withLock { state in
            if writeEnd { state.isWriteOpen = false } else { state.isReadOpen = false }
            guard !state.isReadOpen, !state.isWriteOpen else { return false }
            buffer = state.buffer.take()
            return true
        }
        _ = consume buffer
        value.readers.wakeAll()
        value.writers.wakeAll()
        value.readPollers.wake()
        value.writePollers.wake()
        return isLast
    }

    /// Writes all bytes, sleeping while the pipe is full; at a bad address, those before it.
    /// - Throws: brokenPipe when no read end is open any more; interrupted.
    func write(from source: UserAddress, count: Int) throws(SystemError) -> Int {
        var done = 0
        while done < count {
            let (copied, wanted): (Int, Int) = try value.writers.wait { () throws(SystemError) -> (Int, Int)? in
                try value.state.withLock { (state) throws(SystemError) -> (Int, Int)? in
                    guard state.isReadOpen else { throw .brokenPipe }
                    let room = Int(pageSize) - state.filled
                    guard room > 0 else { return nil }
                    // Up to the end of the buffer in one copy; the next round begins at its start.
                    let at = Int(state.written % UInt32(pageSize))
                    let wanted = min(count - done, room, Int(pageSize) - at)
                    let copied = state.buffer?.copyIn(from: source + done, to: at..<at + wanted) ?? 0
                    state.written &+= UInt32(copied)
                    return (copied, wanted)
                }
            }
            done += copied
            if copied > 0 {
                value.readers.wakeAll()
                value.readPollers.wake()
            }
            if copied < wanted { break }
        }
        return done
    }

    /// Reads what there is, at most `count` bytes; sleeps while there is nothing and a write end is open. 0 at the end.
    /// - Throws: badAddress; interrupted.
    func read(to destination: UserAddress, count: Int) throws(SystemError) -> Int {
        let done: Int = try value.readers.wait { () throws(SystemError) -> Int? in
            try value.state.withLock { (state) throws(SystemError) -> Int? in
                guard state.filled > 0 else { return state.isWriteOpen ? nil : 0 }
                var done = 0
                while done < count, state.filled > 0 {
                    let at = Int(state.read % UInt32(pageSize))
                    let wanted = min(count - done, state.filled, Int(pageSize) - at)
                    let copied = state.buffer?.copyOut(at..<at + wanted, to: destination + done) ?? 0
                    state.read &+= UInt32(copied)
                    done += copied
                    if copied < wanted {
                        if done == 0 { throw .badAddress }
                        break
                    }
                }
                return done
            }
        }
        if done > 0 {
            value.writers.wakeAll()
            value.writePollers.wake()
        }
        return done
    }
}

enum Pipes {
    private static let table = PagedTable<Pipe>()
    private static let free = LockedList<Pipe>(.fileTables)

    /// Makes the table, which grows as pipes are opened: every open file could be the last end of a pipe of its own.
    /// Once, during start-up.
    static func start() { table.start(most: OpenFiles.limit) }

    /// Pages that the table has taken.
    static var pageCount: Int { table.pageCount }

    /// Opens a pipe: its read end is the result, its write end goes to `writeEnd`.
    /// - Throws: noMemory; tooManyFilesInSystem.
    static func make(_ writeEnd: inout PipeEnd?) throws(SystemError) -> PipeEnd {
        let buffer = try Page.forKernel()
        let taken: PipeRef? = free.withLock { free in
            if free.isEmpty {
                _ = table.grow({ _ in Pipe() }) { pipe in
                    pipe.start()
                    free.prepend(pipe.freeNode)
                }
            }
            return free.removeFirst()
        }
        guard let pipe = taken else { throw .tooManyFilesInSystem }
        pipe.open(buffer)
        writeEnd = PipeEnd(pipe, writes: true)
        return PipeEnd(pipe, writes: false)
    }

    fileprivate static func putBack(_ pipe: PipeRef) { free.withLock { $0.prepend(pipe.freeNode) } }
}
