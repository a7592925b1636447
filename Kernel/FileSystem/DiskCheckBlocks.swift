// First pass of a check: each inode's fields, and each block it names: in the data area, and named once.

import Storage
import SystemInterface

extension DiskCheck {
    /// An inode as the disk has it.
    func record(_ number: UInt32) throws(SystemError) -> InodeRecord {
        let offset = layout.offset(ofInode: number)
        return try read(layout.block(ofInode: number), into: 0).withBytes { InodeRecord($0.bytes, at: offset) }
    }

    mutating func checkInodes(_ report: (DiskProblem) -> Void) throws(SystemError) {
        for number in 1..<layout.inodeCount {
            let record = try record(number)
            if record.type == 0 { continue }
            guard record.isSound(layout) else {
                found(.inodeFields, inode: number, report)
                continue
            }
            inodes[Int(number)].type = record.type
            inodes[Int(number)].linkCount = record.linkCount
            if record.linkCount == 0 { found(.orphan, inode: number, report) }
            switch record.type {
            case FileType.directory.rawValue:
                summary.directories += 1
                mostEntries = max(mostEntries, record.size / UInt32(entrySize))
            case FileType.file.rawValue: summary.files += 1
            default: summary.devices += 1
            }
            for index in 0..<13 {
                let depth = index < Int(layout.directCount) ? 0 : index == Int(layout.directCount) ? 1 : 2
                try claim(record.addresses[index], depth: depth, for: number, report)
            }
        }
    }

    /// Notes that an inode uses a block and, if that is a table of addresses, what it names.
    private mutating func claim(
        _ block: UInt32, depth: Int, for inode: UInt32, _ report: (DiskProblem) -> Void
    ) throws(SystemError) {
        if block == 0 { return }
        guard layout.isData(block) else { return found(.addressOutOfRange, inode: inode, block: block, report) }
        if isUsed(block) { return found(.blockUsedTwice, inode: inode, block: block, report) }
        setUsed(block)
        if depth == 0 { return }
        let table = try read(block, into: depth)
        for entry in 0..<Int(DiskLayout.addressesPerBlock) {
            let next = table.withBytes { $0.littleEndian(entry * 4, as: UInt32.self) }
            if next != 0 { try claim(next, depth: depth - 1, for: inode, report) }
        }
    }
}
