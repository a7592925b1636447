// Directories and paths.

public import SystemInterface

/// The names in a directory, one after another, without "." and "..".
public struct DirectoryReader {
    private let file: Descriptor
    private var entry = [UInt8](repeating: 0, count: 16)

    /// - Parameter file: a directory, opened for reading; the caller closes it.
    public init(_ file: Descriptor) { self.file = file }

    /// The next name, without a NUL; nil at the end.
    public mutating func next() throws(SystemError) -> [UInt8]? {
        while try readPiece(file, into: &entry) == 16 {
            if entry[0] == 0 && entry[1] == 0 { continue }
            var name: [UInt8] = []
            for index in 2..<16 {
                guard entry[index] != 0 else { break }
                name.append(entry[index])
            }
            if name != [UInt8(ascii: ".")], name != [UInt8(ascii: "."), UInt8(ascii: ".")] { return name }
        }
        return nil
    }
}

/// "directory/name", NUL-terminated.
public func joinPath(_ directory: CString, _ name: [UInt8]) -> [UInt8] {
    var path = [UInt8](directory.bytes)
    if path.last != UInt8(ascii: "/") { path.append(UInt8(ascii: "/")) }
    path += name
    path.append(0)
    return path
}

/// What follows the last slash that has something behind it.
public func lastComponent(of path: CString) -> [UInt8] {
    var bytes = [UInt8](path.bytes)
    while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    if let slash = bytes.lastIndex(of: UInt8(ascii: "/")), slash + 1 < bytes.count { bytes.removeSubrange(...slash) }
    return bytes
}

/// What a path names.
public func status(of path: CString) throws(SystemError) -> FileStatus {
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
public func isDirectory(_ path: CString) -> Bool {
    do throws(SystemError) { return try status(of: path).type == FileType.directory.rawValue } catch { return false }
}

/// Calls `body` with the name that a file gets when it is copied or moved to `target`: that, or a name in it if it is a directory.
public func withDestination(
    of source: CString, in target: CString, _ body: (CString) throws(SystemError) -> Void
) throws(SystemError) {
    guard isDirectory(target) else { return try body(target) }
    let path = joinPath(target, lastComponent(of: source))
    try path.withUnsafeBufferPointer { (path) throws(SystemError) in try body(CString(path.baseAddress!)) }
}
