// Files by name and as a whole, on top of the file system's own calls: what mkfs and the tests do most.

import FileSystem
import Storage
import SystemInterface

extension FileSystem {
    /// Runs `body` with the root directory as the place where relative paths start.
    public func fromRoot<R: ~Copyable>(_ body: (borrowing Inode<P>) throws(SystemError) -> R) throws(SystemError) -> R {
        try body(root())
    }

    /// The content of a file, or the raw entries of a directory.
    public func contents(of path: String) throws(SystemError) -> [UInt8] {
        let inode = try fromRoot { root throws(SystemError) in try lookUp(Array(path.utf8).span, from: root) }
        return try read(inode, at: 0, count: Int(status(inode).size))
    }

    /// Up to `count` bytes of a file from an offset on.
    public func read(_ inode: borrowing Inode<P>, at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var sink = ArraySink()
        _ = try read(inode, at: UInt64(offset), count: UInt64(count), into: &sink)
        return sink.bytes
    }

    /// Makes a file, or gives an existing one this content.
    public func write(_ content: [UInt8], to path: String) throws(SystemError) {
        let file = try fromRoot { root throws(SystemError) in
            try open(Array(path.utf8).span, [.create, .readWrite, .truncate], from: root)
        }
        var source = ArraySource(content)
        if let error = write(file.inode, at: 0, count: UInt64(content.count), from: &source).error { throw error }
    }

    /// The names in a directory with their inode numbers, in the order they are in.
    public func entries(of path: String) throws(SystemError) -> [(name: String, inode: UInt32)] {
        let raw = try contents(of: path)
        return stride(from: 0, to: raw.count / 16 * 16, by: 16).compactMap { start in
            let inode = UInt32(raw[start]) | UInt32(raw[start + 1]) << 8
            if inode == 0 { return nil }
            return (String(decoding: raw[start + 2..<start + 16].prefix { $0 != 0 }, as: UTF8.self), inode)
        }
    }
}

/// A sink that keeps what it takes.
public struct ArraySink: ByteSink {
    public private(set) var bytes: [UInt8] = []
    public init() {}

    public mutating func take(_ source: RawSpan) -> Bool {
        unsafe source.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }  // the span's own bytes
        return true
    }
}

/// A source of an array's bytes.
public struct ArraySource: ByteSource {
    private let bytes: [UInt8]
    private var position = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public mutating func give(_ destination: inout MutableRawSpan) -> Int {
        let count = min(destination.byteCount, bytes.count - position)
        destination.copy(unsafe bytes.span.bytes.extracting(position..<position + count))  // bytes have no padding
        position += count
        return count
    }
}

extension BlockMemory {
    /// A copy of the block.
    // it has the size of a block
    public var copy: [UInt8] { unsafe [UInt8](UnsafeRawBufferPointer(start: address, count: blockSize)) }

    /// Stores the block that begins at a byte of an array.
    public func store(_ bytes: [UInt8], from start: Int = 0) {
        precondition(start >= 0 && start + blockSize <= bytes.count, "a block is not within the array")
        // as was checked
        unsafe bytes.withUnsafeBytes { unsafe address.copyMemory(from: $0.baseAddress! + start, byteCount: blockSize) }
    }
}
