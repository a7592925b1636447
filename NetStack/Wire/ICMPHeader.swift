// The ICMP header (RFC 792): type, code, checksum, and four bytes whose meaning the type decides.

public enum ICMPType {
    public static var echoReply: UInt8 { 0 }
    public static var destinationUnreachable: UInt8 { 3 }
    public static var echoRequest: UInt8 { 8 }
    public static var timeExceeded: UInt8 { 11 }
    public static var parameterProblem: UInt8 { 12 }
}

public struct ICMPHeader: Equatable {
    public static var byteCount: Int { 8 }

    public var type: UInt8
    public var code: UInt8
    /// As it stands in the header; not verified by parsing.
    public var checksum: UInt16
    /// Echo: identifier and sequence number.
    public var identifier: UInt16
    public var sequence: UInt16

    public init(type: UInt8, code: UInt8 = 0, checksum: UInt16 = 0, identifier: UInt16 = 0, sequence: UInt16 = 0) {
        self.type = type
        self.code = code
        self.checksum = checksum
        self.identifier = identifier
        self.sequence = sequence
    }

    /// nil when there are fewer than 8 bytes. The checksum covers the payload too: `Checksum.isRight` over the whole
    /// message.
    @inline(__always)
    public init?(parsing bytes: RawSpan) {
        guard bytes.byteCount >= 8 else { return nil }
        type = bytes.byte(0)
        code = bytes.byte(1)
        checksum = bytes.be16(2)
        identifier = bytes.be16(4)
        sequence = bytes.be16(6)
    }

    /// Writes the header at the front of a message and the checksum over all of it.
    @inline(__always)
    public func emit(to bytes: inout MutableRawSpan) {
        emitWithoutChecksum(to: &bytes)
        var sum = Checksum()
        sum.add(bytes.bytes, to: bytes.byteCount)
        bytes.setBE16(sum.value, 2)
    }

    /// Writes the header with a checksum field of 0, over which the checksum can be made.
    @inline(__always)
    func emitWithoutChecksum(to bytes: inout MutableRawSpan) {
        bytes.setBE32(UInt32(type) << 24 | UInt32(code) << 16, 0)
        bytes.setBE32(UInt32(identifier) << 16 | UInt32(sequence), 4)
    }
}
