// Reading and writing what a file holds.
//
// A read copies straight from the block cache to the caller, under the inode's shared lock. A write is cut into
// transactions that the log can hold; each makes the file a little longer or newer, as a whole, and is on the disk when
// the next one starts.

import Storage
import SystemInterface

extension FileSystem {
    /// Reads from a file, or a directory's raw entries.
    /// - Parameters:
    ///   - offset: in bytes; at or beyond the end there is nothing to read.
    ///   - count: any number; the file's end limits it.
    /// - Returns: bytes read, 0 at the end of the file.
    /// - Throws: badAddress if the sink took less than there was; invalidArgument for a device; inputOutput.
    public func read<Sink: ByteSink>(
        _ inode: borrowing Inode<P>, at offset: UInt64, count: UInt64, into sink: inout Sink
    ) throws(SystemError) -> Int {
        try look(inode.slot) { slot throws(SystemError) in
            guard slot.value.record.type != FileType.device.rawValue else { throw .invalidArgument }
            let size = UInt64(slot.value.record.size)
            guard offset < size else { return 0 }
            let end = offset + min(count, size - offset)
            var position = offset
            while position < end {
                let first = UInt32(position / UInt64(blockSize))
                let wanted = Int(min((end - 1) / UInt64(blockSize) - UInt64(first) + 1, UInt64(BlockRun.most)))
                let blocks = try blocks(from: first, most: wanted, of: slot)
                let buffers = cache.readCached(blocks)
                for place in 0..<buffers.count {
                    try Self.give(buffers.memory(place), &position, end, to: &sink)
                }
                if buffers.count > 0 { continue }
                // A hole, or from the disk.
                if blocks[0] == 0 {
                    try Self.give(volume.value.zeros, &position, end, to: &sink)
                } else {
                    let buffer = try cache.read(blocks[0])
                    try Self.give(cache.memory(buffer.index), &position, end, to: &sink)
                }
            }
            return Int(end - offset)
        }
    }

    /// Gives a sink what is wanted of one block, and moves the position behind it.
    @inline(__always)
    private static func give<Sink: ByteSink>(
        _ memory: BlockMemory, _ position: inout UInt64, _ end: UInt64, to sink: inout Sink
    ) throws(SystemError) {
        let within = Int(position % UInt64(blockSize))
        let step = min(blockSize - within, Int(end - position))
        guard memory.withBytes({ sink.take($0.bytes.extracting(within..<within + step)) }) else { throw .badAddress }
        position += UInt64(step)
    }

    /// Writes to a plain file, which grows as needed.
    /// - Parameter offset: in bytes; nil: at the end, wherever other writers have moved it.
    ///
    /// Never throws, since part may be written: the outcome tells how much, and why not more: badAddress (the source),
    /// noSpace, fileTooLarge, isDirectory, invalidArgument (a device, or an offset beyond the end), inputOutput.
    public func write<Source: ByteSource>(
        _ inode: borrowing Inode<P>, at offset: UInt64?, count: UInt64, from source: inout Source
    ) -> WriteOutcome {
        var outcome = WriteOutcome(count: 0, error: nil)
        while outcome.error == nil, UInt64(outcome.count) < count {
            let left = count - UInt64(outcome.count)
            let position = offset.map { $0 &+ UInt64(outcome.count) }
            let blocks = min(mostDataBlocks, Int(min(left / UInt64(blockSize), 100)) + 2)
            do throws(SystemError) {
                let step = try change(inode.slot, room: blocks + metadataRoom) {
                    slot, transaction throws(SystemError) in
                    writeStep(slot, at: position, count: left, blocks: blocks, from: &source, &transaction)
                }
                outcome.count += step.count
                outcome.error = step.error
            } catch {
                outcome.error = error
            }
        }
        return outcome
    }

    /// Blocks besides data that one step of a write may change: the inode, indirect blocks, bitmap blocks.
    private var metadataRoom: Int { layout.isSimple ? 3 : 10 }
    private var mostDataBlocks: Int { layout.logCapacity - metadataRoom }

    /// As much of a write as one transaction holds.
    private func writeStep<Source: ByteSource>(
        _ slot: Slot, at offset: UInt64?, count: UInt64, blocks: Int, from source: inout Source,
        _ transaction: inout Transaction<P>
    ) -> WriteOutcome {
        var outcome = WriteOutcome(count: 0, error: nil)
        switch slot.value.record.type {
        case FileType.file.rawValue: break
        case FileType.directory.rawValue: return WriteOutcome(count: 0, error: .isDirectory)
        default: return WriteOutcome(count: 0, error: .invalidArgument)
        }
        let offset = offset ?? UInt64(slot.value.record.size)
        guard offset <= UInt64(slot.value.record.size) else { return WriteOutcome(count: 0, error: .invalidArgument) }
        let end = min(layout.mostFileBytes, offset + min(count, layout.mostFileBytes))
        var position = offset
        var blocksLeft = blocks
        do throws(SystemError) {
            if position == end { throw .fileTooLarge }
            // On an image with many bitmap blocks, go on only while the worst case still fits.
            while position < end, blocksLeft > 0, layout.isSimple || transaction.room >= 8 {
                let step = min(blockSize - Int(position % UInt64(blockSize)), Int(end - position))
                let given = try writeBlock(slot, at: position, count: step, from: &source, &transaction)
                position += UInt64(given)
                blocksLeft -= 1
                if position > UInt64(slot.value.record.size) {
                    slot.value.record.size = UInt32(position)
                    slot.value.isDirty = true
                }
                if given < step { throw .badAddress }
            }
        } catch {
            outcome.error = error
        }
        outcome.count = Int(position - offset)
        if outcome.count > 0 { noteChange(of: slot) }
        return outcome
    }

    /// Writes within one block. Returns the bytes that the source gave.
    private func writeBlock<Source: ByteSource>(
        _ slot: Slot, at position: UInt64, count: Int, from source: inout Source, _ transaction: inout Transaction<P>
    ) throws(SystemError) -> Int {
        let place = try blockAllocating(UInt32(position / UInt64(blockSize)), of: slot, &transaction)
        let buffer = place.isNew ? try cache.zeroed(place.block) : try cache.read(place.block)
        try transaction.note(buffer)
        let within = Int(position % UInt64(blockSize))
        return buffer.withBytes { bytes in
            var part = bytes._mutatingExtracting(within..<within + count)
            return source.give(&part)
        }
    }

    /// Empties a plain file.
    func truncate(_ inode: borrowing Inode<P>) throws(SystemError) {
        let isEmpty = try look(inode.slot) { slot in
            slot.value.record.type != FileType.file.rawValue || slot.value.record.size == 0
        }
        if isEmpty { return }
        var isFirst = true
        var done = false
        while !done {
            done = try change(inode.slot, room: releaseRoom) { slot, transaction throws(SystemError) in
                if isFirst {
                    slot.value.record.size = 0
                    noteChange(of: slot)
                }
                return try trim(slot, &transaction)
            }
            isFirst = false
        }
    }

    /// Room that freeing a file's blocks asks for.
    var releaseRoom: Int { layout.isSimple ? 2 : 9 }
}
