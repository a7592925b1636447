// What the file system asks of the place it runs in: the kernel, mkfs, fsck, or a test.
//
// To host a file system, implement four small things:
//   1. `BlockDevice`  – sets of 1024-byte block transfers, and a write barrier.
//   2. `Monitor`      – a short lock with one wait queue. In the kernel: a spin lock with interrupts off, and a wait
//     queue.
//                       It is a handle: copies name the same lock (say, a struct around a pointer into a fixed table).
//   3. `FileSystemPlatform` – the device, memory at start, monitors at start, and one line for the console.
//   4. a `ByteSink` and a `ByteSource` (Transfer.swift) – copies to and from whoever calls, which may fail part-way.
// All sleeping locks are built here from `Monitor`; no call is ever made on the device, or on a sink or source, while a
// monitor is held. Memory and monitors are taken in `mount` only, and never given back, but for pages of blocks and of directories' indexes.
//
// Lock order, for the whole file system, outermost first:
//   1. a log reservation (Log.begin … Log.end)       4. the allocation lock
//   2. the unlink lock                               5. a pinned buffer (BlockCache.swift says how many)
//   3. an inode (a directory before what it holds)   6. monitors: inode table, log, block cache, directory
//     indexes, a lock's own; one at a time
// A buffer of a file's or directory's own may be pinned when the allocation lock is taken, since no caller waits for
// it. An `Inode` ends with none of these held.

import Storage
import SystemInterface

/// Bytes of a block, the unit of everything on the disk.
public let blockSize = 1024

/// The memory of one block: `blockSize` bytes, aligned to 8, that stay where they are for ever. A copy names the same
/// memory.
@safe @frozen
public struct BlockMemory: @unchecked Sendable {
    /// For the device; what lies there belongs to the device while it transfers.
    public let address: UnsafeMutableRawPointer

    /// - Parameter address: of `blockSize` bytes that live as long as the file system.
    @inlinable @inline(__always)
    public init(unsafe address: UnsafeMutableRawPointer) { unsafe self.address = address }

    /// Works on the bytes.
    @inlinable @inline(__always)
    public func withBytes<R: ~Copyable, E: Error>(_ body: (inout MutableRawSpan) throws(E) -> R) throws(E) -> R {
        // The memory stays, as `init` was promised; the file system's locks keep other callers out.
        var bytes = unsafe MutableRawSpan(_unsafeStart: address, byteCount: blockSize)
        return try body(&bytes)
    }
}

/// A row of blocks in memory.
@safe
struct BlockRow: @unchecked Sendable {
    private let start: UnsafeMutableRawPointer
    let count: Int

    /// - Returns: nil without memory for so many blocks.
    init?(_ platform: some FileSystemPlatform, count: Int) {
        guard let start = unsafe platform.allocate(byteCount: count * blockSize, alignment: blockSize) else {
            return nil
        }
        unsafe self.start = start
        self.count = count
        for index in 0..<count { self[index].withBytes { $0.clear() } }
    }

    /// The block at an index from 0 up to `count`; any other index traps.
    subscript(index: Int) -> BlockMemory {
        precondition(index >= 0 && index < count, "a block beyond its row")
        return unsafe BlockMemory(unsafe: start + index * blockSize)
    }
}

/// One block to move: its number on the device, and its place in memory.
@frozen
public struct BlockRequest {
    public let block: UInt32
    public let memory: BlockMemory

    @inlinable
    public init(block: UInt32, memory: BlockMemory) {
        self.block = block
        self.memory = memory
    }
}

/// A disk of 1024-byte blocks. Called from several harts at once.
public protocol BlockDevice {
    /// Size of the device in blocks; a partial block at the end does not count.
    var blockCount: UInt32 { get }

    /// Reads the blocks `request(0)` … `request(count - 1)` and returns when all have arrived. The blocks are distinct,
    /// in any order; neighbours should travel together. `request` is cheap and may be called more than once for an
    /// index.
    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError)

    /// Writes as `read` reads, and returns when the device has taken all; only `flush` makes them durable.
    /// Within the set, and up to the next flush, writes may reach the disk in any order.
    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError)

    /// Returns when every write that returned before this call is durable.
    func flush() throws(SystemError)
}

/// A short lock with one wait queue: `acquire` … `release` around a few loads and stores, nothing in between may sleep
/// except `wait`. A copy is the same monitor.
public protocol Monitor {
    func acquire()
    func release()
    /// Releases the monitor, sleeps until `wakeAll`, and returns with it acquired again. May return without reason.
    /// Not to be interrupted by kill.
    func wait()
    /// Wakes all that wait. Called after `release`: those that wake acquire the monitor first.
    func wakeAll()
}

/// Where a file system runs. Copies are the same platform.
public protocol FileSystemPlatform {
    associatedtype Device: BlockDevice
    associatedtype Lock: Monitor

    var device: Device { get }

    /// Memory for good, of any content; nil when there is none. The device can read and write it, so in the kernel it
    /// is contiguous. Called from `mount` and `DiskCheck.run`, never later.
    @unsafe
    func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer?

    /// Memory for four blocks, of any content, aligned to its size, until `giveBackPage`; nil when there is none to
    /// spare. Called at any time, without a monitor.
    @unsafe
    func takePage() -> UnsafeMutableRawPointer?

    /// Takes back what `takePage` gave.
    @unsafe
    func giveBackPage(_ page: UnsafeMutableRawPointer)

    /// A fresh monitor, for good; nil when there is none. Called from `mount` only: once an in-memory inode, and six
    /// more.
    func makeMonitor() -> Lock?

    /// Seconds since 1970-01-01 00:00 UTC; 0: not known.
    var time: UInt32 { get }

    /// Prints one line on the console; the text has no line end. Called with no monitor held.
    func report(_ message: StaticString)
}

extension FileSystemPlatform {
    /// A table of `count` copies of a value; nil without memory.
    func makeTable<T>(_ count: Int, _ value: T) -> Table<T>? {
        let stride = MemoryLayout<T>.stride
        guard
            let memory = unsafe allocate(
                byteCount: stride * max(count, 1), alignment: max(MemoryLayout<T>.alignment, 8))
        else { return nil }
        // Fresh memory of the table's size, initialised before the table is handed out.
        let elements = unsafe memory.bindMemory(to: T.self, capacity: count)
        unsafe elements.initialize(repeating: value, count: count)
        return unsafe Table(unsafe: elements, count: count)
    }

    /// A value that stays as long as the platform's memory; nil without memory.
    func make<T: ~Copyable>(_ value: consuming T) -> Ref<T>? {
        guard
            let memory = unsafe allocate(
                byteCount: MemoryLayout<T>.stride, alignment: max(MemoryLayout<T>.alignment, 8))
        else { return nil }
        let place = unsafe memory.bindMemory(to: T.self, capacity: 1)  // fresh memory of its size
        unsafe place.initialize(to: value)
        return unsafe Ref(unsafe: place)
    }
}
