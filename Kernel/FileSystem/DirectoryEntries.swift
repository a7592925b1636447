// Directories: files of 16-byte entries, each an inode number (0 = free) and a name.

import Storage
import SystemInterface

/// Bytes of a directory entry.
let entrySize = 16

/// An entry as the disk has it.
struct DirectoryEntry {
    /// 0: free.
    let inode: UInt32
    private let low: UInt64
    private let high: UInt64

    init(_ block: RawSpan, at offset: Int) {
        low = block.littleEndian(offset, as: UInt64.self)
        high = block.littleEndian(offset + 8, as: UInt64.self)
        inode = UInt32(low & 0xFFFF)
    }

    func hasName(_ name: Name) -> Bool {
        (low ^ name.low) & name.mask.low == 0 && (high ^ name.high) & name.mask.high == 0
    }

    /// The hash of the name up to its NUL.
    var nameHash: UInt32 {
        var low = low & ~0xFFFF
        var high = high
        if let end = Self.firstNUL(low | 0xFFFF) {
            low &= 1 << end - 1
            high = 0
        } else if let end = Self.firstNUL(high) {
            high &= 1 << end - 1
        }
        return Name.hash(low, high)
    }

    /// The lowest bit of the first byte of eight that is 0.
    private static func firstNUL(_ bytes: UInt64) -> UInt64? {
        let found = (bytes &- 0x0101_0101_0101_0101) & ~bytes & 0x8080_8080_8080_8080
        return found == 0 ? nil : UInt64(found.trailingZeroBitCount & ~7)
    }

    /// The name up to its NUL; nil if it is empty or has a slash.
    var name: Name? {
        var name = Name()
        for index in 0..<14 {
            let byte = UInt8(
                truncatingIfNeeded: index < 6 ? low >> UInt64(16 + 8 * index) : high >> UInt64(8 * (index - 6)))
            if byte == 0 { break }
            if byte == 47 { return nil }
            name.append(byte)
        }
        return name.length > 0 ? name : nil
    }
}

extension FileSystem {
    /// Writes an entry of a locked directory, which grows if the entry is at its end. The inode may become dirty.
    func enter(
        _ number: UInt32, as name: Name, at offset: UInt32, of directory: Slot, _ transaction: inout Transaction<P>
    ) throws(SystemError) {
        guard offset < DiskLayout.mostDirectoryBytes else { throw .fileTooLarge }
        let place = try blockAllocating(offset / UInt32(blockSize), of: directory, &transaction)
        let buffer = place.isNew ? try cache.zeroed(place.block) : try cache.read(place.block)
        try transaction.note(buffer)
        buffer.withBytes { Self.encodeEntry(number, name, into: &$0, at: Int(offset) % blockSize) }
        if directory.value.record.size > UInt32(blockSize) {
            let hash = number == 0 ? nil : Name.hash(name.low, name.high)
            directoryIndexes.note(offset / UInt32(entrySize), in: directory.value.number, hash: hash)
        }
        if offset + UInt32(entrySize) > directory.value.record.size {
            directory.value.record.size = offset + UInt32(entrySize)
            directory.value.isDirty = true
        }
        if offset != UInt32(entrySize) { noteChange(of: directory) }  // "..", as a directory moves, is no change of it
    }

    static func encodeEntry(_ number: UInt32, _ name: Name, into block: inout MutableRawSpan, at offset: Int) {
        block.storeBytes(of: name.low | UInt64(number), toByteOffset: offset, as: UInt64.self)
        block.storeBytes(of: name.high, toByteOffset: offset + 8, as: UInt64.self)
    }

    /// Whether a locked directory holds nothing but "." and "..".
    func isEmpty(_ directory: Slot) throws(SystemError) -> Bool {
        let size = directory.value.record.size / UInt32(entrySize) * UInt32(entrySize)
        var start: UInt32 = 0
        while start < size {
            let bytes = min(UInt32(blockSize), size - start)
            let block = try block(start / UInt32(blockSize), of: directory)
            if block != 0, try cache.read(block).withBytes({ Self.holdsName($0.bytes, Int(bytes)) }) { return false }
            start += bytes
        }
        return true
    }

    /// Whether a block of entries has one that is neither free nor "." nor "..".
    private static func holdsName(_ block: RawSpan, _ count: Int) -> Bool {
        let dot = Name.dot.mask
        let dotDot = Name.dotDot.mask
        for offset in stride(from: 0, to: count, by: entrySize) {
            let low = block.littleEndian(offset, as: UInt64.self)
            let isDot = (low ^ Name.dot.low) & dot.low == 0 || (low ^ Name.dotDot.low) & dotDot.low == 0
            if low & 0xFFFF != 0, !isDot { return true }
        }
        return false
    }
}
