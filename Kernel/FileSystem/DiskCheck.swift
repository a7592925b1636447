// Checking a disk, as fsck does: without changing it, and seeing it as it will be once its log has been brought home.
//
// Four passes: the inodes and the blocks they name (DiskCheckBlocks.swift); the directories (DiskCheckTree.swift); link
// counts and reachability; the bitmap. Whatever the image holds, a check ends: each loop is bounded by the size of the
// disk.

import Storage
import SystemInterface

/// What a check notes of an inode.
struct CheckedInode {
    var type: Int16 = 0
    var linkCount: Int16 = 0
    /// Entries that name it, without "." and "..".
    var entries: UInt32 = 0
    /// Of a directory: the directory that has it, what its ".." says, its subdirectories, and whether a path leads to
    /// it.
    var parent: UInt32 = 0
    var dotDot: UInt32 = 0
    var subdirectories: UInt32 = 0
    var isRooted = false

    var isDirectory: Bool { type == FileType.directory.rawValue }
}

/// A name's hash and the directory that has it, in the table of names.
struct CheckedName {
    var hash: UInt64 = 0
    var directory: UInt32 = 0
}

/// A check under way.
public struct DiskCheck<P: FileSystemPlatform> {
    let device: P.Device
    let layout: DiskLayout
    /// One bit a block: named by the superblock or an inode.
    let used: BlockRow
    let inodes: Table<CheckedInode>
    /// Blocks of memory: 0 inodes or bitmap, 1 and 2 indirect blocks, 3 a directory.
    let scratch: BlockRow
    /// The log's header; nil if it is damaged.
    let log: LogHeader?
    /// The names of one directory at a time: a hash table twice as large as the largest directory.
    var names: Table<CheckedName>?
    var mostEntries: UInt32 = 0
    var summary = DiskSummary()

    /// Checks the platform's device.
    /// - Parameter report: is called with each finding.
    /// - Throws: noMemory; inputOutput if the device cannot be read.
    public static func run(_ platform: P, report: (DiskProblem) -> Void) throws(SystemError) -> DiskSummary {
        guard let scratch = BlockRow(platform, count: 4) else { throw .noMemory }
        var layout: DiskLayout?
        let size = platform.device.blockCount
        if size > 1 {
            try platform.device.read(1) { _ in BlockRequest(block: 1, memory: scratch[0]) }
            layout = scratch[0].withBytes { DiskLayout(superblock: $0.bytes, deviceBlocks: size) }
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

    init?(_ platform: P, _ layout: DiskLayout, _ scratch: BlockRow) throws(SystemError) {
        guard let used = BlockRow(platform, count: Int(layout.bitmapLength)),
            let inodes = platform.makeTable(Int(layout.inodeCount), CheckedInode())
        else { return nil }
        self.device = platform.device
        self.layout = layout
        self.used = used
        self.inodes = inodes
        self.scratch = scratch
        try device.read(1) { _ in BlockRequest(block: layout.logStart, memory: scratch[0]) }
        log = scratch[0].withBytes { LogHeader($0.bytes, layout: layout) }
    }

    mutating func run(_ platform: P, _ report: (DiskProblem) -> Void) throws(SystemError) {
        if log == nil { found(.logHeader, block: layout.logStart, report) }
        if let log, log.count > 0 { found(.logPending, block: layout.logStart, report) }
        for block in 0..<layout.dataStart { setUsed(block) }
        try checkInodes(report)
        var slots = 64
        while slots < 2 * Int(mostEntries) { slots *= 2 }
        guard let names = platform.makeTable(slots, CheckedName()) else { throw .noMemory }
        self.names = names
        try checkDirectories(report)
        checkLinks(report)
        try checkBitmap(report)
    }

    mutating func found(
        _ kind: DiskProblem.Kind, inode: UInt32 = 0, block: UInt32 = 0, directory: UInt32 = 0, entry: UInt32 = 0,
        _ report: (DiskProblem) -> Void
    ) {
        let problem = DiskProblem(kind: kind, inode: inode, block: block, directory: directory, entry: entry)
        if problem.isNote { summary.notes += 1 } else { summary.problems += 1 }
        report(problem)
    }

    /// The part of `used` that corresponds to the bitmap block of a block.
    private func usedBlock(_ block: UInt32) -> BlockMemory { used[Int(block / DiskLayout.bitsPerBlock)] }
    func isUsed(_ block: UInt32) -> Bool { usedBlock(block).withBytes { Bitmap.bit(block, in: $0.bytes) } }
    func setUsed(_ block: UInt32) { usedBlock(block).withBytes { Bitmap.set(block, in: &$0, true) } }

    /// Reads a block as it will be after recovery into one of the scratch blocks.
    func read(_ block: UInt32, into place: Int) throws(SystemError) -> BlockMemory {
        var source = block
        if let log {
            for slot in 0..<log.count where log.home(slot) == block { source = layout.logStart + 1 + UInt32(slot) }
        }
        let memory = scratch[place]
        try device.read(1) { _ in BlockRequest(block: source, memory: memory) }
        return memory
    }

    private mutating func checkBitmap(_ report: (DiskProblem) -> Void) throws(SystemError) {
        for index in 0..<layout.bitmapLength {
            let bitmap = try read(layout.bitmapStart + index, into: 0)
            let first = index * DiskLayout.bitsPerBlock
            for block in first..<min(layout.size, first + DiskLayout.bitsPerBlock) {
                let isUsed = isUsed(block)
                let isMarked = bitmap.withBytes { Bitmap.bit(block, in: $0.bytes) }
                if isUsed { summary.blocksInUse += 1 }
                if isUsed, !isMarked { found(.blockMarkedFree, block: block, report) }
                if !isUsed, isMarked { found(.blockLost, block: block, report) }
            }
        }
    }
}
