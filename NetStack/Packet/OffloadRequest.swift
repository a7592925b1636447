// What a card is asked to do to a frame that it sends, and what it says about one that it received.
//
// Promise: the request travels with the packet, whatever headers are put in front of it meanwhile. A driver turns it
// into its device's header. For a card that makes no checksums the stack makes them just above the driver; one that does
// not cut is given no large segments.

/// Work on a frame that is left to the card.
public struct OffloadRequest: Equatable, Sendable {
    /// How a large segment is cut.
    public enum SegmentKind: UInt8, Sendable {
        case tcpIPv4 = 1
        case udp = 2
        case tcpIPv6 = 3
    }

    /// A frame larger than the link takes, to be cut by the card.
    public struct Segmentation: Equatable, Sendable {
        public var kind: SegmentKind
        /// Payload bytes of each piece but the last.
        public var size: UInt16
        /// Bytes of the transport header, which is repeated in each piece.
        public var headerLength: UInt8

        public init(kind: SegmentKind, size: UInt16, headerLength: UInt8) {
            self.kind = kind
            self.size = size
            self.headerLength = headerLength
        }
    }

    /// The transport checksum is still to be made: over everything from this byte of the frame on. The field holds the
    /// pseudo-header's sum.
    public var checksumStart: Int
    /// The checksum's own place, in bytes from `checksumStart` on; 0 to 255.
    public var checksumOffset: Int
    public var segmentation: Segmentation?

    public init(checksumStart: Int, checksumOffset: Int, segmentation: Segmentation? = nil) {
        self.checksumStart = checksumStart
        self.checksumOffset = checksumOffset
        self.segmentation = segmentation
    }

    // Packed: bits 0 to 7 the checksum's offset, 8 "verified" (there is no request then), 16 to 31 its start from the
    // buffer's beginning (0: no request), 32 to 47 the segment size, 48 to 55 the kind (0: none), 56 to 63 the header's
    // length. Of a received packet only "verified" and the segment size are set.

    static var verified: UInt64 { 1 << 8 }

    @inline(__always)
    func packed(from packetStart: Int) -> UInt64 {
        let start = UInt64(truncatingIfNeeded: packetStart &+ checksumStart) & 0xffff
        let word = start << 16 | UInt64(truncatingIfNeeded: checksumOffset) & 0xff
        guard let segmentation else { return word }
        return word | UInt64(segmentation.size) << 32 | UInt64(segmentation.kind.rawValue) << 48 | UInt64(
            segmentation.headerLength) << 56
    }

    @inline(__always)
    init?(packed word: UInt64, from packetStart: Int) {
        let start = Int(word >> 16 & 0xffff)
        guard start != 0 else { return nil }
        checksumStart = start &- packetStart
        checksumOffset = Int(word & 0xff)
        segmentation = word >> 32 == 0 ? nil : Self.segmentation(word)
    }

    private static func segmentation(_ word: UInt64) -> Segmentation? {
        guard let kind = SegmentKind(rawValue: UInt8(truncatingIfNeeded: word >> 48)) else { return nil }
        return Segmentation(
            kind: kind, size: UInt16(truncatingIfNeeded: word >> 32),
            headerLength: UInt8(truncatingIfNeeded: word >> 56))
    }
}

extension PacketBuffer {
    @inline(__always)
    var hasOffload: Bool { UInt32(truncatingIfNeeded: load(PacketField.offload, as: UInt64.self)) >> 16 != 0 }
}

extension LentPacket {
    /// Whether something is left to the card.
    @inline(__always) public var hasOffload: Bool { buffer.hasOffload }

    /// nil when the frame is complete. `checksumStart` counts from the first byte as it is now.
    @inline(__always)
    public var offload: OffloadRequest? {
        get { OffloadRequest(packed: buffer.load(PacketField.offload, as: UInt64.self), from: buffer.start) }
        nonmutating set { buffer.store(newValue?.packed(from: buffer.start) ?? 0, PacketField.offload) }
    }
}

extension Packet {
    /// Whether something is left to a card.
    @inline(__always) public var hasOffload: Bool { buffer.hasOffload }

    /// Of a packet with an offload request: where the checksum's bytes begin, and its own place, both from the first
    /// byte as it is now.
    @inline(__always)
    public var checksumPlace: (start: Int, field: Int) {
        let word = buffer.load(PacketField.offload, as: UInt64.self)
        let start = Int(word >> 16 & 0xffff) &- buffer.start
        return (start, start &+ Int(word & 0xff))
    }

    /// nil when the frame is complete. `checksumStart` counts from the first byte as it is now.
    @inline(__always)
    public var offload: OffloadRequest? {
        get { OffloadRequest(packed: buffer.load(PacketField.offload, as: UInt64.self), from: buffer.start) }
        nonmutating set { buffer.store(newValue?.packed(from: buffer.start) ?? 0, PacketField.offload) }
    }

    /// The card, or the sender on this machine, vouches for the transport checksum: it is not to be verified again.
    @inline(__always)
    public var isChecksumVerified: Bool {
        get {
            UInt32(truncatingIfNeeded: buffer.load(PacketField.offload, as: UInt64.self)) == OffloadRequest.verified
        }
        nonmutating set { buffer.store(newValue ? OffloadRequest.verified : 0, PacketField.offload) }
    }

    /// Of a received frame whose checksum is verified and that was put together of several segments: payload bytes of
    /// each but the last, as the card says; 0 of any other.
    @inline(__always)
    public var mergedSegmentSize: UInt16 {
        get {
            isChecksumVerified
                ? UInt16(truncatingIfNeeded: buffer.load(PacketField.offload, as: UInt64.self) >> 32) : 0
        }
        nonmutating set {
            buffer.store(OffloadRequest.verified | UInt64(newValue) << 32, PacketField.offload)
        }
    }
}
