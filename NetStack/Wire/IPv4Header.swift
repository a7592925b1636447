// The IPv4 header (RFC 791), and the checks that RFC 1122, 3.2.1 asks of a host that receives one.

/// Why a header is refused.
public enum IPv4HeaderError: Error {
    case tooShort, badVersion, badHeaderLength, badTotalLength, badChecksum
}

public struct IPv4Header: Equatable {
    /// Without options; this stack sends none.
    public static var leastByteCount: Int { 20 }

    /// 20 to 60.
    public var headerLength: Int
    /// Header and payload, in bytes.
    public var totalLength: Int
    public var identification: UInt16
    /// Flags and fragment offset as they stand in the header: 0x4000 don't fragment, 0x2000 more fragments, 13 bits of
    /// offset / 8.
    public var fragment: UInt16
    public var timeToLive: UInt8
    /// Six bits of differentiated services, and two of congestion: 1 and 2 allow marks, 3 is one (RFC 3168, 5).
    public var typeOfService: UInt8
    /// `IPProtocol`.
    public var protocolNumber: UInt8
    public var source: IPv4Address
    public var destination: IPv4Address

    public init(
        payloadCount: Int, identification: UInt16, fragment: UInt16 = 0, timeToLive: UInt8 = 64, protocolNumber: UInt8,
        source: IPv4Address, destination: IPv4Address, typeOfService: UInt8 = 0
    ) {
        headerLength = 20
        totalLength = 20 + payloadCount
        self.identification = identification
        self.fragment = fragment
        self.timeToLive = timeToLive
        self.typeOfService = typeOfService
        self.protocolNumber = protocolNumber
        self.source = source
        self.destination = destination
    }

    /// A piece of a datagram, not a whole one.
    @inline(__always) public var isFragment: Bool { fragment & 0x3fff != 0 }
    @inline(__always) public var dontFragment: Bool { fragment & 0x4000 != 0 }

    /// Checks version, lengths and header checksum. `bytes` may be longer than the datagram (padding).
    @inline(__always)
    public init(parsing bytes: RawSpan) throws(IPv4HeaderError) {
        try self.init(parsing: bytes, frameCount: bytes.byteCount)
    }

    /// The same of a train: `bytes` are those of its first part, which holds the whole header; `frameCount` those of
    /// all parts.
    @inline(__always)
    init(parsing bytes: RawSpan, frameCount: Int) throws(IPv4HeaderError) {
        guard bytes.byteCount >= 20 else { throw .tooShort }
        let first = bytes.byte(0)
        guard first >> 4 == 4 else { throw .badVersion }
        headerLength = Int(first & 15) &* 4
        totalLength = Int(bytes.be16(2))
        guard headerLength >= 20, headerLength <= bytes.byteCount else { throw .badHeaderLength }
        guard totalLength >= headerLength, totalLength <= frameCount else { throw .badTotalLength }
        guard Checksum.isRight(bytes, to: headerLength) else { throw .badChecksum }
        identification = bytes.be16(4)
        fragment = bytes.be16(6)
        timeToLive = bytes.byte(8)
        typeOfService = bytes.byte(1)
        protocolNumber = bytes.byte(9)
        source = IPv4Address(bits: bytes.be32(12))
        destination = IPv4Address(bits: bytes.be32(16))
    }

    /// Writes 20 bytes, checksum included, at the front of `bytes`, which must have the room. Options are not written.
    @inline(__always)
    public func emit(to bytes: inout MutableRawSpan) {
        let lengths = 0x4500_0000 | UInt32(typeOfService) << 16 | UInt32(UInt16(truncatingIfNeeded: totalLength))
        let middle = UInt32(identification) << 16 | UInt32(fragment)
        let rest = UInt32(timeToLive) << 24 | UInt32(protocolNumber) << 16
        var checksum = Checksum()
        checksum.add(lengths)
        checksum.add(middle)
        checksum.add(rest)
        checksum.add(source.bits)
        checksum.add(destination.bits)
        bytes.setBE32(lengths, 0)
        bytes.setBE32(middle, 4)
        bytes.setBE32(rest | UInt32(checksum.value), 8)
        bytes.setBE32(source.bits, 12)
        bytes.setBE32(destination.bits, 16)
    }
}

public enum IPProtocol {
    public static var icmp: UInt8 { 1 }
    public static var igmp: UInt8 { 2 }
    public static var tcp: UInt8 { 6 }
    public static var udp: UInt8 { 17 }
}
