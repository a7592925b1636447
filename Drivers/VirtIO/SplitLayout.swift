// Where things lie in a split virtqueue (VirtIO 1.2, sections 2.7.5 to 2.7.8), by the specification's names.

/// struct virtq_desc.
enum VirtqueueDescriptor: RingEntry {
    static var byteCount: Int { 16 }
    /// le64 addr; then le32 len, le16 flags and le16 next, which are written as one.
    static var address: Int { 0 }
    static var lengthFlagsNext: Int { 8 }

    @inline(__always)
    static func word(length: UInt32, flags: DescriptorFlags, next: UInt16) -> UInt64 {
        UInt64(length) | UInt64(flags.rawValue) << 32 | UInt64(next) << 48
    }
}

/// VIRTQ_DESC_F_*.
struct DescriptorFlags: OptionSet {
    let rawValue: UInt16
    /// The chain goes on at `next`.
    static var next: DescriptorFlags { DescriptorFlags(rawValue: 1) }
    /// The device writes the buffer; else it reads it.
    static var write: DescriptorFlags { DescriptorFlags(rawValue: 2) }
    /// The buffer is a table of descriptors.
    static var indirect: DescriptorFlags { DescriptorFlags(rawValue: 4) }
}

/// An entry of virtq_avail.ring: a descriptor's number.
enum AvailableEntry: RingEntry {
    static var byteCount: Int { 2 }
    static var head: Int { 0 }
}

/// An entry of virtq_used.ring: struct virtq_used_elem.
enum UsedEntry: RingEntry {
    static var byteCount: Int { 8 }
    static var id: Int { 0 }
    static var length: Int { 4 }
}

/// virtq_avail.flags.
enum AvailableFlags {
    /// VIRTQ_AVAIL_F_NO_INTERRUPT.
    static var noInterrupt: UInt16 { 1 }
}

/// virtq_used.flags.
enum UsedFlags {
    /// VIRTQ_USED_F_NO_NOTIFY.
    static var noNotify: UInt16 { 1 }
}

/// Byte offsets in one contiguous piece of memory.
struct SplitLayout {
    let entries: Int
    /// Where the used ring may begin: on a page of a legacy device's (section 2.7.2), else at a multiple of 4.
    private let usedAlignment: Int

    init(entries: Int, isLegacy: Bool) {
        self.entries = entries
        usedAlignment = isLegacy ? 4096 : 4
    }

    var descriptors: Int { 0 }
    var available: Int { VirtqueueDescriptor.byteCount * entries }
    var availableFlags: Int { available }
    var availableIndex: Int { available + 2 }
    var availableRing: Int { available + 4 }
    var usedEvent: Int { availableRing + AvailableEntry.byteCount * entries }
    var used: Int { (usedEvent + 2 + usedAlignment - 1) & -usedAlignment }
    var usedFlags: Int { used }
    var usedIndex: Int { used + 2 }
    var usedRing: Int { used + 4 }
    var availableEvent: Int { usedRing + UsedEntry.byteCount * entries }
    var byteCount: Int { availableEvent + 2 }
}
