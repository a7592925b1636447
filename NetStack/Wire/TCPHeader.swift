// The TCP header (RFC 9293, 3.1) and its checksum over the pseudo-header.

/// The control bits.
public struct TCPFlags: OptionSet, Sendable {
    public let rawValue: UInt8
    @inline(__always) public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let fin = TCPFlags(rawValue: 0x01)
    public static let syn = TCPFlags(rawValue: 0x02)
    public static let rst = TCPFlags(rawValue: 0x04)
    public static let psh = TCPFlags(rawValue: 0x08)
    public static let ack = TCPFlags(rawValue: 0x10)
    public static let urg = TCPFlags(rawValue: 0x20)
    /// RFC 3168: a congestion mark was seen; the window was reduced.
    public static let ece = TCPFlags(rawValue: 0x40)
    public static let cwr = TCPFlags(rawValue: 0x80)
}

public struct TCPHeader: Equatable, Sendable {
    /// Without options.
    public static var leastByteCount: Int { 20 }
    /// With as many options as there can be.
    public static var greatestByteCount: Int { 60 }
    /// Where in the header the checksum stands.
    public static var checksumOffset: Int { 16 }

    public var sourcePort: UInt16
    public var destinationPort: UInt16
    public var sequence: SequenceNumber
    /// Says something with the flag `ack` alone.
    public var acknowledgment: SequenceNumber
    /// With options: 20 to 60, a multiple of 4.
    public var headerLength: Int
    public var flags: TCPFlags
    /// As it stands in the header: not scaled.
    public var window: UInt16

    public init(
        sourcePort: UInt16, destinationPort: UInt16, sequence: SequenceNumber, acknowledgment: SequenceNumber,
        headerLength: Int = 20, flags: TCPFlags, window: UInt16
    ) {
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
        self.sequence = sequence
        self.acknowledgment = acknowledgment
        self.headerLength = headerLength
        self.flags = flags
        self.window = window
    }

    /// nil when the header is not whole. Its checksum is not looked at.
    @inline(__always)
    public init?(start bytes: RawSpan) {
        guard bytes.byteCount >= 20 else { return nil }
        let ports = bytes.be32(0)
        sourcePort = UInt16(truncatingIfNeeded: ports >> 16)
        destinationPort = UInt16(truncatingIfNeeded: ports)
        sequence = SequenceNumber(bytes.be32(4))
        acknowledgment = SequenceNumber(bytes.be32(8))
        let word = bytes.be32(12)
        headerLength = Int(word >> 28) &* 4
        flags = TCPFlags(rawValue: UInt8(truncatingIfNeeded: word >> 16))
        window = UInt16(truncatingIfNeeded: word)
        guard headerLength >= 20, headerLength <= bytes.byteCount else { return nil }
    }

    /// Whether the checksum of a segment, perhaps a train, is right.
    @inline(__always)
    static func isRight(_ segment: borrowing Packet, source: IPv4Address, destination: IPv4Address) -> Bool {
        let count = segment.totalCount
        var sum = pseudoHeader(source, destination, count)
        sum.add(segment, to: count)
        return sum.folded == 0xffff
    }

    /// Writes the 20 bytes without options; the checksum field gets `checksum`.
    @inline(__always)
    public func emit(to bytes: inout MutableRawSpan, checksum: UInt16) {
        bytes.setBE32(UInt32(sourcePort) << 16 | UInt32(destinationPort), 0)
        bytes.setBE32(sequence.bits, 4)
        bytes.setBE32(acknowledgment.bits, 8)
        let offset = UInt32(truncatingIfNeeded: headerLength / 4) << 28
        bytes.setBE32(offset | UInt32(flags.rawValue) << 16 | UInt32(window), 12)
        bytes.setBE32(UInt32(checksum) << 16, 16)
    }

    /// The sum over the pseudo-header of a segment of `length` bytes, its header included.
    @inline(__always)
    static func pseudoHeader(_ source: IPv4Address, _ destination: IPv4Address, _ length: Int) -> Checksum {
        var sum = Checksum()
        sum.add(source.bits)
        sum.add(destination.bits)
        sum.add(UInt16(IPProtocol.tcp))
        sum.add(UInt16(truncatingIfNeeded: length))
        return sum
    }
}
