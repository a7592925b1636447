// struct virtio_net_hdr (VirtIO 1.2, section 5.1.6): what driver and device say about a frame, in front of it.

import Packets

/// The header as a value. Little-endian on the wire, or the guest's own order on a legacy device: the same here.
struct VirtIONetHeader: Equatable {
    /// VIRTIO_NET_HDR_F_*.
    struct Flags: OptionSet {
        let rawValue: UInt8
        /// The checksum from `checksumStart` on is still to be made.
        static var needsChecksum: Flags { Flags(rawValue: 1) }
        /// The device has verified the checksum.
        static var dataValid: Flags { Flags(rawValue: 2) }
    }

    /// VIRTIO_NET_HDR_GSO_*.
    enum SegmentType {
        static var none: UInt8 { 0 }
        static var tcpIPv4: UInt8 { 1 }
        static var tcpIPv6: UInt8 { 4 }
        static var udpSegments: UInt8 { 5 }
        /// VIRTIO_NET_HDR_GSO_ECN, beside the kind: the first segment has CWR.
        static var ecn: UInt8 { 0x80 }
    }

    var flags: Flags = []
    /// `SegmentType`.
    var segmentType = SegmentType.none
    /// hdr_len: bytes of all headers of a frame that is to be cut.
    var headersLength: UInt16 = 0
    /// gso_size: payload bytes of each segment.
    var segmentSize: UInt16 = 0
    /// csum_start and csum_offset.
    var checksumStart: UInt16 = 0
    var checksumOffset: UInt16 = 0
    /// num_buffers: over how many buffers the device spread a frame; 0 from devices that never wrote it.
    var bufferCount: UInt16 = 0

    /// Bytes of the header: num_buffers is missing on a legacy device without merged buffers.
    static func byteCount(isLegacy: Bool, mergesBuffers: Bool) -> Int {
        isLegacy && !mergesBuffers ? 10 : wholeByteCount
    }
    /// With num_buffers.
    static var wholeByteCount: Int { 12 }

    init() {}

    /// What a frame's request asks of the device.
    init(_ request: OffloadRequest) {
        flags = .needsChecksum
        checksumStart = UInt16(truncatingIfNeeded: request.checksumStart)
        checksumOffset = UInt16(truncatingIfNeeded: request.checksumOffset)
        guard let segmentation = request.segmentation else { return }
        segmentType =
            switch segmentation.kind {
            case .tcpIPv4: SegmentType.tcpIPv4
            case .tcpIPv6: SegmentType.tcpIPv6
            case .udp: SegmentType.udpSegments
            }
        headersLength = checksumStart &+ UInt16(segmentation.headerLength)
        segmentSize = segmentation.size
    }

    /// Reads the header at the front of `bytes`; fields that `bytes` are too few for are 0.
    @inline(__always)
    init(parsing bytes: RawSpan) {
        guard bytes.byteCount >= 10 else { return }
        // Typed loads at checked offsets of plain numbers.
        let first = unsafe UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        flags = Flags(rawValue: UInt8(truncatingIfNeeded: first))
        segmentType = UInt8(truncatingIfNeeded: first >> 8)
        headersLength = UInt16(truncatingIfNeeded: first >> 16)
        segmentSize = UInt16(truncatingIfNeeded: first >> 32)
        checksumStart = UInt16(truncatingIfNeeded: first >> 48)
        checksumOffset = unsafe UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt16.self))
        if bytes.byteCount >= 12 {
            bufferCount = unsafe UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 10, as: UInt16.self))
        }
    }

    /// Writes the header over all of `bytes`, 10 or 12 of them.
    @inline(__always)
    func emit(to bytes: inout MutableRawSpan) {
        let first =
            UInt64(flags.rawValue) | UInt64(segmentType) << 8 | UInt64(headersLength) << 16 | UInt64(segmentSize) << 32
            | UInt64(checksumStart) << 48
        bytes.storeBytes(of: first.littleEndian, toByteOffset: 0, as: UInt64.self)
        if bytes.byteCount >= 12 {
            let last = UInt32(checksumOffset) | UInt32(bufferCount) << 16
            bytes.storeBytes(of: last.littleEndian, toByteOffset: 8, as: UInt32.self)
        } else {
            bytes.storeBytes(of: checksumOffset.littleEndian, toByteOffset: 8, as: UInt16.self)
        }
    }
}
