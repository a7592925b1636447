// What the file system's tests share: a disk in memory, a mounted system on it, and calls by String.

import DiskImage
import FileSystem
import Foundation
import SystemInterface
import Testing

/// A disk in memory that can fail, and can write down what it is told.
final class TestDisk: BlockDevice, @unchecked Sendable {
    enum Event {
        case write(block: UInt32, data: [UInt8])
        case flush
        /// Not of the disk: a call of this thread has returned.
        case returned(thread: Int)
    }

    let blockCount: UInt32
    private let lock = NSLock()
    private var bytes: [UInt8]
    private var unreadable: Set<UInt32> = []
    /// Sets of blocks, and flushes, that still succeed; nil: all do.
    private var writesLeft: Int?
    private var readCount = 0
    private var events: [Event]?

    init(blocks: UInt32) {
        blockCount = blocks
        bytes = [UInt8](repeating: 0, count: Int(blocks) * blockSize)
    }

    init(image: [UInt8]) {
        blockCount = UInt32(image.count / blockSize)
        bytes = image
    }

    /// Blocks that were read so far.
    var reads: Int { lock.withLock { readCount } }

    var image: [UInt8] {
        get { lock.withLock { bytes } }
        set { lock.withLock { bytes = newValue } }
    }

    subscript(byte: Int) -> UInt8 {
        get { lock.withLock { bytes[byte] } }
        set { lock.withLock { bytes[byte] = newValue } }
    }

    /// A little-endian number of the image.
    func number<T: FixedWidthInteger>(at byte: Int, as type: T.Type) -> T {
        // the load checks its bounds
        lock.withLock {
            unsafe bytes.withUnsafeBytes { unsafe T(littleEndian: $0.loadUnaligned(fromByteOffset: byte, as: type)) }
        }
    }

    func put<T: FixedWidthInteger>(_ value: T, at byte: Int) {
        // The store checks its bounds.
        lock.withLock {
            unsafe bytes.withUnsafeMutableBytes {
                unsafe $0.storeBytes(of: value.littleEndian, toByteOffset: byte, as: T.self)
            }
        }
    }

    func breakRead(of block: UInt32) { lock.withLock { _ = unreadable.insert(block) } }
    func breakWrites(_ broken: Bool = true) { lock.withLock { writesLeft = broken ? 0 : nil } }
    func breakWrites(after count: Int) { lock.withLock { writesLeft = count } }

    /// Whether a write or flush fails; with the lock.
    private func countWrite() -> Bool {
        guard let left = writesLeft else { return false }
        writesLeft = max(0, left - 1)
        return left == 0
    }

    func startRecording() { lock.withLock { events = [] } }
    func note(_ event: Event) { lock.withLock { events?.append(event) } }
    func stopRecording() -> [Event] {
        lock.withLock {
            let all = events ?? []; events = nil; return all
        }
    }

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        var failed = false
        lock.withLock {
            readCount += count
            for index in 0..<count {
                let request = request(index)
                guard request.block < blockCount, !unreadable.contains(request.block) else { failed = true; continue }
                request.memory.store(bytes, from: Int(request.block) * blockSize)
            }
        }
        if failed { throw .inputOutput }
    }

    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        var failed = false
        lock.withLock {
            let isBroken = countWrite()
            for index in 0..<count {
                let request = request(index)
                guard request.block < blockCount, !isBroken else { failed = true; continue }
                let data = request.memory.copy
                let start = Int(request.block) * blockSize
                bytes.replaceSubrange(start..<start + blockSize, with: data)
                events?.append(.write(block: request.block, data: data))
            }
        }
        if failed { throw .inputOutput }
    }

    func flush() throws(SystemError) {
        if lock.withLock({ countWrite() }) { throw .inputOutput }
        note(.flush)
    }
}

/// The console's lines.
final class Console: @unchecked Sendable {
    private let lock = NSLock()
    private var all: [String] = []
    func say(_ line: String) { lock.withLock { all.append(line) } }
    var lines: [String] { lock.withLock { all } }
}

typealias TestFileSystem = FileSystem<HostPlatform<TestDisk, NoMonitor>>
typealias ThreadedFileSystem = FileSystem<HostPlatform<TestDisk, ThreadMonitor>>

func makeLayout(blocks: UInt32 = 1000, inodes: UInt32 = 64, log: UInt32 = 31, doubleIndirect: Bool = false)
    -> DiskLayout
{
    DiskLayout(blocks: blocks, inodes: inodes, log: log, doubleIndirect: doubleIndirect)!
}

/// A disk with an empty file system.
func makeDisk(_ layout: DiskLayout = makeLayout()) throws -> TestDisk {
    let disk = TestDisk(blocks: layout.size)
    try TestFileSystem.format(HostPlatform(disk), layout)
    return disk
}

func mount(_ disk: TestDisk, console: Console = Console(), buffers: Int = 128, inodes: Int = 64) throws(SystemError)
    -> TestFileSystem
{
    try TestFileSystem.mount(HostPlatform(disk, message: console.say), buffers: buffers, inodes: inodes)
}

func mountThreaded(_ disk: TestDisk, buffers: Int = 256, inodes: Int = 64) throws(SystemError) -> ThreadedFileSystem {
    try ThreadedFileSystem.mount(HostPlatform(disk, monitors: ThreadMonitor.self), buffers: buffers, inodes: inodes)
}

/// The findings of a check, notes included.
func findings(_ disk: TestDisk) throws -> [DiskProblem] {
    var all: [DiskProblem] = []
    _ = try DiskCheck.run(HostPlatform(disk)) { all.append($0) }
    return all
}

func errors(_ disk: TestDisk) throws -> [DiskProblem] { try findings(disk).filter { !$0.isNote } }

/// A source that runs into an unmapped page after so many bytes; a sink likewise.
struct FaultySource: ByteSource {
    var left: Int
    mutating func give(_ destination: inout MutableRawSpan) -> Int {
        let given = min(destination.byteCount, left)
        for index in 0..<given { destination.storeBytes(of: 0x5A, toByteOffset: index, as: UInt8.self) }
        left -= given
        return given
    }
}

struct FaultySink: ByteSink {
    var left: Int
    mutating func take(_ source: RawSpan) -> Bool {
        left -= source.byteCount
        return left >= 0
    }
}

extension FileSystem {
    func span<R: ~Copyable>(
        _ path: String, _ body: (borrowing Span<UInt8>, borrowing Inode<P>) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        let bytes = Array(path.utf8)
        let root = try root()
        return try body(bytes.span, root)
    }

    func open(_ path: String, _ flags: OpenFlags = []) throws(SystemError) -> OpenedFile<P> {
        try span(path) { path, from throws(SystemError) in try open(path, flags, from: from) }
    }

    func open(_ path: String, _ flags: OpenFlags = [], from: borrowing Inode<P>) throws(SystemError) -> OpenedFile<P> {
        try open(Array(path.utf8).span, flags, from: from)
    }

    func lookUp(_ path: String) throws(SystemError) -> Inode<P> {
        try span(path) { path, from throws(SystemError) in try lookUp(path, from: from) }
    }

    func lookUp(_ path: String, from: borrowing Inode<P>) throws(SystemError) -> Inode<P> {
        try lookUp(Array(path.utf8).span, from: from)
    }

    func makeDirectory(_ path: String) throws(SystemError) {
        try span(path) { path, from throws(SystemError) in try makeDirectory(path, from: from) }
    }

    func makeDirectory(_ path: String, from: borrowing Inode<P>) throws(SystemError) {
        try makeDirectory(Array(path.utf8).span, from: from)
    }

    func makeNode(_ path: String, _ major: Int16, _ minor: Int16) throws(SystemError) {
        try span(path) { path, from throws(SystemError) in try makeNode(path, major: major, minor: minor, from: from) }
    }

    func unlink(_ path: String) throws(SystemError) {
        try span(path) { path, from throws(SystemError) in try unlink(path, from: from) }
    }

    func unlink(_ path: String, from: borrowing Inode<P>) throws(SystemError) {
        try unlink(Array(path.utf8).span, from: from)
    }

    func link(_ old: String, _ new: String) throws(SystemError) {
        let bytes = Array(new.utf8)
        try span(old) { old, from throws(SystemError) in try link(old, as: bytes.span, from: from) }
    }

    func link(_ old: String, _ new: String, from: borrowing Inode<P>) throws(SystemError) {
        try link(Array(old.utf8).span, as: Array(new.utf8).span, from: from)
    }

    func rename(_ old: String, _ new: String) throws(SystemError) {
        let bytes = Array(new.utf8)
        try span(old) { old, from throws(SystemError) in try rename(old, to: bytes.span, from: from) }
    }

    func status(_ path: String) throws(SystemError) -> FileStatus { try status(lookUp(path)) }
    func status(_ path: String, from: borrowing Inode<P>) throws(SystemError) -> FileStatus {
        try status(lookUp(path, from: from))
    }

    /// Makes an empty file, or leaves one as it is.
    func touch(_ path: String) throws(SystemError) { _ = try open(path, [.create, .readWrite]) }
    func touch(_ path: String, from: borrowing Inode<P>) throws(SystemError) {
        _ = try open(path, [.create, .readWrite], from: from)
    }

    func write(_ inode: borrowing Inode<P>, at offset: Int, _ content: [UInt8]) -> WriteOutcome {
        var source = ArraySource(content)
        return write(inode, at: UInt64(offset), count: UInt64(content.count), from: &source)
    }

    func read(_ inode: borrowing Inode<P>, at offset: Int, _ count: Int) throws(SystemError) -> [UInt8] {
        try read(inode, at: offset, count: count)
    }

    func names(_ path: String) throws(SystemError) -> [String] { try entries(of: path).map(\.name) }
}

/// A use of an inode that an array can hold.
final class HeldInode<P: FileSystemPlatform> {
    private let inode: Inode<P>
    init(_ inode: consuming Inode<P>) { self.inode = inode }
}

/// The SystemError that `body` throws, nil if none.
func failure(_ body: () throws(SystemError) -> Void) -> SystemError? {
    do {
        try body()
        return nil
    } catch {
        return error
    }
}

/// Bytes that tell where they belong.
func pattern(_ count: Int, seed: Int = 1) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) &* 7 &+ seed) }
}

/// A generator that gives the same numbers for the same seed (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }
}
