// Paths of files, and names for the kernel to look up.

public import SystemInterface

/// A path: its bytes, and the NUL that the kernel expects behind them.
public struct Path: ExpressibleByStringLiteral, Equatable, Sendable {
    private var storage: [UInt8]

    /// - Parameter bytes: without a NUL.
    public init(_ bytes: [UInt8]) { storage = bytes + [0] }
    public init(_ text: CString) { self.init(text.bytes) }
    public init(_ text: Text) { self.init(text.bytes) }
    public init(stringLiteral literal: StaticString) { self.init(CString(literal)) }

    /// The bytes without the NUL.
    public var bytes: ArraySlice<UInt8> { storage.dropLast() }

    public var text: Text {
        var text = Text()
        text.bytes.append(contentsOf: bytes)
        return text
    }

    /// The path of `name` in this directory.
    public func appending(_ name: [UInt8]) -> Path {
        var path = Array(bytes)
        if path.last != UInt8(ascii: "/") { path.append(UInt8(ascii: "/")) }
        return Path(path + name)
    }

    /// What follows the last slash that has something behind it.
    public var lastComponent: [UInt8] {
        var bytes = Array(bytes)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        if let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash + 1 < bytes.count {
            bytes.removeSubrange(...slash)
        }
        return bytes
    }

    /// The path, for a call.
    /// - Throws: nameTooLong for one with a component of more than 14 bytes, which the kernel would cut as xv6 does: two
    ///   names would be one file.
    func checked() throws(SystemError) -> Path {
        var length = 0
        for byte in storage {
            length = byte == UInt8(ascii: "/") || byte == 0 ? 0 : length + 1
            if length > Limit.name { throw .nameTooLong }
        }
        return self
    }

    /// Calls `body` with the path's address, which is right until it returns.
    func withAddress<Result>(_ body: (UInt) -> Result) -> Result {
        unsafe storage.withUnsafeBufferPointer { body(UInt(bitPattern: $0.baseAddress)) }  // a number, for the kernel
    }
}

/// What a path names.
public func status(of path: Path) throws(SystemError) -> FileStatus {
    let file = try System.open(path)
    do throws(SystemError) {
        let status = try System.status(file)
        try System.close(file)
        return status
    } catch {
        try System.close(file)
        throw error
    }
}

/// Whether a path names a directory.
public func isDirectory(_ path: Path) -> Bool {
    do throws(SystemError) { return try status(of: path).type == FileType.directory.rawValue } catch { return false }
}

/// The name that a file gets when it is copied or moved to `target`: that, or a name in it if it is a directory.
public func destination(of source: Path, in target: Path) -> Path {
    isDirectory(target) ? target.appending(source.lastComponent) : target
}
