// Directories: files of 16-byte entries, each an inode number (0 = free) and a name.

import SystemInterface

/// Bytes of a directory entry.
let entrySize = 16

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
        let size = directory.pointee.record.size / UInt32(entrySize) * UInt32(entrySize)
        let mask = name.mask
        var firstFree = size
        var start: UInt32 = 0
        while start < size {
            let bytes = min(UInt32(blockSize), size - start)
            let block = try block(start / UInt32(blockSize), of: directory)
            if block == 0 {
                firstFree = min(firstFree, start)
            } else {
                let buffer = try cache.read(block)
                defer { cache.release(buffer) }
                var offset = 0
                while offset < Int(bytes) {
                    let low = buffer.data.load(fromByteOffset: offset, as: UInt64.self)
                    if low & 0xFFFF == 0 {
                        if firstFree == size { firstFree = start + UInt32(offset) }
                    } else if (low ^ name.low) & mask.low == 0 {
                        let high = buffer.data.load(fromByteOffset: offset + 8, as: UInt64.self)
                        if (high ^ name.high) & mask.high == 0 {
                            let number = UInt32(low & 0xFFFF)
                            guard number < layout.inodeCount else { throw .inputOutput }
                            return DirectorySearch(number: number, offset: start + UInt32(offset))
                        }
                    }
                    offset += entrySize
                }
            }
            start += bytes
        }
        return DirectorySearch(offset: firstFree)
    }

    /// Writes an entry of a locked directory, which grows if the entry is at its end. The inode may become dirty.
    func enter(
        _ number: UInt32, as name: Name, at offset: UInt32, of directory: Slot, _ transaction: inout Transaction
    ) throws(SystemError) {
        guard offset < DiskLayout.mostDirectoryBytes else { throw .fileTooLarge }
        let place = try blockAllocating(offset / UInt32(blockSize), of: directory, &transaction)
        let buffer = place.isNew ? try cache.zeroed(place.block) : try cache.read(place.block)
        defer { cache.release(buffer) }
        try log.note(buffer, &transaction)
        Self.encodeEntry(number, name, into: buffer.data + Int(offset) % blockSize)
        if offset + UInt32(entrySize) > directory.pointee.record.size {
            directory.pointee.record.size = offset + UInt32(entrySize)
            directory.pointee.isDirty = true
        }
    }

    static func encodeEntry(_ number: UInt32, _ name: Name, into entry: UnsafeMutableRawPointer) {
        entry.storeBytes(of: name.low | UInt64(number), as: UInt64.self)
        entry.storeBytes(of: name.high, toByteOffset: 8, as: UInt64.self)
    }

    /// Whether a locked directory holds nothing but "." and "..".
    func isEmpty(_ directory: Slot) throws(SystemError) -> Bool {
        let size = directory.pointee.record.size / UInt32(entrySize) * UInt32(entrySize)
        let dot = Name.dot.mask
        let dotDot = Name.dotDot.mask
        var start: UInt32 = 0
        while start < size {
            let bytes = min(UInt32(blockSize), size - start)
            let block = try block(start / UInt32(blockSize), of: directory)
            if block != 0 {
                let buffer = try cache.read(block)
                defer { cache.release(buffer) }
                for offset in stride(from: 0, to: Int(bytes), by: entrySize) {
                    let low = buffer.data.load(fromByteOffset: offset, as: UInt64.self)
                    let isDot = (low ^ Name.dot.low) & dot.low == 0 || (low ^ Name.dotDot.low) & dotDot.low == 0
                    if low & 0xFFFF != 0, !isDot { return false }
                }
            }
            start += bytes
        }
        return true
    }
}
