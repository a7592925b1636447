// Files by name and as a whole, on top of the file system's own calls: what mkfs and the tests do most.

import FileSystem
import SystemInterface

extension FileSystem {
    /// Runs `body` with the root directory as the place where relative paths start.
    public func fromRoot<R>(_ body: (InodeReference) throws(SystemError) -> R) throws(SystemError) -> R {
        let root = try root()
        defer { release(root) }
        return try body(root)
    }

    /// The content of a file, or the raw entries of a directory.
    public func contents(of path: String) throws(SystemError) -> [UInt8] {
        let inode = try fromRoot { root throws(SystemError) in try lookUp(Array(path.utf8).span, from: root) }
        defer { release(inode) }
        let size = Int(try status(inode).size)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: max(size, 1), alignment: 8)
        defer { memory.deallocate() }
        var sink = MemorySink(memory)
        let count = try read(inode, at: 0, count: UInt64(size), into: &sink)
        return Array(UnsafeRawBufferPointer(start: memory, count: count))
    }

    /// Makes a file, or gives an existing one this content.
    public func write(_ content: [UInt8], to path: String) throws(SystemError) {
        let file = try fromRoot { root throws(SystemError) in
            try open(Array(path.utf8).span, [.create, .readWrite, .truncate], from: root)
        }
        defer { release(file.inode) }
        var error: SystemError?
        content.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            var source = MemorySource(start)
            error = write(file.inode, at: 0, count: UInt64(bytes.count), from: &source).error
        }
        if let error { throw error }
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
