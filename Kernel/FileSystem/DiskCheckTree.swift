// Second and third pass of a check: the entries of each directory; then link counts, and a way from the root to
// everything.

import Storage
import SystemInterface

extension DiskCheck {
    mutating func checkDirectories(_ report: (DiskProblem) -> Void) throws(SystemError) {
        for number in 1..<layout.inodeCount where inodes[Int(number)].isDirectory {
            try checkDirectory(number, record(number), report)
        }
    }

    private mutating func checkDirectory(
        _ number: UInt32, _ record: InodeRecord, _ report: (DiskProblem) -> Void
    ) throws(SystemError) {
        if record.size % UInt32(entrySize) != 0 { found(.directorySize, inode: number, report) }
        let isOrphan = record.linkCount == 0
        let count = record.size / UInt32(entrySize)
        if count < 1 { found(.dotEntry, inode: number, report) }
        if count < 2 { found(.dotDotEntry, inode: number, report) }
        for index in 0..<count {
            let within = Int(index) % (blockSize / entrySize)
            if within == 0 {
                let block = try address(index / UInt32(blockSize / entrySize), of: record)
                if block == 0 { scratch[3].withBytes { $0.clear() } } else { _ = try read(block, into: 3) }
            }
            let entry = scratch[3].withBytes { DirectoryEntry($0.bytes, at: within * entrySize) }
            let target = entry.inode
            if index == 0 {
                if target != number || !entry.hasName(.dot) { found(.dotEntry, inode: number, report) }
            } else if index == 1 {
                inodes[Int(number)].dotDot = target
                if target == 0 || !entry.hasName(.dotDot) { found(.dotDotEntry, inode: number, report) }
            } else if target != 0 {
                checkName(entry, number, index, report)
                if !isOrphan { checkTarget(target, of: number, index, report) }
            }
        }
    }

    private mutating func checkTarget(
        _ target: UInt32, of directory: UInt32, _ entry: UInt32, _ report: (DiskProblem) -> Void
    ) {
        guard target < layout.inodeCount, inodes[Int(target)].type != 0 else {
            return found(.entryInode, inode: directory, directory: directory, entry: entry, report)
        }
        inodes[Int(target)].entries += 1
        guard inodes[Int(target)].isDirectory else { return }
        if inodes[Int(target)].parent != 0 {
            return found(.directoryTwice, inode: target, directory: directory, entry: entry, report)
        }
        inodes[Int(target)].parent = directory
        inodes[Int(directory)].subdirectories += 1
    }

    private mutating func checkName(
        _ entry: DirectoryEntry, _ directory: UInt32, _ index: UInt32, _ report: (DiskProblem) -> Void
    ) {
        guard let name = entry.name else {
            return found(.entryName, inode: directory, directory: directory, entry: index, report)
        }
        guard let names else { return }
        let hash = mix(name.low &+ mix(name.high))
        var slot = Int(hash % UInt64(names.count))
        while names[slot].directory == directory {
            if names[slot].hash == hash {
                return found(.entryTwice, inode: directory, directory: directory, entry: index, report)
            }
            slot = (slot + 1) % names.count
        }
        names[slot] = CheckedName(hash: hash, directory: directory)
    }

    /// A bijection that spreads names over all bits (the finaliser of MurmurHash3).
    private func mix(_ value: UInt64) -> UInt64 {
        var x = value
        x = (x ^ x >> 33) &* 0xFF51_AFD7_ED55_8CCD
        x = (x ^ x >> 33) &* 0xC4CE_B9FE_1A85_EC53
        return x ^ x >> 33
    }

    /// The block at an index of a directory; 0 if it is missing or cannot be.
    private func address(_ index: UInt32, of record: InodeRecord) throws(SystemError) -> UInt32 {
        let direct = layout.directCount
        let perBlock = DiskLayout.addressesPerBlock
        if index < direct { return sound(record.addresses[Int(index)]) }
        if index - direct < perBlock { return try entry(Int(index - direct), of: record.addresses[Int(direct)]) }
        let far = index - direct - perBlock
        guard layout.hasDoubleIndirect, far < perBlock * perBlock else { return 0 }
        return try entry(Int(far % perBlock), of: entry(Int(far / perBlock), of: record.addresses[12]))
    }

    private func sound(_ block: UInt32) -> UInt32 { layout.isData(block) ? block : 0 }

    private func entry(_ index: Int, of table: UInt32) throws(SystemError) -> UInt32 {
        guard layout.isData(table) else { return 0 }
        return sound(try read(table, into: 1).withBytes { $0.littleEndian(index * 4, as: UInt32.self) })
    }

    /// Third pass: what was counted against what the inodes say.
    mutating func checkLinks(_ report: (DiskProblem) -> Void) {
        let root = Int(DiskLayout.rootInode)
        guard inodes[root].isDirectory else { return found(.noRoot, inode: DiskLayout.rootInode, report) }
        inodes[root].isRooted = true
        if inodes[root].parent == 0 {
            inodes[root].parent = DiskLayout.rootInode
        } else {
            found(.directoryTwice, inode: 1, report)
        }
        for number in 1..<layout.inodeCount {
            let inode = inodes[Int(number)]
            if inode.type == 0 || (inode.linkCount == 0 && inode.entries == 0) { continue }
            if number != DiskLayout.rootInode, inode.entries == 0 { found(.unreachable, inode: number, report) }
            let links = inode.isDirectory ? 1 + inode.subdirectories : inode.entries
            if UInt32(inode.linkCount) != links, inode.entries > 0 || number == DiskLayout.rootInode {
                found(.linkCount, inode: number, report)
            }
            guard inode.isDirectory, inode.parent != 0 else { continue }
            if inode.dotDot != inode.parent { found(.dotDotEntry, inode: number, report) }
            if !isRooted(number) { found(.directoryLoop, inode: number, report) }
        }
    }

    /// Follows the parents up to the root, and notes the way for the next call.
    private func isRooted(_ number: UInt32) -> Bool {
        var place = number
        var steps: UInt32 = 0
        while !inodes[Int(place)].isRooted {
            place = inodes[Int(place)].parent
            steps += 1
            if place == 0 || steps > layout.inodeCount { return false }
        }
        place = number
        while !inodes[Int(place)].isRooted {
            inodes[Int(place)].isRooted = true
            place = inodes[Int(place)].parent
        }
        return true
    }
}
