// How bytes enter and leave the file system: cursors that the caller provides, and the outcome of a write.
//
// Both may fail part-way, as user memory does at an unmapped page.

import SystemInterface

/// Where `FileSystem.read` puts bytes: a cursor that moves on with each call.
public protocol ByteSink {
    /// Takes `count` bytes from `source`. False when it could not take them all.
    mutating func take(_ source: UnsafeRawPointer, count: Int) -> Bool
}

/// Where `FileSystem.write` gets bytes from: a cursor that moves on with each call.
public protocol ByteSource {
    /// Puts the next `count` bytes at `destination` and returns how many it could; fewer than `count` means a bad address.
    mutating func give(_ destination: UnsafeMutableRawPointer, count: Int) -> Int
}

/// What a write came to: the bytes that are in the file, and why there are no more of them.
@frozen
public struct WriteOutcome: Equatable, Sendable {
    /// Bytes written, counted from the offset; they are on the disk.
    public var count: Int
    /// Nil when all was written.
    public var error: SystemError?

    public init(count: Int, error: SystemError?) {
        self.count = count
        self.error = error
    }
}

/// A sink over plain memory. The caller answers for the size.
@frozen
public struct MemorySink: ByteSink {
    @usableFromInline var cursor: UnsafeMutableRawPointer

    @inlinable
    public init(_ memory: UnsafeMutableRawPointer) { cursor = memory }

    @inlinable
    public mutating func take(_ source: UnsafeRawPointer, count: Int) -> Bool {
        cursor.copyMemory(from: source, byteCount: count)
        cursor += count
        return true
    }
}

/// A source over plain memory. The caller answers for the size.
@frozen
public struct MemorySource: ByteSource {
    @usableFromInline var cursor: UnsafeRawPointer

    @inlinable
    public init(_ memory: UnsafeRawPointer) { cursor = memory }

    @inlinable
    public mutating func give(_ destination: UnsafeMutableRawPointer, count: Int) -> Int {
        destination.copyMemory(from: cursor, byteCount: count)
        cursor += count
        return count
    }
}
