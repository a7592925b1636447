// What the ping system call tells.

/// The answer to one echo request. Three 64-bit words for the program: round trip, bytes, and sequence | TTL << 32.
public struct PingReply: Sendable, BitwiseCopyable {
    /// From the request leaving to the reply arriving.
    public var roundTripNanoseconds: UInt64
    /// ICMP bytes of the reply: 8 of header and the payload.
    public var bytes: UInt64
    /// Sequence in the low half, TTL in the high half.
    public var sequenceAndTTL: UInt64

    public init(roundTripNanoseconds: UInt64, bytes: Int, sequence: UInt16, ttl: UInt8) {
        self.roundTripNanoseconds = roundTripNanoseconds
        self.bytes = UInt64(bytes)
        sequenceAndTTL = UInt64(sequence) | UInt64(ttl) << 32
    }

    /// Room for the kernel to fill.
    public init() { self.init(roundTripNanoseconds: 0, bytes: 0, sequence: 0, ttl: 0) }

    /// Counts this process's pings from 1.
    public var sequence: UInt16 { UInt16(truncatingIfNeeded: sequenceAndTTL) }
    /// Of the reply's IPv4 header.
    public var ttl: UInt8 { UInt8(truncatingIfNeeded: sequenceAndTTL >> 32) }
}
