// The system calls about files.

public import SystemInterface
import UserMachine

/// An open file of this process.
public struct FileDescriptor: Equatable, Sendable {
    public let rawValue: Int32
    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    public static let standardInput = FileDescriptor(0)
    public static let standardOutput = FileDescriptor(1)
    public static let standardError = FileDescriptor(2)
}

extension System {
    public static func open(_ path: Path, _ flags: OpenFlags = []) throws(SystemError) -> FileDescriptor {
        FileDescriptor(Int32(try path.checked().withAddress { ecall(.open, $0, UInt(flags.rawValue)) }.checked()))
    }

    public static func close(_ file: FileDescriptor) throws(SystemError) { _ = try call(.close, word(file.rawValue)) }

    /// Reads what there is, up to the buffer's size; 0 at the end.
    public static func read(_ file: FileDescriptor, into buffer: inout MutableSpan<UInt8>) throws(SystemError) -> Int {
        try unsafe buffer.withUnsafeMutableBufferPointer {  // the kernel writes no more than the count
            ecall(.read, word(file.rawValue), UInt(bitPattern: $0.baseAddress), UInt($0.count))
        }.checked()
    }

    /// Writes the bytes; a pipe or the console may take fewer.
    public static func write(_ file: FileDescriptor, _ bytes: Span<UInt8>) throws(SystemError) -> Int {
        try unsafe bytes.withUnsafeBufferPointer {  // the kernel only reads
            ecall(.write, word(file.rawValue), UInt(bitPattern: $0.baseAddress), UInt($0.count))
        }.checked()
    }

    public static func pipe() throws(SystemError) -> (read: FileDescriptor, write: FileDescriptor) {
        var ends = [2 of Int32](repeating: 0)
        _ = try withAddress(of: &ends) { ecall(.pipe, $0) }.checked()
        return (FileDescriptor(ends[0]), FileDescriptor(ends[1]))
    }

    /// Another descriptor, the lowest free one, for the same open file.
    public static func duplicate(_ file: FileDescriptor) throws(SystemError) -> FileDescriptor {
        FileDescriptor(Int32(try call(.dup, word(file.rawValue))))
    }

    /// Makes a descriptor of a chosen number stand for the same open file; what it stood for is closed.
    public static func duplicate(_ file: FileDescriptor, as target: FileDescriptor) throws(SystemError) {
        if file == target { return }
        do throws(SystemError) { try close(target) } catch .badDescriptor {}
        // dup takes the lowest free one: those below the target are filled meanwhile.
        var filled: [FileDescriptor] = []
        defer { for descriptor in filled { do throws(SystemError) { try close(descriptor) } catch {} } }
        while true {
            let copy = try duplicate(file)
            if copy == target { return }
            filled.append(copy)
        }
    }

    public static func status(_ file: FileDescriptor) throws(SystemError) -> FileStatus {
        var words = [3 of UInt64](repeating: 0)
        _ = try withAddress(of: &words) { ecall(.fstat, word(file.rawValue), $0) }.checked()
        return FileStatus(
            device: Int32(truncatingIfNeeded: words[0]), inode: UInt32(truncatingIfNeeded: words[0] >> 32),
            type: Int16(truncatingIfNeeded: words[1]), linkCount: Int16(truncatingIfNeeded: words[1] >> 16),
            size: words[2], modified: UInt32(truncatingIfNeeded: words[1] >> 32))
    }

    public static func changeDirectory(_ path: Path) throws(SystemError) {
        _ = try path.checked().withAddress { ecall(.chdir, $0) }.checked()
    }
    public static func makeDirectory(_ path: Path) throws(SystemError) {
        _ = try path.checked().withAddress { ecall(.mkdir, $0) }.checked()
    }
    public static func unlink(_ path: Path) throws(SystemError) {
        _ = try path.checked().withAddress { ecall(.unlink, $0) }.checked()
    }

    public static func makeNode(_ path: Path, major: Int16, minor: Int16) throws(SystemError) {
        _ = try path.checked().withAddress { ecall(.mknod, $0, word(Int32(major)), word(Int32(minor))) }.checked()
    }

    /// Gives a file or directory another name, in the place of what has it already.
    public static func rename(_ old: Path, to new: Path) throws(SystemError) {
        let new = try new.checked()
        _ = try old.checked().withAddress { old in new.withAddress { ecall(.rename, old, $0) } }.checked()
    }

    /// Returns when what was written to a file is on the disk.
    public static func synchronize(_ file: FileDescriptor) throws(SystemError) {
        _ = try call(.fsync, word(file.rawValue))
    }

    public static func link(_ old: Path, as new: Path) throws(SystemError) {
        let new = try new.checked()
        _ = try old.checked().withAddress { old in new.withAddress { ecall(.link, old, $0) } }.checked()
    }

    /// Overwrites a block of the disk, past the file system, which writes nothing from then on.
    /// - Parameter bytes: 1024 of them.
    public static func writeDisk(block: UInt32, _ bytes: RawSpan) throws(SystemError) {
        precondition(bytes.byteCount >= 1024, "a block needs more bytes")
        _ = try unsafe bytes.withUnsafeBytes {  // the kernel only reads
            ecall(.diskWrite, UInt(block), UInt(bitPattern: $0.baseAddress))
        }.checked()
    }

    /// Copies a block of the disk, past the file system; returns how many blocks the disk has.
    /// - Parameter buffer: of 1024 bytes.
    public static func readDisk(block: UInt32, into buffer: inout MutableRawSpan) throws(SystemError) -> UInt32 {
        precondition(buffer.byteCount >= 1024, "a block does not fit the buffer")
        return UInt32(
            try unsafe buffer.withUnsafeMutableBytes {  // large enough, as was checked
                ecall(.diskRead, UInt(block), UInt(bitPattern: $0.baseAddress))
            }.checked())
    }
}
