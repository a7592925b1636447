// Ethernet addresses as numbers that compare in one instruction.

/// A 48-bit Ethernet address.
public struct EthernetAddress: Equatable, Sendable {
    /// The bytes as they lie in memory, the first one lowest: loads and stores need no swap.
    public let bits: UInt64

    @inline(__always) public init(bits: UInt64) { self.bits = bits & 0xffff_ffff_ffff }

    public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ e: UInt8, _ f: UInt8) {
        let low = UInt64(a) | UInt64(b) << 8 | UInt64(c) << 16
        bits = low | UInt64(d) << 24 | UInt64(e) << 32 | UInt64(f) << 40
    }

    /// A locally administered unicast address made of random bits, for a device without one of its own (IEEE 802: bit 1
    /// set, bit 0 clear).
    public static func random(_ random: UInt64) -> EthernetAddress { EthernetAddress(bits: random & ~1 | 2) }

    /// Byte 0 to 5 in the order of transmission.
    public subscript(index: Int) -> UInt8 {
        index >= 0 && index < 6 ? UInt8(truncatingIfNeeded: bits >> (8 * UInt64(index))) : 0
    }

    public static let broadcast = EthernetAddress(bits: 0xffff_ffff_ffff)
    public static let zero = EthernetAddress(bits: 0)
    @inline(__always) public var isBroadcast: Bool { bits == 0xffff_ffff_ffff }
    /// Group addresses, broadcast among them.
    @inline(__always) public var isMulticast: Bool { bits & 1 != 0 }
    /// May be a station's address: neither a group nor zero.
    @inline(__always) public var isUnicast: Bool { !isMulticast && bits != 0 }
}

/// Lengths of an Ethernet frame, in bytes, without its check sequence (IEEE 802.3, 3.2).
public enum EthernetFrame {
    /// Destination, source and type.
    public static var headerByteCount: Int { 14 }
    /// Shorter frames are padded to this.
    public static var leastByteCount: Int { 60 }
    /// A frame that carries 1,500 bytes.
    public static var greatestByteCount: Int { 1514 }
}
