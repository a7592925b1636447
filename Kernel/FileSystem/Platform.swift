// What the file system asks of the place it runs in: the kernel, mkfs, fsck, or a test.
//
// To host a file system, implement four small things:
//   1. `BlockDevice`  – sets of 1024-byte block transfers, and a write barrier.
//   2. `Monitor`      – a short lock with one wait queue. In the kernel: a spin lock with interrupts off, and a wait queue.
//                       It is a handle: copies name the same lock (say, a struct around a pointer into a fixed table).
//   3. `FileSystemPlatform` – the device, memory at start, monitors at start, and one line for the console.
//   4. a `ByteSink` and a `ByteSource` (Transfer.swift) – copies to and from whoever calls, which may fail part-way.
// All sleeping locks are built here from `Monitor`; no call is ever made on the device, or on a sink or source, while a
// monitor is held. Memory and monitors are asked for in `mount` only, and never given back.
//
// Lock order, for the whole file system, outermost first:
//   1. a log reservation (Log.begin … Log.end)       4. the allocation lock
//   2. the unlink lock                               5. a pinned buffer (BlockCache.swift says how many)
//   3. an inode (a directory before what it holds)   6. monitors: inode table, log, block cache, a lock's own; one at a time
// A buffer of a file's or directory's own may be pinned when the allocation lock is taken, since nobody waits for it.
// References (FileSystem.release) are given back with none of these held.

import SystemInterface

/// Bytes of a block, the unit of everything on the disk.
public let blockSize = 1024

/// One block to move: its number on the device, and where it is in memory (`blockSize` bytes, aligned to 8).
@frozen
public struct BlockRequest {
    public let block: UInt32
    public let memory: UnsafeMutableRawPointer

    @inlinable
    public init(block: UInt32, memory: UnsafeMutableRawPointer) {
        self.block = block
        self.memory = memory
    }
}

/// A disk of 1024-byte blocks. Called from several harts at once.
public protocol BlockDevice {
    /// Size of the device in blocks; a partial block at the end does not count.
    var blockCount: UInt32 { get }

    /// Reads the blocks `request(0)` … `request(count - 1)` and returns when all have arrived. The blocks are distinct, in
    /// any order; neighbours should travel together. `request` is cheap and may be called more than once for an index.
    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError)

    /// Writes as `read` reads, and returns when the device has taken all; only `flush` makes them durable.
    /// Within the set, and up to the next flush, writes may reach the disk in any order.
    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError)

    /// Returns when every write that returned before this call is durable.
    func flush() throws(SystemError)
}

/// A short lock with one wait queue: `acquire` … `release` around a few loads and stores, nothing in between may sleep except
/// `wait`. A copy is the same monitor.
public protocol Monitor {
    func acquire()
    func release()
    /// Releases the monitor, sleeps until `wakeAll`, and returns with it acquired again. May return without reason.
    /// Not to be interrupted by kill.
    func wait()
    /// Wakes whoever waits. Called with the monitor acquired.
    func wakeAll()
}

/// Where a file system runs. Copies are the same platform.
public protocol FileSystemPlatform {
    associatedtype Device: BlockDevice
    associatedtype Lock: Monitor

    var device: Device { get }

    /// Memory for good, of any content; nil when there is none. The device can read and write it, so in the kernel it is
    /// contiguous. Called a few times from `mount`, never later.
    func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer?

    /// A fresh monitor, for good; nil when there is none. Called from `mount` only: once an in-memory inode, and five more.
    func makeMonitor() -> Lock?

    /// Says one line to whoever looks at the console; the text has no line end. Called with no monitor held.
    func report(_ message: StaticString)
}
