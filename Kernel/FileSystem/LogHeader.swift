// The log's header block, and recovery: i32 n, then the home block of each of the n slots, which follow the header.
//
// n > 0 at mount means committed. A header that cannot be ours or xv6's is refused rather than acted upon.

import SystemInterface

/// The header as it is on the disk: checked when read.
struct LogHeader {
    let count: Int
    private let block: UnsafeRawPointer

    /// - Returns: nil if the header counts too many slots or names a block that no transaction changes.
    init?(_ block: UnsafeRawPointer, layout: DiskLayout) {
        let n = block.load(as: Int32.self)
        guard n >= 0, Int(n) <= layout.logCapacity else { return nil }
        self.block = block
        count = Int(n)
        for slot in 0..<count where home(slot) < layout.inodeStart || home(slot) >= layout.size { return nil }
    }

    func home(_ slot: Int) -> UInt32 { block.load(fromByteOffset: 4 + slot * 4, as: UInt32.self) }

    /// Whether a later slot holds a newer version of this slot's block.
    func isSuperseded(_ slot: Int) -> Bool {
        for later in (slot + 1)..<max(count, slot + 1) where home(later) == home(slot) { return true }
        return false
    }

    static func encode(_ count: Int, into block: UnsafeMutableRawPointer, home: (Int) -> UInt32) {
        block.storeBytes(of: Int32(count), as: Int32.self)
        for slot in 0..<count { block.storeBytes(of: home(slot), toByteOffset: 4 + slot * 4, as: UInt32.self) }
    }
}

extension FileSystem {
    /// Brings home what a committed transaction left in the log. Runs before the cache holds anything.
    static func recover(_ platform: P, _ layout: DiskLayout, cache: BlockCache<P>) throws(SystemError) {
        let headerBlock = cache.data(of: 0)  // buffers nobody has claimed yet serve as scratch
        let device = platform.device
        try device.read(1) { _ in BlockRequest(block: layout.logStart, memory: headerBlock) }
        guard let header = LogHeader(headerBlock, layout: layout) else {
            platform.report("file system: the log is damaged")
            throw .inputOutput
        }
        guard header.count > 0 else { return }
        try device.read(header.count) { slot in
            BlockRequest(block: layout.logStart + 1 + UInt32(slot), memory: cache.data(of: Int32(slot + 1)))
        }
        for slot in 0..<header.count where !header.isSuperseded(slot) {
            try device.write(1) { _ in BlockRequest(block: header.home(slot), memory: cache.data(of: Int32(slot + 1))) }
        }
        try device.flush()
        LogHeader.encode(0, into: headerBlock) { _ in 0 }
        try device.write(1) { _ in BlockRequest(block: layout.logStart, memory: headerBlock) }
        try device.flush()
    }
}
