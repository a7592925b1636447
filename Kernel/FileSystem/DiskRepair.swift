// Repairing a disk, as fsck -y does: a check runs over it, and what each finding names is put right in place; then the
// next check runs, until one finds nothing. What no directory has goes to /lost+found (DiskRescue.swift).
//
// Nothing else uses the disk meanwhile. A repair that is interrupted is begun anew: each write leaves a disk that is no
// worse.

import Storage
import SystemInterface

public struct DiskRepair<P: FileSystemPlatform> {
    /// Checks at most: one finding's cure may bring another to light.
    private static var mostPasses: Int { 32 }

    private let platform: P
    private let device: P.Device
    private let layout: DiskLayout
    /// Blocks of memory: 0 an inode's, 1 and 2 addresses, 3 what is repaired.
    private let scratch: BlockRow
    /// A write failed.
    private var failure: SystemError?

    /// Repairs the platform's device.
    /// - Parameter report: is called with each finding, before it is put right.
    /// - Returns: what the last check found: no problems, unless the superblock or the root directory is gone.
    /// - Throws: noMemory; inputOutput if the device cannot be read or written; noSpace if /lost+found cannot be made.
    public static func run(_ platform: P, report: (DiskProblem) -> Void) throws(SystemError) -> DiskSummary {
        var summary = DiskSummary()
        for _ in 0..<mostPasses {
            guard let scratch = BlockRow(platform, count: 4) else { throw .noMemory }
            try platform.device.read(1) { _ in BlockRequest(block: 1, memory: scratch[0]) }
            let size = platform.device.blockCount
            guard let layout = scratch[0].withBytes({ DiskLayout(superblock: $0.bytes, deviceBlocks: size) }) else {
                return try DiskCheck.run(platform, report: report)
            }
            var repair = DiskRepair(
                platform: platform, device: platform.device, layout: layout, scratch: scratch, failure: nil)
            try repair.bringLogHome()
            guard var check = try DiskCheck(platform, layout, scratch) else { throw .noMemory }
            let inodes = check.inodes
            var isHopeless = false
            var toRescue: UInt32 = 0
            try check.run(platform) { problem in
                report(problem)
                switch problem.kind {
                case .superblock, .noRoot: isHopeless = true
                case .unreachable: toRescue += 1
                case .directoryLoop where !isInCircle(problem.inode, inodes): toRescue += 1
                default: repair.cure(problem, inodes)
                }
            }
            if let failure = repair.failure { throw failure }
            try platform.device.flush()
            summary = check.summary
            if isHopeless || summary.problems + summary.notes == 0 { break }
            // Only what is sound in itself can be mounted.
            if toRescue == summary.problems { try DiskRescue.run(platform, layout, inodes) }
        }
        return summary
    }

    /// Brings home what the log holds; a header that is damaged counts nothing.
    private func bringLogHome() throws(SystemError) {
        let block = scratch[3]
        try device.read(1) { _ in BlockRequest(block: layout.logStart, memory: block) }
        let header = block.withBytes { LogHeader($0.bytes, layout: layout) }
        if let header, header.count == 0 { return }
        for slot in 0..<(header?.count ?? 0) {
            guard let home = header?.home(slot) else { break }
            try device.read(1) { _ in BlockRequest(block: layout.logStart + 1 + UInt32(slot), memory: block) }
            try device.write(1) { _ in BlockRequest(block: home, memory: block) }
        }
        try device.flush()
        block.withBytes { $0.clear() }
        try device.write(1) { _ in BlockRequest(block: layout.logStart, memory: block) }
        try device.flush()
    }

    /// Whether the way up from a directory does not end: else it ends at one that is rescued.
    private static func isInCircle(_ directory: UInt32, _ inodes: Table<CheckedInode>) -> Bool {
        var place = directory
        for _ in 0..<inodes.count {
            place = inodes[Int(place)].parent
            if place == 0 { return false }
        }
        return true
    }

    // MARK: Cures

    private mutating func cure(_ problem: DiskProblem, _ inodes: Table<CheckedInode>) {
        guard failure == nil else { return }
        do throws(SystemError) {
            let inode = problem.inode
            switch problem.kind {
            case .inodeFields, .orphan: try changeInode(inode) { $0 = InodeRecord() }
            case .addressOutOfRange, .blockUsedTwice: try forget(problem.block, of: inode)
            case .blockMarkedFree: try mark(problem.block, true)
            case .blockLost: try mark(problem.block, false)
            case .directorySize: try changeInode(inode) { $0.size = $0.size / UInt32(entrySize) * UInt32(entrySize) }
            case .dotEntry: try setEntry(0, of: inode, to: inode, .dot)
            case .dotDotEntry:
                let parent = inodes[Int(inode)].parent
                try setEntry(1, of: inode, to: parent == 0 ? DiskLayout.rootInode : parent, .dotDot)
            case .entryInode, .entryName, .entryTwice, .directoryTwice:
                try setEntry(problem.entry, of: problem.directory, to: 0, Name())
            case .linkCount:
                let checked = inodes[Int(inode)]
                let links = checked.isDirectory ? 1 + checked.subdirectories : checked.entries
                try changeInode(inode) { $0.linkCount = Int16(clamping: links) }
            case .directoryLoop: try takeOut(inode, of: inodes[Int(inode)].parent)
            case .superblock, .noRoot, .unreachable, .logHeader, .logPending: break
            }
        } catch {
            failure = error
        }
    }

    /// Reads a block, changes it, and writes it back.
    private func change(_ block: UInt32, _ body: (inout MutableRawSpan) -> Void) throws(SystemError) {
        let memory = scratch[3]
        try device.read(1) { _ in BlockRequest(block: block, memory: memory) }
        memory.withBytes { body(&$0) }
        try device.write(1) { _ in BlockRequest(block: block, memory: memory) }
    }

    private func record(_ number: UInt32) throws(SystemError) -> InodeRecord {
        let memory = scratch[3]
        try device.read(1) { _ in BlockRequest(block: layout.block(ofInode: number), memory: memory) }
        return memory.withBytes { InodeRecord($0.bytes, at: layout.offset(ofInode: number)) }
    }

    private func changeInode(_ number: UInt32, _ body: (inout InodeRecord) -> Void) throws(SystemError) {
        let offset = layout.offset(ofInode: number)
        try change(layout.block(ofInode: number)) { bytes in
            var record = InodeRecord(bytes.bytes, at: offset)
            body(&record)
            record.encode(into: &bytes, at: offset)
        }
    }

    private func mark(_ block: UInt32, _ isUsed: Bool) throws(SystemError) {
        try change(layout.bitmapStart + block / DiskLayout.bitsPerBlock) { Bitmap.set(block, in: &$0, isUsed) }
    }

    /// Takes a block out of the addresses of an inode, but for the first of several places.
    private func forget(_ block: UInt32, of number: UInt32) throws(SystemError) {
        var record = try record(number)
        var found = 0
        var places = 0
        for pass in 0..<2 {
            // The first pass counts.
            func goes(_ address: UInt32) -> Bool {
                guard address == block else { return false }
                if pass == 0 { places += 1 } else { found += 1 }
                return pass == 1 && (places == 1 || found > 1)
            }
            for index in 0..<13 {
                let table = record.addresses[index]
                if goes(table) {
                    record.addresses[index] = 0
                } else if index >= Int(layout.directCount), layout.isData(table) {
                    try forget(in: table, depth: index - Int(layout.directCount), goes)
                }
            }
        }
        let addresses = record.addresses
        try changeInode(number) { $0.addresses = addresses }
    }

    private func forget(in table: UInt32, depth: Int, _ goes: (UInt32) -> Bool) throws(SystemError) {
        let memory = scratch[1 + depth]
        try device.read(1) { _ in BlockRequest(block: table, memory: memory) }
        var isChanged = false
        for entry in 0..<Int(DiskLayout.addressesPerBlock) {
            let address = memory.withBytes { $0.littleEndian(entry * 4, as: UInt32.self) }
            if goes(address) {
                memory.withBytes { $0.storeBytes(of: 0, toByteOffset: entry * 4, as: UInt32.self) }
                isChanged = true
            } else if depth > 0, layout.isData(address) {
                try forget(in: address, depth: depth - 1, goes)
            }
        }
        if isChanged { try device.write(1) { _ in BlockRequest(block: table, memory: memory) } }
    }

    // MARK: Directories

    /// Writes an entry. A directory that has no place for it is none: its inode is freed, and what it had is rescued.
    private func setEntry(_ index: UInt32, of number: UInt32, to target: UInt32, _ name: Name) throws(SystemError) {
        let record = try record(number)
        let perBlock = UInt32(blockSize / entrySize)
        let block = try address(index / perBlock, of: record)
        guard layout.isData(block) else {
            guard target != 0 else { return }  // nothing is there
            return try changeInode(number) { $0 = InodeRecord() }
        }
        try change(block) {
            FileSystem<P>.encodeEntry(target, name, into: &$0, at: Int(index % perBlock) * entrySize)
        }
        let end = (index + 1) * UInt32(entrySize)
        if record.size < end { try changeInode(number) { $0.size = end } }
    }

    /// Takes an inode out of a directory: it is in a circle that no path leads to.
    private func takeOut(_ target: UInt32, of directory: UInt32) throws(SystemError) {
        let record = try record(directory)
        let perBlock = UInt32(blockSize / entrySize)
        for index in 2..<max(2, record.size / UInt32(entrySize)) {
            let block = try address(index / perBlock, of: record)
            guard layout.isData(block) else { continue }
            try change(block) { bytes in
                let offset = Int(index % perBlock) * entrySize
                guard DirectoryEntry(bytes.bytes, at: offset).inode == target else { return }
                FileSystem<P>.encodeEntry(0, Name(), into: &bytes, at: offset)
            }
        }
    }

    /// The block at an index of a directory; 0 if there is none.
    private func address(_ index: UInt32, of record: InodeRecord) throws(SystemError) -> UInt32 {
        let direct = layout.directCount
        let perBlock = DiskLayout.addressesPerBlock
        if index < direct { return record.addresses[Int(index)] }
        if index - direct < perBlock { return try entry(index - direct, of: record.addresses[Int(direct)]) }
        let far = index - direct - perBlock
        guard layout.hasDoubleIndirect, far < perBlock * perBlock else { return 0 }
        return try entry(far % perBlock, of: entry(far / perBlock, of: record.addresses[12]))
    }

    private func entry(_ index: UInt32, of table: UInt32) throws(SystemError) -> UInt32 {
        guard layout.isData(table) else { return 0 }
        let memory = scratch[1]
        try device.read(1) { _ in BlockRequest(block: table, memory: memory) }
        return memory.withBytes { $0.littleEndian(Int(index) * 4, as: UInt32.self) }
    }
}
