// The log's header block, and recovery: i32 n, then the home block of each of the n slots, which follow the header.
//
// n > 0 at mount means committed. A header that cannot be ours or xv6's is refused rather than acted upon.

import Storage
import SystemInterface

/// The header as it is on the disk: checked when read.
struct LogHeader {
    /// Slots that any header has at most: xv6's.
    private static let limit = 30

    let count: Int
    private var homes = [30 of UInt32](repeating: 0)

    /// - Returns: nil if the header counts too many slots or names a block that no transaction changes.
    init?(_ block: RawSpan, layout: DiskLayout) {
        let n = block.littleEndian(0, as: Int32.self)
        guard n >= 0, Int(n) <= min(layout.logCapacity, Self.limit) else { return nil }
        count = Int(n)
        for slot in 0..<count {
            homes[slot] = block.littleEndian(4 + slot * 4, as: UInt32.self)
            guard homes[slot] >= layout.inodeStart, homes[slot] < layout.size else { return nil }
        }
    }

    func home(_ slot: Int) -> UInt32 { homes[slot] }

    /// Whether a later slot holds a newer version of this slot's block.
    func isSuperseded(_ slot: Int) -> Bool {
        for later in (slot + 1)..<max(count, slot + 1) where homes[later] == homes[slot] { return true }
        return false
    }

    static func encode(_ count: Int, into block: inout MutableRawSpan, home: (Int) -> UInt32) {
        block.storeBytes(of: Int32(count), toByteOffset: 0, as: Int32.self)
        for slot in 0..<count { block.storeBytes(of: home(slot), toByteOffset: 4 + slot * 4, as: UInt32.self) }
    }
}

extension FileSystem {
    /// Brings home what a committed transaction left in the log. Runs before the cache holds anything.
    func recover() throws(SystemError) {
        let layout = layout
        let headerBlock = cache.memory(0)  // buffers that are not claimed yet serve as scratch
        let device = platform.device
        try device.read(1) { _ in BlockRequest(block: layout.logStart, memory: headerBlock) }
        guard let header = headerBlock.withBytes({ LogHeader($0.bytes, layout: layout) }) else {
            platform.report("file system: the log is damaged")
            throw .inputOutput
        }
        guard header.count > 0 else { return }
        platform.report("recovering: the log holds a committed transaction")
        try device.read(header.count) { slot in
            BlockRequest(block: layout.logStart + 1 + UInt32(slot), memory: cache.memory(Int32(slot + 1)))
        }
        for slot in 0..<header.count where !header.isSuperseded(slot) {
            try device.write(1) { _ in BlockRequest(block: header.home(slot), memory: cache.memory(Int32(slot + 1))) }
        }
        try device.flush()
        headerBlock.withBytes { LogHeader.encode(0, into: &$0) { _ in 0 } }
        try device.write(1) { _ in BlockRequest(block: layout.logStart, memory: headerBlock) }
        try device.flush()
    }
}
