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
    private var failsWrites = false
    private var events: [Event]?

    init(blocks: UInt32) {
        blockCount = blocks
        bytes = [UInt8](repeating: 0, count: Int(blocks) * blockSize)
    }

    init(image: [UInt8]) {
        blockCount = UInt32(image.count / blockSize)
        bytes = image
    }

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
        lock.withLock { bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: byte, as: type)) } }
    }

    func put<T: FixedWidthInteger>(_ value: T, at byte: Int) {
        lock.withLock { bytes.withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: byte, as: T.self) } }
    }

    func breakRead(of block: UInt32) { lock.withLock { _ = unreadable.insert(block) } }
    func breakWrites(_ broken: Bool = true) { lock.withLock { failsWrites = broken } }

    func startRecording() { lock.withLock { events = [] } }
    func note(_ event: Event) { lock.withLock { events?.append(event) } }
    func stopRecording() -> [Event] { lock.withLock { let all = events ?? []; events = nil; return all } }

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        var failed = false
        lock.withLock {
            for index in 0..<count {
                let request = request(index)
                guard request.block < blockCount, !unreadable.contains(request.block) else { failed = true; continue }
                bytes.withUnsafeBytes {
                    request.memory.copyMemory(from: $0.baseAddress! + Int(request.block) * blockSize, byteCount: blockSize)
                }
            }
        }
        if failed { throw .inputOutput }
    }

    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        var failed = false
        lock.withLock {
            for index in 0..<count {
                let request = request(index)
                guard request.block < blockCount, !failsWrites else { failed = true; continue }
                let data = UnsafeRawBufferPointer(start: request.memory, count: blockSize)
                let start = Int(request.block) * blockSize
                bytes.replaceSubrange(start..<start + blockSize, with: data)
                events?.append(.write(block: request.block, data: Array(data)))
            }
        }
        if failed { throw .inputOutput }
    }

    func flush() throws(SystemError) { note(.flush) }
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

func makeLayout(blocks: UInt32 = 1000, inodes: UInt32 = 64, log: UInt32 = 31, doubleIndirect: Bool = false) -> DiskLayout {
    DiskLayout(blocks: blocks, inodes: inodes, log: log, doubleIndirect: doubleIndirect)!
}

/// A disk with an empty file system.
func makeDisk(_ layout: DiskLayout = makeLayout()) throws -> TestDisk {
    let disk = TestDisk(blocks: layout.size)
    try TestFileSystem.format(HostPlatform(disk), layout)
    return disk
}

func mount(_ disk: TestDisk, console: Console = Console(), buffers: Int = 128, inodes: Int = 64) throws(SystemError) -> TestFileSystem {
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
    mutating func give(_ destination: UnsafeMutableRawPointer, count: Int) -> Int {
        let given = min(count, left)
        destination.initializeMemory(as: UInt8.self, repeating: 0x5A, count: given)
        left -= given
        return given
    }
}

struct FaultySink: ByteSink {
    var left: Int
    mutating func take(_ source: UnsafeRawPointer, count: Int) -> Bool {
        left -= count
        return left >= 0
    }
}

extension FileSystem {
    func span<R>(
        _ path: String, _ from: InodeReference?, _ body: (borrowing Span<UInt8>, InodeReference) throws(SystemError) -> R
    ) throws(SystemError) -> R {
        let bytes = Array(path.utf8)
        if let from { return try body(bytes.span, from) }
        return try fromRoot { root throws(SystemError) in try body(bytes.span, root) }
    }

    func open(_ path: String, _ flags: OpenFlags = [], from: InodeReference? = nil) throws(SystemError) -> OpenedFile {
        try span(path, from) { path, from throws(SystemError) in try open(path, flags, from: from) }
    }

    func lookUp(_ path: String, from: InodeReference? = nil) throws(SystemError) -> InodeReference {
        try span(path, from) { path, from throws(SystemError) in try lookUp(path, from: from) }
    }

    func makeDirectory(_ path: String, from: InodeReference? = nil) throws(SystemError) {
        try span(path, from) { path, from throws(SystemError) in try makeDirectory(path, from: from) }
    }

    func makeNode(_ path: String, _ major: Int16, _ minor: Int16, from: InodeReference? = nil) throws(SystemError) {
        try span(path, from) { path, from throws(SystemError) in try makeNode(path, major: major, minor: minor, from: from) }
    }

    func unlink(_ path: String, from: InodeReference? = nil) throws(SystemError) {
        try span(path, from) { path, from throws(SystemError) in try unlink(path, from: from) }
    }

    func link(_ old: String, _ new: String, from: InodeReference? = nil) throws(SystemError) {
        let bytes = Array(new.utf8)
        try span(old, from) { old, from throws(SystemError) in try link(old, as: bytes.span, from: from) }
    }

    func status(_ path: String, from: InodeReference? = nil) throws(SystemError) -> FileStatus {
        let inode = try lookUp(path, from: from)
        defer { release(inode) }
        return try status(inode)
    }

    /// Makes an empty file, or leaves one as it is.
    func touch(_ path: String, from: InodeReference? = nil) throws(SystemError) {
        release(try open(path, [.create, .readWrite], from: from).inode)
    }

    func write(_ inode: InodeReference, at offset: Int, _ content: [UInt8]) -> WriteOutcome {
        content.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return write(inode, at: UInt64(offset), count: 0, from: &none) }
            var source = MemorySource(start)
            return write(inode, at: UInt64(offset), count: UInt64(bytes.count), from: &source)
        }
    }

    private var none: FaultySource {
        get { FaultySource(left: 0) }
        nonmutating set {}
    }

    func read(_ inode: InodeReference, at offset: Int, _ count: Int) throws(SystemError) -> [UInt8] {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(1, count), alignment: 8)
        defer { memory.deallocate() }
        var sink = MemorySink(memory)
        let got = try read(inode, at: UInt64(offset), count: UInt64(count), into: &sink)
        return Array(UnsafeRawBufferPointer(start: memory, count: got))
    }

    func names(_ path: String) throws(SystemError) -> [String] { try entries(of: path).map(\.name) }
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
