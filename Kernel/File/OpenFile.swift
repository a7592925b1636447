// Open files: what descriptors stand for. A table of 100 for the whole system (ABI.md), shared between processes by fork and dup.

import FileSystem
import Machine
import Synchronization
import SystemInterface

typealias OpenFileRef = UnsafeMutablePointer<OpenFile>

/// What a descriptor reads from and writes to.
enum FileKind {
    case pipe(PipeRef, writeEnd: Bool)
    case inode(InodeReference)
    case device(InodeReference, major: Int16)
    case socket(SocketFile)
}

struct OpenFile: ~Copyable {
    fileprivate let references = Atomic<Int32>(0)
    fileprivate(set) var kind: FileKind?
    fileprivate(set) var readable = false
    fileprivate(set) var writable = false
    /// Bytes from the start of the file; guarded by `offsetLock`.
    fileprivate var offset: UInt64 = 0
    fileprivate var offsetLock = SleepMutex()
    fileprivate var next: OpenFileRef?

    fileprivate init() {}

    /// Reads up to `count` bytes into user memory, from where the last call ended; 0 at the end of the file.
    mutating func read(to destination: UserAddress, count: Int32) throws(SystemError) -> Int {
        guard readable else { throw .badDescriptor }
        switch kind {
        case .pipe(let pipe, _):
            return count > 0 ? try pipe.pointee.read(to: destination, count: Int(count)) : 0
        case .device(_, let major):
            guard major == Console.major else { throw .noSuchDevice }
            return try Console.read(to: destination, count: Int(count))
        case .socket(let socket):
            return try socket.receive(to: destination, count: max(0, Int(count))).count
        case .inode(let inode):
            offsetLock.lock()
            defer { offsetLock.unlock() }
            var sink = UserSink(address: destination)
            // A negative count is a huge one, as in xv6: it ends at the first page that is not there.
            let read = try FileStore.system.read(inode, at: offset, count: UInt64(UInt32(bitPattern: count)), into: &sink)
            offset += UInt64(read)
            return read
        case nil:
            throw .badDescriptor
        }
    }

    /// Writes `count` bytes from user memory. A file takes all or the call fails; a pipe may take fewer at a bad address.
    mutating func write(from source: UserAddress, count: Int32) throws(SystemError) -> Int {
        guard writable else { throw .badDescriptor }
        switch kind {
        case .pipe(let pipe, _):
            return count > 0 ? try pipe.pointee.write(from: source, count: Int(count)) : 0
        case .device(_, let major):
            guard major == Console.major else { throw .noSuchDevice }
            return try Console.write(from: source, count: Int(count))
        case .socket(let socket):
            guard count >= 0 else { throw .invalidArgument }
            return try socket.send(from: source, count: Int(count), to: nil)
        case .inode(let inode):
            guard count >= 0 else { throw .invalidArgument }
            offsetLock.lock()
            defer { offsetLock.unlock() }
            var source = UserSource(address: source)
            let outcome = FileStore.system.write(inode, at: offset, count: UInt64(count), from: &source)
            offset += UInt64(outcome.count)
            if let error = outcome.error { throw error }
            return outcome.count
        case nil:
            throw .badDescriptor
        }
    }

    func status() throws(SystemError) -> FileStatus {
        switch kind {
        case .inode(let inode), .device(let inode, _): return try FileStore.system.status(inode)
        case .pipe, .socket, nil: throw .badDescriptor
        }
    }

    /// What can be done without sleeping, and what has happened: bits of PollEntry.
    var readiness: Int16 {
        mutating get {
            switch kind {
            case .pipe(let pipe, let writeEnd): writeEnd ? pipe.pointee.writeReadiness : pipe.pointee.readReadiness
            case .device: Console.isReadable ? PollEntry.readable | PollEntry.writable : PollEntry.writable
            case .socket(let socket): socket.readiness
            case .inode, nil: PollEntry.readable | PollEntry.writable
            }
        }
    }

    /// Calls `body` with the queue of what a poll of this file waits for; not for files that are always ready.
    mutating func withPollQueue(_ body: (inout PollQueue) -> Void) {
        switch kind {
        case .pipe(let pipe, let writeEnd): pipe.pointee.withPollQueue(writeEnd: writeEnd, body)
        case .device: Console.withPollQueue(body)
        case .socket(let socket): socket.withPollQueue(body)
        case .inode, nil: break
        }
    }
}

private struct FreeFiles {
    var first: OpenFileRef?
    var count = 0
}

enum OpenFiles {
    nonisolated(unsafe) private static var free = SpinLock(FreeFiles())

    /// Open files in use.
    static var used: Int { Limit.openFiles - free.withLock { $0.count } }

    static func start() {
        let table = bootTable(OpenFile.self, Limit.openFiles)
        for index in 0..<Limit.openFiles {
            (table + index).initialize(to: OpenFile())
            giveBack(table + index)
        }
    }

    /// An open file with one reference.
    static func make(_ kind: FileKind, readable: Bool, writable: Bool) throws(SystemError) -> OpenFileRef {
        let file: OpenFileRef? = free.withLock { free in
            guard let file = free.first else { return nil }
            free.first = file.pointee.next
            free.count -= 1
            return file
        }
        guard let file else { throw .tooManyFilesInSystem }
        file.pointee.kind = kind
        file.pointee.readable = readable
        file.pointee.writable = writable
        file.pointee.offset = 0
        file.pointee.references.store(1, ordering: .relaxed)
        return file
    }

    static func retain(_ file: OpenFileRef) {
        file.pointee.references.wrappingAdd(1, ordering: .relaxed)
    }

    /// Gives up a reference; the last one closes the file.
    static func release(_ file: OpenFileRef) {
        let (old, _) = file.pointee.references.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        guard old == 1, let kind = file.pointee.kind else { return }
        file.pointee.kind = nil
        giveBack(file)
        switch kind {
        case .pipe(let pipe, let writeEnd):
            if pipe.pointee.close(writeEnd: writeEnd) { Pipes.release(pipe) }
        case .inode(let inode), .device(let inode, _):
            FileStore.system.release(inode)
        case .socket(let socket):
            socket.close()
        }
    }

    private static func giveBack(_ file: OpenFileRef) {
        free.withLock { free in
            file.pointee.next = free.first
            free.first = file
            free.count += 1
        }
    }
}
