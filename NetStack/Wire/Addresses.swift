// IPv4 addresses as numbers that compare in one instruction, and the Ethernet addresses of frames and groups.

extension EthernetAddress {
    @inline(__always) init(_ bytes: RawSpan, at offset: Int) {
        self.init(bits: UInt64(bytes.native32(offset)) | UInt64(bytes.native16(offset &+ 4)) << 32)
    }

    /// The Ethernet group for an IPv4 group (RFC 1112, 6.4): 01:00:5e and the low 23 bits.
    init(group: IPv4Address) {
        self.init(
            0x01, 0x00, 0x5e, UInt8(group.bits >> 16 & 0x7f), UInt8(group.bits >> 8 & 0xff), UInt8(group.bits & 0xff))
    }
}

/// An IPv4 address.
public struct IPv4Address: Equatable, Hashable, Sendable {
    /// Host order: 10.0.2.2 is 0x0a000202.
    public let bits: UInt32

    @inline(__always) public init(bits: UInt32) { self.bits = bits }

    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
        bits = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
    }

    public static let any = IPv4Address(bits: 0)
    public static let broadcast = IPv4Address(bits: 0xffff_ffff)
    public static let loopback = IPv4Address(bits: 0x7f00_0001)
    @inline(__always) public var isLoopback: Bool { bits >> 24 == 127 }
    /// 224.0.0.0/4.
    @inline(__always) public var isMulticast: Bool { bits >> 28 == 14 }
    @inline(__always) public var isBroadcast: Bool { bits == 0xffff_ffff }
    /// 0.0.0.0/8: "this network" (RFC 1122, 3.2.1.3), never a peer.
    @inline(__always) public var isThisNetwork: Bool { bits >> 24 == 0 }
    /// May be the source of a packet on a wire: no group, broadcast, loopback, 0/8 or 240/4 address.
    @inline(__always) public var isUnicast: Bool { bits >> 29 != 7 && !isLoopback && !isThisNetwork }
}
