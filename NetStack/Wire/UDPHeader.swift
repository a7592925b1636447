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

    /// nil when it is short, its length is impossible, or its checksum (unless it says 0: none) is wrong.
    public init?(parsing bytes: RawSpan, source: IPv4Address, destination: IPv4Address) {
        guard bytes.byteCount >= 8 else { return nil }
        sourcePort = bytes.be16(0)
        destinationPort = bytes.be16(2)
        length = Int(bytes.be16(4))
        guard length >= 8, length <= bytes.byteCount else { return nil }
        if bytes.be16(6) != 0 {
            var sum = Self.pseudoHeader(source, destination, length)
            sum.add(bytes, to: length)
            guard sum.folded == 0xffff else { return nil }
        }
    }

    /// Writes the header at the front of a datagram of `length` bytes and the checksum over it.
    public func emit(to bytes: inout MutableRawSpan, source: IPv4Address, destination: IPv4Address) {
        bytes.setBE32(UInt32(sourcePort) << 16 | UInt32(destinationPort), 0)
        bytes.setBE32(UInt32(UInt16(truncatingIfNeeded: length)) << 16, 4)
        var sum = Self.pseudoHeader(source, destination, length)
        sum.add(bytes.bytes, to: length)
        bytes.setBE16(sum.value == 0 ? 0xffff : sum.value, 6)  // 0 would say "no checksum"
    }

    private static func pseudoHeader(_ source: IPv4Address, _ destination: IPv4Address, _ length: Int) -> Checksum {
        var sum = Checksum()
        sum.add(source.bits)
        sum.add(destination.bits)
        sum.add(UInt16(IPProtocol.udp))
        sum.add(UInt16(truncatingIfNeeded: length))
        return sum
    }
}
