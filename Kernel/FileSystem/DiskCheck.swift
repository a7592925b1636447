// Checking a disk, as fsck does: without changing it, and seeing it as it will be once its log has been brought home.
//
// Four passes: the inodes and the blocks they name (DiskCheckBlocks.swift); the directories (DiskCheckTree.swift); link counts
// and reachability; the bitmap. Whatever the image holds, a check ends: each loop is bounded by the size of the disk.

import SystemInterface

/// What a check notes of an inode.
struct CheckedInode {
    var type: Int16 = 0
    var linkCount: Int16 = 0
    /// Entries that name it, without "." and "..".
    var entries: UInt32 = 0
    /// Of a directory: the directory that has it, what its ".." says, its subdirectories, and whether a path leads to it.
    var parent: UInt32 = 0
    var dotDot: UInt32 = 0
    var subdirectories: UInt32 = 0
    var isRooted = false

    var isDirectory: Bool { type == FileType.directory.rawValue }
}

/// A check under way.
public struct DiskCheck<P: FileSystemPlatform> {
    let device: P.Device
    let layout: DiskLayout
    /// One a block: named by the superblock or an inode.
    let used: UnsafeMutableRawPointer
    let inodes: UnsafeMutablePointer<CheckedInode>
    /// Blocks of memory: 0 the log header, 1 inodes or bitmap, 2 and 3 indirect blocks, 4 a directory.
    let scratch: UnsafeMutableRawPointer
    let pendingLog: Int
    /// Hashes of the names in a directory, with the directory's number: a table twice as large as the largest directory.
    var names: UnsafeMutablePointer<(hash: UInt64, directory: UInt32)>?
    var nameSlots = 64
    var mostEntries: UInt32 = 0
    var summary = DiskSummary()

    /// Checks the platform's device.
    /// - Parameter report: told each finding.
    /// - Throws: noMemory; inputOutput if the device cannot be read.
    public static func run(_ platform: P, report: (DiskProblem) -> Void) throws(SystemError) -> DiskSummary {
        guard let scratch = platform.allocate(byteCount: 5 * blockSize, alignment: blockSize) else { throw .noMemory }
        var layout: DiskLayout?
        if platform.device.blockCount > 1 {
            try platform.device.read(1) { _ in BlockRequest(block: 1, memory: scratch) }
            layout = DiskLayout(superblock: scratch, deviceBlocks: platform.device.blockCount)
        }
        var fatal = DiskSummary()
        guard let layout else {
            report(DiskProblem(kind: .superblock, inode: 0, block: 1))
            fatal.problems = 1
            return fatal
        }
        guard var check = try DiskCheck(platform, layout, scratch) else { throw .noMemory }
        try check.run(platform, report)
        return check.summary
    }

    private init?(_ platform: P, _ layout: DiskLayout, _ scratch: UnsafeMutableRawPointer) throws(SystemError) {
        guard let used = platform.allocate(byteCount: Int(layout.bitmapLength) * blockSize, alignment: 8),
            let inodes = platform.table(of: CheckedInode.self, count: Int(layout.inodeCount))
        else { return nil }
        for index in 0..<Int(layout.bitmapLength) { clearBlock(used + index * blockSize) }
        inodes.initialize(repeating: CheckedInode(), count: Int(layout.inodeCount))
        self.device = platform.device
        self.layout = layout
        self.used = used
        self.inodes = inodes
        self.scratch = scratch
        try device.read(1) { _ in BlockRequest(block: layout.logStart, memory: scratch) }
        pendingLog = LogHeader(scratch, layout: layout)?.count ?? -1
    }

    private mutating func run(_ platform: P, _ report: (DiskProblem) -> Void) throws(SystemError) {
        if pendingLog < 0 { found(.logHeader, block: layout.logStart, report) }
        if pendingLog > 0 { found(.logPending, block: layout.logStart, report) }
        for block in 0..<layout.dataStart { FileSystem<P>.setBit(block % DiskLayout.bitsPerBlock, in: bitmapPage(block), true) }
        try checkInodes(report)
        while nameSlots < 2 * Int(mostEntries) { nameSlots *= 2 }
        guard let names = platform.table(of: (hash: UInt64, directory: UInt32).self, count: nameSlots) else { throw .noMemory }
        names.initialize(repeating: (0, 0), count: nameSlots)
        self.names = names
        try checkDirectories(report)
        checkLinks(report)
        try checkBitmap(report)
    }

    mutating func found(_ kind: DiskProblem.Kind, inode: UInt32 = 0, block: UInt32 = 0, _ report: (DiskProblem) -> Void) {
        let problem = DiskProblem(kind: kind, inode: inode, block: block)
        if problem.isNote { summary.notes += 1 } else { summary.problems += 1 }
        report(problem)
    }

    /// The part of `used` that corresponds to the bitmap block of a block.
    func bitmapPage(_ block: UInt32) -> UnsafeMutableRawPointer { used + Int(block / DiskLayout.bitsPerBlock) * blockSize }

    /// Reads a block as it will be after recovery into one of the scratch blocks.
    func read(_ block: UInt32, into place: Int) throws(SystemError) -> UnsafeMutableRawPointer {
        var source = block
        if pendingLog > 0, let header = LogHeader(scratch, layout: layout) {
            for slot in 0..<header.count where header.home(slot) == block { source = layout.logStart + 1 + UInt32(slot) }
        }
        let memory = scratch + place * blockSize
        try device.read(1) { _ in BlockRequest(block: source, memory: memory) }
        return memory
    }

    private mutating func checkBitmap(_ report: (DiskProblem) -> Void) throws(SystemError) {
        for index in 0..<layout.bitmapLength {
            let bitmap = try read(layout.bitmapStart + index, into: 1)
            let first = index * DiskLayout.bitsPerBlock
            for block in first..<min(layout.size, first + DiskLayout.bitsPerBlock) {
                let isUsed = FileSystem<P>.bit(block, in: bitmapPage(block))
                let isMarked = FileSystem<P>.bit(block, in: bitmap)
                if isUsed { summary.blocksInUse += 1 }
                if isUsed, !isMarked { found(.blockMarkedFree, block: block, report) }
                if !isUsed, isMarked { found(.blockLost, block: block, report) }
            }
        }
    }
}
