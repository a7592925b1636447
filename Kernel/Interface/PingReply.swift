// What the ping system call fills in.

/// The answer to one echo request. 16 bytes.
public struct PingReply: Sendable, BitwiseCopyable {
    /// From the request leaving to the reply arriving.
    public var roundTripNanoseconds: UInt64
    /// ICMP bytes of the reply: 8 of header and the payload.
    public var bytes: UInt32
    /// Counts this process's pings from 1.
    public var sequence: UInt16
    /// Of the reply's IP header.
    public var timeToLive: UInt8
    var reserved: UInt8 = 0

    public init(roundTripNanoseconds: UInt64, bytes: Int, sequence: UInt16, timeToLive: UInt8) {
        self.roundTripNanoseconds = roundTripNanoseconds
        self.bytes = UInt32(truncatingIfNeeded: bytes)
        self.sequence = sequence
        self.timeToLive = timeToLive
    }

    /// Room for the kernel to fill.
    public init() { self.init(roundTripNanoseconds: 0, bytes: 0, sequence: 0, timeToLive: 0) }
}
