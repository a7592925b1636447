// Addresses of both families as one type: an IPv4 address a.b.c.d is ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). Sockets,
// routes, path MTUs and neighbours use no other; only Wire/ and Internet/ distinguish the families.

/// A 128-bit Internet address.
public struct IPAddress: Hashable, Sendable {
    /// Bytes 0 to 7, byte 0 highest.
    public let high: UInt64
    /// Bytes 8 to 15, byte 8 highest.
    public let low: UInt64

    @inline(__always) public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    @inline(__always) public init(_ address: IPv4Address) {
        self.init(high: 0, low: Self.mapped | UInt64(address.bits))
    }

    /// The bits in front of a mapped IPv4 address.
    private static var mapped: UInt64 { 0xffff_0000_0000 }
    /// The length of the prefix that all mapped IPv4 addresses share.
    public static var mappedPrefixLength: Int { 96 }

    /// `::`: no address, or any of a host's own.
    public static let unspecified = IPAddress(high: 0, low: 0)

    @inline(__always) public static func == (a: IPAddress, b: IPAddress) -> Bool {
        (a.high ^ b.high) | (a.low ^ b.low) == 0
    }

    @inline(__always) public var isUnspecified: Bool { high | low == 0 }
    @inline(__always) public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }
    /// nil for an address of IPv6.
    @inline(__always) public var ipv4: IPv4Address? {
        isIPv4 ? IPv4Address(bits: UInt32(truncatingIfNeeded: low)) : nil
    }
    /// A group of either family: ff00::/8 or 224.0.0.0/4.
    @inline(__always) public var isMulticast: Bool { high >> 56 == 0xff || (isIPv4 && low >> 28 & 15 == 14) }
    /// The limited broadcast of IPv4.
    @inline(__always) public var isBroadcast: Bool { high == 0 && low == Self.mapped | 0xffff_ffff }

    /// A number that spreads addresses evenly over the values of its upper bits.
    /// - Parameter key: random, so that a sender cannot choose addresses that fall together.
    @inline(__always) func hash(_ key: UInt64) -> UInt64 {
        (((high ^ key) &* 0x9e37_79b9_7f4a_7c15) ^ low) &* 0x9e37_79b9_7f4a_7c15
    }
}

/// An address and a port of a transport protocol.
public struct Endpoint: Equatable, Sendable {
    /// Bound to: `::` is any of the host's own.
    public var address: IPAddress
    /// Bound to: 0 is a free one.
    public var port: UInt16

    @inline(__always) public init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    @inline(__always) public init(_ address: IPv4Address, _ port: UInt16) { self.init(IPAddress(address), port) }

    public static let unspecified = Endpoint(IPAddress.unspecified, 0)
}
