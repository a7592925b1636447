// Addresses as the calls of the network take and give them: flat records in memory, passed by pointer.

/// An Internet address of either family: its sixteen bytes in network order; an IPv4 address a.b.c.d is ::ffff:a.b.c.d.
/// 16 bytes.
public struct NetworkAddress: Equatable, Sendable, BitwiseCopyable {
    /// Bytes 0 to 7 and 8 to 15 as they lie in memory: big-endian numbers.
    var bytes0: UInt64
    var bytes8: UInt64

    /// - Parameters:
    ///   - high: bytes 0 to 7 as a number, byte 0 highest.
    ///   - low: bytes 8 to 15.
    public init(high: UInt64, low: UInt64) {
        bytes0 = high.bigEndian
        bytes8 = low.bigEndian
    }

    /// - Parameter address: in host order: 10.0.2.2 is 0x0a000202.
    public init(ipv4 address: UInt32) { self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address)) }

    /// `::`: none, or any of the machine's own.
    public static var none: NetworkAddress { NetworkAddress(high: 0, low: 0) }

    public var high: UInt64 { UInt64(bigEndian: bytes0) }
    public var low: UInt64 { UInt64(bigEndian: bytes8) }

    /// In host order; nil for an address of IPv6.
    public var ipv4: UInt32? { high == 0 && low >> 32 == 0xffff ? UInt32(truncatingIfNeeded: low) : nil }
}

/// An address and a port, as the socket calls take and give them. 24 bytes.
public struct SocketAddress: Equatable, Sendable, BitwiseCopyable {
    public var address: NetworkAddress
    /// The interface on which a link-local address of IPv6 is meant; 0: none.
    public var scope: UInt32
    /// In host order.
    public var port: UInt16
    var reserved: UInt16 = 0

    public init(_ address: NetworkAddress, port: UInt16, scope: UInt32 = 0) {
        self.address = address
        self.scope = scope
        self.port = port
    }

    /// Any address of the machine's own, and no port.
    public static var none: SocketAddress { SocketAddress(.none, port: 0) }
}
