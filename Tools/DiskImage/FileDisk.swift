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

    /// Opens an image and locks it, as QEMU locks the images of its guests.
    /// - Parameters:
    ///   - writable: false opens it for reading only, beside others that only read.
    ///   - blocks: if given, the file is made, or emptied, with this size.
    /// - Throws: `ImageInUse`, and what the host says.
    public init(_ path: String, writable: Bool, blocks: UInt32? = nil, durable: Bool = false) throws {
        let flags = (writable ? O_RDWR : O_RDONLY) | (blocks == nil ? 0 : O_CREAT)
        let descriptor = unsafe Foundation.open(path, flags | O_CLOEXEC, 0o644)  // the string's own bytes
        guard descriptor >= 0 else { throw HostError(path, errno) }
        self.descriptor = descriptor
        isDurable = durable
        var size: off_t = 0
        do {
            try ImageLock.take(descriptor, path, writable: writable)
            // Emptied only now: until then it may be another's.
            if let blocks, ftruncate(descriptor, 0) != 0 || ftruncate(descriptor, off_t(blocks) * off_t(blockSize)) != 0
            {
                throw HostError(path, errno)
            }
            size = lseek(descriptor, 0, SEEK_END)
            guard size >= 0 else { throw HostError(path, errno) }
        } catch {
            close(descriptor)
            throw error
        }
        blockCount = UInt32(clamping: Int(size) / blockSize)
    }

    deinit { close(descriptor) }

    public func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            // A block's memory has the size of a block.
            guard
                unsafe pread(descriptor, request.memory.address, blockSize, off_t(request.block) * off_t(blockSize))
                    == blockSize
            else { throw .inputOutput }
        }
    }

    public func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            // A block's memory has the size of a block.
            guard request.block < blockCount,
                unsafe pwrite(descriptor, request.memory.address, blockSize, off_t(request.block) * off_t(blockSize))
                    == blockSize
            else { throw .inputOutput }
        }
    }

    public func flush() throws(SystemError) {
        if isDurable, fsync(descriptor) != 0 { throw .inputOutput }
    }
}

/// Why the host's operating system refused an operation on a file.
public struct HostError: Error, CustomStringConvertible {
    public let description: String

    public init(_ path: String, _ number: Int32) {
        let reason = unsafe String(cString: strerror(number))  // the C library's text, copied at once
        description = "\(path): \(reason)"
    }
}
