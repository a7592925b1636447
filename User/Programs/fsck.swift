// fsck: checks the disk that the system runs from, with the file system's own code, and with -y repairs it.

import FileSystem
import SystemInterface
import UserLibrary

@main enum FileSystemCheck: Program {
    static let usage: StaticString = """
        usage: fsck [-qy]
        Checks the disk under the running system: superblock, log, inodes, blocks, bitmap, directories and link counts. Changes
        nothing without -y. What other programs write meanwhile can look like an error: check while nothing else runs.
          -q  say nothing if there are no errors
          -y  repair: wrong counts, blocks and entries; what no directory has gets a name in /lost+found. If anything was repaired, the
              machine has to be started again, since the system that runs knows the disk as it was: type halt.
        Exit status 0 no errors, 1 errors that were repaired, 4 errors, 8 the disk could not be read or written.
        """
    static let options: StaticString? = "qy"

    static func run(_ arguments: Arguments) -> Int32 {
        let (isQuiet, repairs) = (arguments.has("q"), arguments.has("y"))
        arguments.expectNone()
        do throws(SystemError) {
            let disk = try RawDisk()
            var found = 0
            func show(_ problem: DiskProblem) {
                if !problem.isNote { found += 1 }
                if isQuiet, problem.isNote { return }
                var line: Text = problem.isNote ? "note: " : ""
                if problem.inode != 0 { line = "\(line)inode \(problem.inode): " }
                if problem.block != 0 { line = "\(line)block \(problem.block): " }
                print("\(line)\(problem.message)")
            }
            let platform = CheckPlatform(device: disk)
            var summary = try DiskCheck.run(platform, report: show)
            let repairsNow = repairs && summary.problems > 0
            if repairsNow { summary = try DiskRepair.run(platform) { _ in } }
            if !isQuiet || summary.problems > 0 {
                print(
                    "\(Int(summary.files)) files, \(Int(summary.directories)) directories, \(Int(summary.devices)) devices, \(Int(summary.blocksInUse)) of \(disk.blockCount) blocks in use; \(Int(summary.problems)) errors"
                )
            }
            if repairsNow {
                print("repaired: type halt, and start the machine again; until then nothing can be written")
            }
            return summary.problems > 0 ? 4 : found > 0 ? 1 : 0
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

    func write(_ count: Int, _ request: (Int) -> BlockRequest) throws(SystemError) {
        for index in 0..<count {
            let request = request(index)
            try request.memory.withBytes { (bytes) throws(SystemError) in
                try System.writeDisk(block: request.block, bytes.bytes)
            }
        }
    }
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
    // A check reads each block once: few are worth keeping.
    @unsafe  // as the protocol declares it
    func takePage() -> UnsafeMutableRawPointer? { nil }
    @unsafe  // as the protocol declares it
    func giveBackPage(_ page: UnsafeMutableRawPointer) {}
    func makeMonitor() -> NoMonitor? { NoMonitor() }
    var time: UInt32 { 0 }
    func report(_ message: StaticString) { complain("\(message)") }
}
