// fsck: checks the disk that the system runs from, with the file system's own code. It changes nothing.

import FileSystem
import SystemInterface
import UserLibrary

@main enum FileSystemCheck: Program {
    static let usage: StaticString = """
        usage: fsck [-q]
        Checks the disk under the running system: superblock, log, inodes, blocks, bitmap, directories and link counts. Changes
        nothing. What other programs write meanwhile can look like an error: check while nothing else runs.
          -q  say nothing if there are no errors
        Exit status 0 no errors, 4 errors, 8 the disk could not be read.
        """
    static let options: StaticString? = "q"

    static func run(_ arguments: Arguments) -> Int32 {
        let isQuiet = arguments.has("q")
        arguments.expectNone()
        do throws(SystemError) {
            let disk = try RawDisk()
            let summary = try DiskCheck.run(CheckPlatform(device: disk)) { problem in
                if isQuiet, problem.isNote { return }
                var line: Text = problem.isNote ? "note: " : ""
                if problem.inode != 0 { line = "\(line)inode \(problem.inode): " }
                if problem.block != 0 { line = "\(line)block \(problem.block): " }
                print("\(line)\(problem.message)")
            }
            if !isQuiet || summary.problems > 0 {
                print(
                    "\(Int(summary.files)) files, \(Int(summary.directories)) directories, \(Int(summary.devices)) devices, \(Int(summary.blocksInUse)) of \(disk.blockCount) blocks in use; \(Int(summary.problems)) errors"
                )
            }
            return summary.problems == 0 ? 0 : 4
        } catch {
            complain("\(error)")
            return 8
        }
    }
}

/// The disk, block by block, past the file system.
private struct RawDisk: BlockDevice {
    let blockCount: UInt32

    init() throws(SystemError) {
        var block = [UInt8](repeating: 0, count: blockSize)
        var span = block.mutableSpan
        var bytes = unsafe span.mutableBytes  // bytes have no padding
        blockCount = try System.readDisk(block: 0, into: &bytes)
    }

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            try request.memory.withBytes { (bytes) throws(SystemError) in
                _ = try System.readDisk(block: request.block, into: &bytes)
            }
        }
    }

    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) { throw .notPermitted }
    func flush() throws(SystemError) {}
}

/// One thread, which waits for no other.
private struct NoMonitor: Monitor {
    func acquire() {}
    func release() {}
    func wait() {}
    func wakeAll() {}
}

private struct CheckPlatform: FileSystemPlatform {
    let device: RawDisk

    @unsafe  // as the protocol declares it
    func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        // Never freed: the program ends with it.
        UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: max(16, alignment)).baseAddress
    }
    func makeMonitor() -> NoMonitor? { NoMonitor() }
    func report(_ message: StaticString) { complain("\(message)") }
}
