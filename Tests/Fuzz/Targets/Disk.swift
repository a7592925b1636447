// A file system image damaged where the input says: checking and mounting it end, with a result or an error.

import DiskImage
import FileSystem
import SystemInterface

enum Disk {
    private typealias System = FileSystem<HostPlatform<MemoryDisk, NoMonitor>>

    /// An empty file system of 200 blocks, made once.
    private static let image: [UInt8] = {
        guard let layout = DiskLayout(blocks: 200, inodes: 32, log: 31, doubleIndirect: false) else {
            preconditionFailure("no layout")
        }
        let disk = MemoryDisk([UInt8](repeating: 0, count: 200 * blockSize))
        do { try System.format(HostPlatform(disk), layout) } catch { preconditionFailure("the image cannot be made") }
        return disk.bytes
    }()

    /// The input: places of three bytes and a value each.
    static func run(_ input: [UInt8]) -> UInt64 {
        let disk = MemoryDisk(image)
        for i in stride(from: 0, to: input.count - 3, by: 4) {
            let place = Int(input[i]) << 16 | Int(input[i + 1]) << 8 | Int(input[i + 2])
            if place < disk.bytes.count { disk.bytes[place] = input[i + 3] }
        }
        var sum: UInt64 = 0
        do {
            let summary = try DiskCheck.run(HostPlatform(disk)) { sum &+= UInt64($0.inode) }
            sum &+= UInt64(summary.problems)
        } catch {
            sum = 1
        }
        do { _ = try System.mount(HostPlatform(disk), buffers: 64, inodes: 16) } catch { sum &+= 1 }
        return sum
    }
}

private final class MemoryDisk: BlockDevice, @unchecked Sendable {
    var bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    var blockCount: UInt32 { UInt32(bytes.count / blockSize) }

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for i in 0..<count {
            let request = request(i)
            guard request.block < blockCount else { throw .inputOutput }
            // Both ends hold a block: the number was checked, and a request's memory is one block.
            unsafe bytes.withUnsafeBytes {
                unsafe request.memory.address.copyMemory(
                    from: $0.baseAddress! + Int(request.block) * blockSize, byteCount: blockSize)
            }
        }
    }

    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for i in 0..<count {
            let request = request(i)
            guard request.block < blockCount else { throw .inputOutput }
            let start = Int(request.block) * blockSize
            // A request's memory is one block.
            let block = unsafe UnsafeRawBufferPointer(start: request.memory.address, count: blockSize)
            unsafe bytes.replaceSubrange(start..<start + blockSize, with: block)
        }
    }

    func flush() throws(SystemError) {}
}
