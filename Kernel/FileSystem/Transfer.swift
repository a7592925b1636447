// How bytes enter and leave the file system: cursors that the caller provides, and the outcome of a write.
//
// Both may fail part-way, as user memory does at an unmapped page.

import SystemInterface

/// Where `FileSystem.read` puts bytes: a cursor that moves on with each call.
public protocol ByteSink {
    /// Takes all bytes of `source`. False when it could not take them all.
    mutating func take(_ source: RawSpan) -> Bool
}

/// Where `FileSystem.write` gets bytes from: a cursor that moves on with each call.
public protocol ByteSource {
    /// Fills `destination` with the next bytes and returns how many there were; fewer than its count means a bad
    /// address.
    mutating func give(_ destination: inout MutableRawSpan) -> Int
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
