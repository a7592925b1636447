// A disk image in a file, as a block device.

import FileSystem
import Foundation
import SystemInterface

/// An open disk image. Transfers are pread and pwrite, so it may be used from several threads.
public final class FileDisk: BlockDevice, Sendable {
    private let descriptor: Int32
    public let blockCount: UInt32
    /// Whether `flush` waits for the host's disk. mkfs does not need it: it starts over after a crash.
    private let isDurable: Bool

    /// Opens an image.
    /// - Parameters:
    ///   - writable: false opens it for reading only.
    ///   - blocks: if given, the file is made, or emptied, with this size.
    /// - Throws: what the host says.
    public init(_ path: String, writable: Bool, blocks: UInt32? = nil, durable: Bool = false) throws {
        let flags = (writable ? O_RDWR : O_RDONLY) | (blocks == nil ? 0 : O_CREAT | O_TRUNC)
        let descriptor = Foundation.open(path, flags | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HostError(path, errno) }
        if let blocks, ftruncate(descriptor, off_t(blocks) * off_t(blockSize)) != 0 { throw HostError(path, errno) }
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0 else { throw HostError(path, errno) }
        self.descriptor = descriptor
        blockCount = UInt32(clamping: Int(size) / blockSize)
        isDurable = durable
    }

    deinit { close(descriptor) }

    public func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            guard pread(descriptor, request.memory.address, blockSize, off_t(request.block) * off_t(blockSize)) == blockSize
            else { throw .inputOutput }
        }
    }

    public func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            guard request.block < blockCount,
                pwrite(descriptor, request.memory.address, blockSize, off_t(request.block) * off_t(blockSize)) == blockSize
            else { throw .inputOutput }
        }
    }

    public func flush() throws(SystemError) {
        if isDurable, fsync(descriptor) != 0 { throw .inputOutput }
    }
}

/// What the host's operating system said of a file.
public struct HostError: Error, CustomStringConvertible {
    public let description: String

    public init(_ path: String, _ number: Int32) { description = "\(path): \(String(cString: strerror(number)))" }
}
