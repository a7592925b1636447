// ICMP errors that we send (RFC 792; RFC 1122, 3.2.2): never about a broadcast, a fragment or another error, and not many.

/// Codes of destination unreachable.
public enum ICMPCode {
    public static var protocolUnreachable: UInt8 { 2 }
    public static var portUnreachable: UInt8 { 3 }
}

/// How many errors may go out: a burst, refilled at a steady rate (RFC 1812, 4.3.2.8).
struct ErrorLimiter {
    static var burst: UInt64 { 10 }
    /// Nanoseconds for one more.
    static var interval: UInt64 { 100_000_000 }

    /// The instant at which the bucket would be full again.
    private var full: UInt64 = 0

    mutating func allows(now: UInt64) -> Bool {
        full = max(full, now)
        guard full - now <= (Self.burst - 1) * Self.interval else { return false }
        full += Self.interval
        return true
    }
}

extension NetStack where Device: ~Copyable {
    /// Tells the sender of a unicast datagram that we do not take it, in the very buffer. The packet starts behind its IPv4
    /// header, whose bytes still stand in front of it.
    mutating func sendUnreachable(_ code: UInt8, about packet: consuming Packet, _ ip: IPv4Header, now: UInt64) {
        guard errorLimiter.allows(now: now) else { return drop(.icmpErrorLimited, at: Self.loopbackIndex) }
        guard let route = route(to: ip.source), packet.prepend(ip.headerLength) else { return }
        // The header and the first 8 bytes of what it carries (RFC 792).
        packet.resize(to: min(packet.count, ip.headerLength + 8))
        guard packet.prepend(ICMPHeader.byteCount) else { return }
        var bytes = packet.mutableBytes
        ICMPHeader(type: ICMPType.destinationUnreachable, code: code).emit(to: &bytes)
        output(packet, IPProtocol.icmp, from: ip.destination, to: ip.source, by: route, now: now)
    }
}
