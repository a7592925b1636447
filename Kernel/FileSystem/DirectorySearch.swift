// Looking for a name in a directory: by its index, or from its start.
//
// The first entry with the name counts, should a damaged image have it twice.

import Storage
import SystemInterface

/// What a search in a directory found.
struct DirectorySearch {
    /// The inode that the name stands for, 0 if it is not there.
    var number: UInt32 = 0
    /// Where its entry is; if there is none, where one could be put: a free one, or the end.
    var offset: UInt32
}

extension FileSystem {
    /// Looks for a name in a locked directory.
    /// - Throws: inputOutput if the entry names no inode.
    func search(_ directory: Slot, for name: Name) throws(SystemError) -> DirectorySearch {
        // One block is searched as fast as an index is asked.
        guard directory.value.record.size > UInt32(blockSize) else { return try scan(directory, for: name) }
        var candidates = EntryCandidates()
        guard findCandidates(in: directory, for: name, &candidates) else { return try scan(directory, for: name) }
        for index in 0..<candidates.count {
            let offset = candidates[index] * UInt32(entrySize)
            let block = try block(offset / UInt32(blockSize), of: directory)
            guard block != 0 else { continue }
            let entry = try cache.read(block).withBytes { DirectoryEntry($0.bytes, at: Int(offset) % blockSize) }
            guard entry.inode != 0, entry.hasName(name) else { continue }
            guard entry.inode < layout.inodeCount else { throw .inputOutput }
            return DirectorySearch(number: entry.inode, offset: offset)
        }
        return DirectorySearch(offset: candidates.firstFree * UInt32(entrySize))
    }

    /// Finds the entries that may have a name; false if the directory has no index and can have none.
    private func findCandidates(in directory: Slot, for name: Name, _ candidates: inout EntryCandidates) -> Bool {
        let number = directory.value.number
        let count = directory.value.record.size / UInt32(entrySize)
        let hash = Name.hash(name.low, name.high)
        let answer = directoryIndexes.find(hash, in: number, &candidates)
        guard answer == .noIndex else { return answer == .candidates }
        guard let index = directoryIndexes.begin(number, count: count) else { return false }
        makeIndex(index, of: directory)
        return directoryIndexes.find(hash, in: number, &candidates) == .candidates
    }

    /// Fills an index; a block that cannot be read ends it.
    @inline(never)
    private func makeIndex(_ empty: EntryIndex, of directory: Slot) {
        var index = empty
        var isComplete = false
        do throws(SystemError) {
            for first in stride(from: 0, to: index.count, by: blockSize / entrySize) {
                let block = try block(first / UInt32(blockSize / entrySize), of: directory)
                guard block != 0 else { continue }
                let end = min(UInt32(blockSize / entrySize), index.count - first)
                try cache.read(block).withBytes { bytes in
                    for place in 0..<end {
                        let entry = DirectoryEntry(bytes.bytes, at: Int(place) * entrySize)
                        if entry.inode != 0 { index.insert(first + place, hash: entry.nameHash) }
                    }
                }
            }
            isComplete = true
        } catch {}
        directoryIndexes.end(index, of: directory.value.number, isComplete: isComplete)
    }

    /// The same without an index: a look at each entry.
    func scan(_ directory: Slot, for name: Name) throws(SystemError) -> DirectorySearch {
        let size = directory.value.record.size / UInt32(entrySize) * UInt32(entrySize)
        let mask = name.mask
        var firstFree = size
        var start: UInt32 = 0
        while start < size {
            let bytes = min(UInt32(blockSize), size - start)
            let block = try block(start / UInt32(blockSize), of: directory)
            if block == 0 {
                firstFree = min(firstFree, start)
            } else {
                let found = try cache.read(block).withBytes { Self.scan($0.bytes, Int(bytes), for: name, mask) }
                if found.number != 0 {
                    guard found.number < layout.inodeCount else { throw .inputOutput }
                    return DirectorySearch(number: found.number, offset: start + found.offset)
                }
                if firstFree == size, found.offset < bytes { firstFree = start + found.offset }
            }
            start += bytes
        }
        return DirectorySearch(offset: firstFree)
    }

    /// Looks for a name in one block of entries: the offset of its entry, or of the first free one (`count` if there is
    /// none) with number 0.
    private static func scan(
        _ block: RawSpan, _ count: Int, for name: Name, _ mask: (low: UInt64, high: UInt64)
    ) -> DirectorySearch {
        var firstFree = count
        var offset = 0
        while offset < count {
            let low = block.littleEndian(offset, as: UInt64.self)
            if low & 0xFFFF == 0 {
                firstFree = min(firstFree, offset)
            } else if (low ^ name.low) & mask.low == 0 {
                let high = block.littleEndian(offset + 8, as: UInt64.self)
                if (high ^ name.high) & mask.high == 0 {
                    return DirectorySearch(number: UInt32(low & 0xFFFF), offset: UInt32(offset))
                }
            }
            offset += entrySize
        }
        return DirectorySearch(offset: UInt32(firstFree))
    }
}
