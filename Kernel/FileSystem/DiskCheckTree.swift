// Second and third pass of a check: the entries of each directory; then link counts, and a way from the root to everything.

import SystemInterface

extension DiskCheck {
    mutating func checkDirectories(_ report: (DiskProblem) -> Void) throws(SystemError) {
        for number in 1..<layout.inodeCount where inodes[Int(number)].isDirectory {
            let block = try read(layout.block(ofInode: number), into: 1)
            try checkDirectory(number, InodeRecord(block + layout.offset(ofInode: number)), report)
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
                if block == 0 { clearBlock(scratch + 4 * blockSize) } else { _ = try read(block, into: 4) }
            }
            let entry = scratch + 4 * blockSize + within * entrySize
            let low = entry.load(as: UInt64.self)
            let target = UInt32(low & 0xFFFF)
            if index == 0 {
                if target != number || !isName(.dot, entry) { found(.dotEntry, inode: number, report) }
            } else if index == 1 {
                inodes[Int(number)].dotDot = target
                if target == 0 || !isName(.dotDot, entry) { found(.dotDotEntry, inode: number, report) }
            } else if target != 0 {
                checkName(entry, number, report)
                if !isOrphan { checkTarget(target, of: number, report) }
            }
        }
    }

    private mutating func checkTarget(_ target: UInt32, of directory: UInt32, _ report: (DiskProblem) -> Void) {
        guard target < layout.inodeCount, inodes[Int(target)].type != 0 else {
            return found(.entryInode, inode: directory, report)
        }
        inodes[Int(target)].entries += 1
        guard inodes[Int(target)].isDirectory else { return }
        if inodes[Int(target)].parent != 0 { return found(.directoryTwice, inode: target, report) }
        inodes[Int(target)].parent = directory
        inodes[Int(directory)].subdirectories += 1
    }

    private func isName(_ name: Name, _ entry: UnsafeRawPointer) -> Bool {
        (entry.load(as: UInt64.self) ^ name.low) & name.mask.low == 0
            && (entry.load(fromByteOffset: 8, as: UInt64.self) ^ name.high) & name.mask.high == 0
    }

    private mutating func checkName(
        _ entry: UnsafeRawPointer, _ directory: UInt32, _ report: (DiskProblem) -> Void
    ) {
        var name = Name()
        for index in 2..<entrySize {
            let byte = entry.load(fromByteOffset: index, as: UInt8.self)
            if byte == 0 { break }
            if byte == 47 { return found(.entryName, inode: directory, report) }
            name.append(byte)
        }
        if name.length == 0 { return found(.entryName, inode: directory, report) }
        guard let names else { return }
        let hash = mix(name.low &+ mix(name.high))
        var slot = Int(hash % UInt64(nameSlots))
        while names[slot].directory == directory {
            if names[slot].hash == hash { return found(.entryTwice, inode: directory, report) }
            slot = (slot + 1) % nameSlots
        }
        names[slot] = (hash, directory)
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
        return sound(try read(table, into: 2).load(fromByteOffset: index * 4, as: UInt32.self))
    }

    /// Third pass: what was counted against what the inodes say.
    mutating func checkLinks(_ report: (DiskProblem) -> Void) {
        let root = Int(DiskLayout.rootInode)
        guard inodes[root].isDirectory else { return found(.noRoot, inode: DiskLayout.rootInode, report) }
        inodes[root].isRooted = true
        if inodes[root].parent == 0 { inodes[root].parent = DiskLayout.rootInode } else { found(.directoryTwice, inode: 1, report) }
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

    /// Follows the parents up to the root, and notes the way for the next one who asks.
    private func isRooted(_ number: UInt32) -> Bool {
        var current = number
        var steps: UInt32 = 0
        while !inodes[Int(current)].isRooted {
            current = inodes[Int(current)].parent
            steps += 1
            if current == 0 || steps > layout.inodeCount { return false }
        }
        current = number
        while !inodes[Int(current)].isRooted {
            inodes[Int(current)].isRooted = true
            current = inodes[Int(current)].parent
        }
        return true
    }
}
