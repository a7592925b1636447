// The Ethernet II header: destination, source, type (RFC 894).

public struct EthernetHeader: Equatable {
    public static var byteCount: Int { 14 }
    /// The least a frame holds on the wire, without its check sequence; shorter ones are padded.
    public static var leastFrame: Int { 60 }

    public var destination: EthernetAddress
    public var source: EthernetAddress
    /// `EtherType`.
    public var type: UInt16

    public init(destination: EthernetAddress, source: EthernetAddress, type: UInt16) {
        self.destination = destination
        self.source = source
        self.type = type
    }

    /// nil when there are fewer than 14 bytes.
    @inline(__always)
    public init?(parsing bytes: RawSpan) {
        guard bytes.byteCount >= 14 else { return nil }
        destination = EthernetAddress(bytes, at: 0)
        source = EthernetAddress(bytes, at: 6)
        type = bytes.be16(12)
    }

    /// Writes the header at the front of `bytes`, which must have the room.
    @inline(__always)
    public func emit(to bytes: inout MutableRawSpan) {
        bytes.setNative64(destination.bits | source.bits << 48, 0)
        bytes.setNative32(UInt32(truncatingIfNeeded: source.bits >> 16), 8)
        bytes.setBE16(type, 12)
    }
}

public enum EtherType {
    public static var ipv4: UInt16 { 0x0800 }
    public static var arp: UInt16 { 0x0806 }
    public static var ipv6: UInt16 { 0x86dd }
    /// IEEE 802.1Q: a tag of four bytes, in which the type stands last.
    public static var vlan: UInt16 { 0x8100 }
}
