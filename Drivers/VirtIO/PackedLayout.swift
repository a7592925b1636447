// Where things lie in a packed virtqueue (VirtIO 1.2, sections 2.8.13 and 2.8.14), by the specification's names.

/// struct pvirtq_desc: what the driver offers, and what the device says it has used, in the same place.
enum PackedDescriptor: RingEntry {
    static var byteCount: Int { 16 }
    /// le64 addr; then le32 len, le16 id and le16 flags, which the driver writes as one.
    static var address: Int { 0 }
    static var lengthIDFlags: Int { 8 }
    static var length: Int { 8 }
    static var id: Int { 12 }
    static var flags: Int { 14 }

    @inline(__always)
    static func word(length: UInt32, id: UInt16, flags: UInt16) -> UInt64 {
        UInt64(length) | UInt64(id) << 32 | UInt64(flags) << 48
    }
}

/// VIRTQ_DESC_F_AVAIL and VIRTQ_DESC_F_USED, beside `DescriptorFlags` in the same field.
enum PackedFlags {
    static var available: UInt16 { 1 << 7 }
    static var used: UInt16 { 1 << 15 }
    static var both: UInt16 { available | used }
}

/// struct pvirtq_event_suppress: which side wants to hear of what.
enum PackedEvent {
    static var byteCount: Int { 4 }
    /// A descriptor's place in the ring, and in the highest bit the wrap counter there.
    static var offsetAndWrap: Int { 0 }
    static var flags: Int { 2 }
    static var wrapBit: UInt16 { 1 << 15 }

    /// RING_EVENT_FLAGS_ENABLE, _DISABLE and, with VIRTIO_F_EVENT_IDX, _DESC.
    static var enable: UInt16 { 0 }
    static var disable: UInt16 { 1 }
    static var descriptor: UInt16 { 2 }
}

/// Byte offsets in one contiguous piece of memory.
struct PackedLayout {
    let entries: Int

    var descriptors: Int { 0 }
    var driverEvent: Int { PackedDescriptor.byteCount * entries }
    var deviceEvent: Int { driverEvent + PackedEvent.byteCount }
    var byteCount: Int { deviceEvent + PackedEvent.byteCount }

    /// Gives the device a ring that lies at an address; false when it cannot take it.
    func enable<Transport: VirtIOTransport>(_ queue: UInt16, of transport: Transport, at base: UInt64) -> Bool {
        transport.enableQueue(
            queue, size: UInt16(entries), descriptors: base + UInt64(descriptors),
            available: base + UInt64(driverEvent), used: base + UInt64(deviceEvent))
    }
}

extension PackedQueue {
    /// The wrap counter is 1 in the lap of this position.
    @inline(__always)
    func wraps(_ position: UInt16) -> Bool { position & size == 0 }

    /// AVAIL and USED of a descriptor that is offered at a position (section 2.8.1).
    @inline(__always)
    func offered(_ position: UInt16) -> UInt16 { wraps(position) ? PackedFlags.available : PackedFlags.used }

    /// AVAIL and USED of a descriptor that the device has used at a position.
    @inline(__always)
    func used(_ position: UInt16) -> UInt16 { wraps(position) ? PackedFlags.both : 0 }
}
