// The UDP header (RFC 768) and its checksum over the pseudo-header.

public struct UDPHeader: Equatable {
    public static var byteCount: Int { 8 }

    public var sourcePort: UInt16
    public var destinationPort: UInt16
    /// Header and payload, in bytes.
    public var length: Int

    public init(sourcePort: UInt16, destinationPort: UInt16, payloadCount: Int) {
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        length = 8 + payloadCount
    }

    /// Where in the header the checksum stands.
    static var checksumOffset: Int { 6 }

    /// nil when it is short, its length is impossible, or its checksum (unless it says 0: none) is wrong.
    /// - Parameter isVerified: whether the card has looked at the checksum; it is not looked at again.
    @inline(__always)
    public init?(parsing bytes: RawSpan, source: IPv4Address, destination: IPv4Address, isVerified: Bool = false) {
        self.init(start: bytes)
        guard length <= bytes.byteCount else { return nil }
        if !isVerified, bytes.be16(6) != 0 {
            var sum = Self.pseudoHeader(source, destination, length)
            sum.add(bytes, to: length)
            guard sum.folded == 0xffff else { return nil }
        }
    }

    /// The same of a packet that may be a train, whose first part holds the whole header.
    @inline(__always)
    init?(parsing packet: borrowing Packet, source: IPv4Address, destination: IPv4Address, isVerified: Bool) {
        let bytes = packet.bytes
        self.init(start: bytes)
        guard length <= packet.totalCount else { return nil }
        if !isVerified, bytes.be16(Self.checksumOffset) != 0 {
            var sum = Self.pseudoHeader(source, destination, length)
            sum.add(packet, to: length)
            guard sum.folded == 0xffff else { return nil }
        }
    }

    /// The header alone, its checksum not looked at; nil when it is short or its length is impossible.
    @inline(__always)
    init?(start bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return nil }
        sourcePort = bytes.be16(0)
        destinationPort = bytes.be16(2)
        length = Int(bytes.be16(4))
        guard length >= 8 else { return nil }
    }

    /// Writes the header at the front of a datagram of `length` bytes and the checksum over it.
    @inline(__always)
    public func emit(to bytes: inout MutableRawSpan, source: IPv4Address, destination: IPv4Address) {
        emitPartial(to: &bytes, source: source, destination: destination)
        var sum = Checksum()
        sum.add(bytes.bytes, to: length)
        bytes.setBE16(Self.field(sum), 6)
    }

    /// Writes the header with the pseudo-header's sum in the checksum field: the sum over the datagram as it then
    /// stands, complemented, is the checksum. For a card that does it, and for datagrams in several pieces.
    @inline(__always)
    func emitPartial(to bytes: inout MutableRawSpan, source: IPv4Address, destination: IPv4Address) {
        bytes.setBE32(UInt32(sourcePort) << 16 | UInt32(destinationPort), 0)
        bytes.setBE32(UInt32(UInt16(truncatingIfNeeded: length)) << 16, 4)
        bytes.setBE16(Self.pseudoHeader(source, destination, length).folded, 6)
    }

    /// What goes into the checksum field: 0 would say "no checksum".
    @inline(__always)
    static func field(_ sum: Checksum) -> UInt16 { sum.value == 0 ? 0xffff : sum.value }

    @inline(__always)
    static func pseudoHeader(_ source: IPv4Address, _ destination: IPv4Address, _ length: Int) -> Checksum {
        var sum = Checksum()
        sum.add(source.bits)
        sum.add(destination.bits)
        sum.add(UInt16(IPProtocol.udp))
        sum.add(UInt16(truncatingIfNeeded: length))
        return sum
    }
}
