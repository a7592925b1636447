// Pipes: a page of bytes between writers and readers. The bytes are copied straight from and to user memory, under the pipe's
// lock; who finds no room or no bytes sleeps on the side of its own.

import Machine
import SystemInterface

typealias PipeRef = UnsafeMutablePointer<Pipe>

struct Pipe: ~Copyable {
    private struct State {
        var buffer = PhysicalAddress(0)
        /// Bytes read and written since the pipe was made, modulo 2^32.
        var read: UInt32 = 0
        var written: UInt32 = 0
        var readOpen = false
        var writeOpen = false

        var filled: Int { Int(written &- read) }
    }

    private var state = SpinLock(State())
    private var readers = WaitQueue()
    private var writers = WaitQueue()
    private var readPollers = PollQueue()
    private var writePollers = PollQueue()
    fileprivate var next: PipeRef?

    fileprivate init() {}

    fileprivate mutating func open(_ buffer: PhysicalAddress) {
        state.withLock { $0 = State(buffer: buffer, readOpen: true, writeOpen: true) }
    }

    /// Closes one end; true if that was the last, and the buffer is gone.
    mutating func close(writeEnd: Bool) -> Bool {
        let last: PhysicalAddress? = state.withLock { state in
            if writeEnd { state.writeOpen = false } else { state.readOpen = false }
            return state.readOpen || state.writeOpen ? nil : state.buffer
        }
        if let last { Pages.release(last) }
        readers.wakeAll()
        writers.wakeAll()
        readPollers.wake()
        writePollers.wake()
        return last != nil
    }

    /// At the end of the bytes a read returns 0 at once: readable, and the writers hung up.
    var readReadiness: Int16 {
        mutating get {
            state.withLock { state in
                let hungUp = state.writeOpen ? 0 : PollEntry.hangUp
                return state.filled > 0 || !state.writeOpen ? PollEntry.readable | hungUp : 0
            }
        }
    }

    /// Without a reader a write fails at once.
    var writeReadiness: Int16 {
        mutating get {
            state.withLock { state in
                if !state.readOpen { return PollEntry.writable | PollEntry.error }
                return state.filled < Int(pageSize) ? PollEntry.writable : 0
            }
        }
    }

    mutating func withPollQueue(writeEnd: Bool, _ body: (inout PollQueue) -> Void) {
        if writeEnd { body(&writePollers) } else { body(&readPollers) }
    }

    /// Writes all bytes, sleeping while the pipe is full; at a bad address, those before it.
    /// - Throws: brokenPipe when nobody can read any more; interrupted.
    mutating func write(from source: UserAddress, count: Int) throws(SystemError) -> Int {
        var done = 0
        while done < count {
            let this = withUnsafeMutablePointer(to: &self) { $0 }
            let (copied, wanted): (Int, Int) = try writers.wait { () throws(SystemError) -> (Int, Int)? in
                try this.pointee.state.withLock { (state) throws(SystemError) -> (Int, Int)? in
                    guard state.readOpen else { throw .brokenPipe }
                    let room = Int(pageSize) - state.filled
                    guard room > 0 else { return nil }
                    // Up to the end of the buffer in one copy; the next round begins at its start.
                    let at = Int(state.written % UInt32(pageSize))
                    let wanted = min(count - done, room, Int(pageSize) - at)
                    let copied = (source + done).copyIn(to: state.buffer.pointer + at, count: wanted)
                    state.written &+= UInt32(copied)
                    return (copied, wanted)
                }
            }
            done += copied
            if copied > 0 {
                readers.wakeAll()
                readPollers.wake()
            }
            if copied < wanted { break }
        }
        return done
    }

    /// Reads what there is, at most `count` bytes; sleeps while there is nothing and somebody may still write. 0 at the end.
    mutating func read(to destination: UserAddress, count: Int) throws(SystemError) -> Int {
        let this = withUnsafeMutablePointer(to: &self) { $0 }
        let done: Int = try readers.wait { () throws(SystemError) -> Int? in
            try this.pointee.state.withLock { (state) throws(SystemError) -> Int? in
                guard state.filled > 0 else { return state.writeOpen ? nil : 0 }
                var done = 0
                while done < count, state.filled > 0 {
                    let at = Int(state.read % UInt32(pageSize))
                    let wanted = min(count - done, state.filled, Int(pageSize) - at)
                    let copied = (destination + done).copyOut(from: state.buffer.pointer + at, count: wanted)
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
            writers.wakeAll()
            writePollers.wake()
        }
        return done
    }
}

enum Pipes {
    /// Every open file could be the last end of a pipe of its own.
    private static let count = Limit.openFiles
    nonisolated(unsafe) private static var free = SpinLock<PipeRef?>(nil)

    static func start() {
        let table = bootTable(Pipe.self, count)
        for index in 0..<count {
            (table + index).initialize(to: Pipe())
            release(table + index)
        }
    }

    static func make() throws(SystemError) -> PipeRef {
        guard let buffer = Pages.allocate() else { throw .noMemory }
        let pipe: PipeRef? = free.withLock { free in
            let pipe = free
            if let pipe { free = pipe.pointee.next }
            return pipe
        }
        guard let pipe else {
            Pages.release(buffer)
            throw .tooManyFilesInSystem
        }
        pipe.pointee.open(buffer)
        return pipe
    }

    static func release(_ pipe: PipeRef) {
        free.withLock { free in
            pipe.pointee.next = free
            free = pipe
        }
    }
}
