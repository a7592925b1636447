// fsck: checks the disk that the system runs from, with the file system's own code. It changes nothing.

import FileSystem
import SystemInterface
import UserLibrary

@main enum FileSystemCheck: Program {
    static let usage: StaticString = """
        usage: fsck [-q]
        Checks the disk under the running system: superblock, log, inodes, blocks, bitmap, directories and link counts. Changes
        nothing. What others write meanwhile can look like an error: check while nothing else runs.
          -q  say nothing if there are no errors
        Exit status 0 no errors, 4 errors, 8 the disk could not be read.
        """

    static func run(_ arguments: Arguments) -> Int32 {
        var arguments = arguments
        var isQuiet = false
        arguments.takeOptions(usage) { letter, _ in
            isQuiet = letter == UInt8(ascii: "q")
            return isQuiet
        }
        guard arguments.count == 0 else { Arguments.refuse("there is only the one disk", usage) }
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
                print("\(Int(summary.files)) files, \(Int(summary.directories)) directories, \(Int(summary.devices)) devices, \(Int(summary.blocksInUse)) of \(disk.blockCount) blocks in use; \(Int(summary.problems)) errors")
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
        let block = UnsafeMutableRawBufferPointer.allocate(byteCount: blockSize, alignment: 16)
        defer { block.deallocate() }
        blockCount = try System.readDisk(block: 0, to: block.baseAddress!)
    }

    func read(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count { _ = try System.readDisk(block: request(index).block, to: request(index).memory.address) }
    }

    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) { throw .notPermitted }
    func flush() throws(SystemError) {}
}

/// One thread: nobody to wait for.
private struct NoMonitor: Monitor {
    func acquire() {}
    func release() {}
    func wait() {}
    func wakeAll() {}
}

private struct CheckPlatform: FileSystemPlatform {
    let device: RawDisk

    @unsafe
    func allocate(byteCount: Int, alignment: Int) -> UnsafeMutableRawPointer? {
        UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: max(16, alignment)).baseAddress
    }
    func makeMonitor() -> NoMonitor? { NoMonitor() }
    func report(_ message: StaticString) { complain("\(message)") }
}
