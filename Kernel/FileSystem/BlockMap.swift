// Which block of the disk holds block n of a file: direct addresses, the indirect block and, where the image has the
// feature, the double-indirect block (DiskLayout.swift). xv6's bmap.
//
// A block may be missing: 0 in its place. Reading sees zeros there, writing fills it in. Every address is checked
// before use.

import Storage
import SystemInterface

extension FileSystem {
    /// The steps from an inode to one block of its file.
    private enum Way {
        case direct(Int)
        /// Address slot of the indirect block, entry in it.
        case indirect(Int, Int)
        /// Address slot, entry in the double-indirect block, entry in the indirect block.
        case doubleIndirect(Int, Int, Int)
    }

    private func way(to index: UInt32) -> Way? {
        let direct = layout.directCount
        if index < direct { return .direct(Int(index)) }
        let beyond = index - direct
        if beyond < DiskLayout.addressesPerBlock { return .indirect(Int(direct), Int(beyond)) }
        guard index < layout.mostFileBlocks else { return nil }
        let far = beyond - DiskLayout.addressesPerBlock
        return .doubleIndirect(12, Int(far / DiskLayout.addressesPerBlock), Int(far % DiskLayout.addressesPerBlock))
    }

    /// The block at `index` of a locked inode's file, 0 if it is missing.
    @inline(never)
    func block(_ index: UInt32, of slot: Slot) throws(SystemError) -> UInt32 {
        switch way(to: index) {
        case .direct(let entry):
            return try checked(slot.value.record.addresses[entry])
        case .indirect(let root, let entry):
            return try follow(checked(slot.value.record.addresses[root]), entry)
        case .doubleIndirect(let root, let middle, let entry):
            return try follow(follow(checked(slot.value.record.addresses[root]), middle), entry)
        case nil:
            throw .fileTooLarge
        }
    }

    /// The blocks from `index` on, up to `most` of those that one table names: at least one, 0 for a missing one.
    @inline(never)
    func blocks(from index: UInt32, most: Int, of slot: Slot) throws(SystemError) -> BlockRun {
        var run = BlockRun()
        switch way(to: index) {
        case .direct(let entry):
            for place in entry..<min(entry + most, Int(layout.directCount)) {
                run.append(try checked(slot.value.record.addresses[place]))
            }
        case .indirect(let root, let entry):
            try follow(checked(slot.value.record.addresses[root]), entry, most, &run)
        case .doubleIndirect(let root, let middle, let entry):
            try follow(follow(checked(slot.value.record.addresses[root]), middle), entry, most, &run)
        case nil:
            throw .fileTooLarge
        }
        return run
    }

    private func follow(
        _ table: UInt32, _ entry: Int, _ most: Int, _ run: inout BlockRun
    ) throws(SystemError) {
        guard table != 0 else { return run.append(0) }
        let buffer = try cache.read(table)
        for place in entry..<min(entry + most, Int(DiskLayout.addressesPerBlock)) {
            run.append(try checked(buffer.withBytes { $0.littleEndian(place * 4, as: UInt32.self) }))
        }
    }

    /// The block at `index`, allocated if it is missing; `isNew` then, and its content is whatever it was. All the
    /// blocks that takes are allocated together or not at all. The inode may become dirty.
    func blockAllocating(
        _ index: UInt32, of slot: Slot, _ transaction: inout Transaction<P>
    ) throws(SystemError) -> (block: UInt32, isNew: Bool) {
        let present = try block(index, of: slot)
        if present != 0 { return (present, false) }
        switch way(to: index) {
        case .direct(let entry):
            let block = try allocateBlocks(1, &transaction).first
            slot.value.record.addresses[entry] = block
            slot.value.isDirty = true
            return (block, true)
        case .indirect(let root, let entry):
            let leaf = slot.value.record.addresses[root]
            let new = try allocateBlocks(leaf == 0 ? 2 : 1, &transaction)
            try enter(new.first, at: entry, of: leaf == 0 ? new.second : leaf, isNew: leaf == 0, &transaction)
            if leaf == 0 {
                slot.value.record.addresses[root] = new.second
                slot.value.isDirty = true
            }
            return (new.first, true)
        case .doubleIndirect(let root, let middle, let entry):
            let top = slot.value.record.addresses[root]
            let leaf = top == 0 ? 0 : try follow(top, middle)
            let new = try allocateBlocks(top == 0 ? 3 : leaf == 0 ? 2 : 1, &transaction)
            try enter(new.first, at: entry, of: leaf == 0 ? new.second : leaf, isNew: leaf == 0, &transaction)
            if leaf == 0 {
                try enter(new.second, at: middle, of: top == 0 ? new.third : top, isNew: top == 0, &transaction)
            }
            if top == 0 {
                slot.value.record.addresses[root] = new.third
                slot.value.isDirty = true
            }
            return (new.first, true)
        case nil:
            throw .fileTooLarge
        }
    }

    private func checked(_ block: UInt32) throws(SystemError) -> UInt32 {
        guard block == 0 || layout.isData(block) else { throw .inputOutput }
        return block
    }

    private func follow(_ table: UInt32, _ entry: Int) throws(SystemError) -> UInt32 {
        if table == 0 { return 0 }
        return try checked(cache.read(table).withBytes { $0.littleEndian(entry * 4, as: UInt32.self) })
    }

    private func enter(
        _ block: UInt32, at entry: Int, of table: UInt32, isNew: Bool, _ transaction: inout Transaction<P>
    ) throws(SystemError) {
        let buffer = isNew ? try cache.zeroed(table) : try cache.read(table)
        try transaction.note(buffer)
        buffer.withBytes { $0.storeBytes(of: block, toByteOffset: entry * 4, as: UInt32.self) }
    }
}
