// SYN cookies (RFC 4987, 3.6): what a listener would keep of a SYN travels in its answer, and comes back.

/// A SYN-ACK's sequence number that holds what the final ACK needs: 5 bits of time, 3 of the segment size, 24 that only
/// this host can make. Window scale and SACK stand in the timestamp, for peers that echo one.
struct SYNCookies {
    /// A cookie is taken so many seconds at least, twice that at most.
    private static var period: UInt64 { 64 }
    /// How long a cookie may come back, at most.
    static var lifetime: Duration { .seconds(2 * period) }
    private static func segment(_ index: Int) -> UInt16 {
        switch index {
        case 0: 216
        case 1: 536
        case 2: 996
        case 3: 1220
        case 4: 1360
        case 5: 1440
        case 6: 1460
        default: 8960
        }
    }

    private let secret: KeyedHash

    init(_ secret: KeyedHash) { self.secret = secret }

    private func mac(_ local: Endpoint, _ remote: Endpoint, _ irs: SequenceNumber, _ time: UInt64, _ size: Int)
        -> UInt32
    {
        let ports = UInt64(local.port) << 16 | UInt64(remote.port)
        let hash =
            secret(
                local.address.high ^ local.address.low, remote.address.high &+ remote.address.low,
                ports << 32 | UInt64(irs.bits)) ^ time &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(size)
        return UInt32(truncatingIfNeeded: secret(hash, time, UInt64(size)) >> 40)
    }

    func make(_ local: Endpoint, _ remote: Endpoint, _ irs: SequenceNumber, segment: UInt16, now: Instant)
        -> SequenceNumber
    {
        let time = now.nanoseconds / 1_000_000_000 / Self.period
        var index = 7
        while index > 0, Self.segment(index) > segment { index -= 1 }
        let top = UInt32(truncatingIfNeeded: time & 31) << 27 | UInt32(index) << 24
        return SequenceNumber(top | mac(local, remote, irs, time, index))
    }

    /// The peer's segment size, when the number was made here a short time ago for these addresses.
    func check(_ cookie: SequenceNumber, _ local: Endpoint, _ remote: Endpoint, _ irs: SequenceNumber, now: Instant)
        -> UInt16?
    {
        let time = now.nanoseconds / 1_000_000_000 / Self.period
        let age = (time &- UInt64(cookie.bits >> 27)) & 31
        guard age <= 1, age <= time else { return nil }
        let index = Int(cookie.bits >> 24 & 7)
        guard cookie.bits & 0xff_ffff == mac(local, remote, irs, time &- age, index) else { return nil }
        return Self.segment(index)
    }

    /// Bits of a timestamp that say what the SYN offered: the scale in the low four, 15 for none; SACK; ECN.
    static var timestampBits: UInt32 { 6 }

    static func packed(_ options: TCPOptions, usesECN: Bool, clock: UInt32) -> UInt32 {
        let bits = UInt32(options.windowScale ?? 15) | (options.allowsSACK ? 16 : 0) | (usesECN ? 32 : 0)
        let value = clock & ~63 | bits
        return Int32(bitPattern: value &- clock) > 0 ? value &- 64 : value
    }

    static func unpack(_ value: UInt32, into options: inout TCPOptions) -> Bool {
        options.windowScale = value & 15 == 15 ? nil : UInt8(truncatingIfNeeded: min(14, value & 15))
        options.allowsSACK = value & 16 != 0
        return value & 32 != 0
    }
}
