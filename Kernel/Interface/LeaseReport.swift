// What the dhcp_request system call tells.

/// How an interface came by its address, or is about to. Sixteen 64-bit words for the program, addresses in host order.
public struct LeaseReport: Sendable, BitwiseCopyable {
    /// Word 0: state in bits 0–7 (`State`), prefix length 8–15, name servers 16–23, bytes of the domain name 24–31.
    private var summary: UInt64 = 0
    /// Word 1: the interface's address in the low half, the router in the high half. 0.0.0.0: none.
    private var addressAndRouter: UInt64 = 0
    /// Word 2: the server in the low half, the first name server in the high half.
    private var serverAndName: UInt64 = 0
    /// Word 3: the second and the third name server.
    private var moreNames: UInt64 = 0
    /// Word 4: seconds of the lease in the low half, of T1 in the high half; 0xffffffff: for ever. Word 5: of T2, in the low half.
    private var leaseAndRenewal: UInt64 = 0
    private var rebinding: UInt64 = 0
    /// Words 6 and 7: seconds left until the end in the low half, until T1 in the high half; until T2, in the low half.
    private var leftAndRenewal: UInt64 = 0
    private var leftToRebinding: UInt64 = 0
    /// Words 8 to 15: the domain name.
    private var domain = [8 of UInt64](repeating: 0)

    /// As RFC 2131 calls them; from `bound` on there is a lease.
    public enum State: UInt8, Sendable {
        case stopped, initial, selecting, requesting, probing, bound, renewing, rebinding, rebooting

        public var hasLease: Bool { rawValue >= State.bound.rawValue }
    }

    public static var forEver: UInt32 { .max }

    public init() {}

    public var state: State {
        get { State(rawValue: UInt8(truncatingIfNeeded: summary)) ?? .stopped }
        set { summary = summary & ~0xff | UInt64(newValue.rawValue) }
    }
    public var prefixLength: Int {
        get { Int(summary >> 8 & 255) }
        set { summary = summary & ~0xff00 | UInt64(UInt8(truncatingIfNeeded: newValue)) << 8 }
    }
    public var nameServerCount: Int { min(3, Int(summary >> 16 & 255)) }
    public var domainCount: Int { min(64, Int(summary >> 24 & 255)) }
    public var address: UInt32 {
        get { Self.low(addressAndRouter) }
        set { Self.setLow(&addressAndRouter, newValue) }
    }
    /// 0: none.
    public var router: UInt32 {
        get { Self.high(addressAndRouter) }
        set { Self.setHigh(&addressAndRouter, newValue) }
    }
    public var server: UInt32 {
        get { Self.low(serverAndName) }
        set { Self.setLow(&serverAndName, newValue) }
    }
    /// Seconds that were granted, and T1 and T2 in them.
    public var leaseTime: UInt32 {
        get { Self.low(leaseAndRenewal) }
        set { Self.setLow(&leaseAndRenewal, newValue) }
    }
    public var renewalTime: UInt32 {
        get { Self.high(leaseAndRenewal) }
        set { Self.setHigh(&leaseAndRenewal, newValue) }
    }
    public var rebindingTime: UInt32 {
        get { Self.low(rebinding) }
        set { Self.setLow(&rebinding, newValue) }
    }
    /// Seconds left until the end, T1 and T2; 0 when passed.
    public var secondsLeft: UInt32 {
        get { Self.low(leftAndRenewal) }
        set { Self.setLow(&leftAndRenewal, newValue) }
    }
    public var secondsToRenewal: UInt32 {
        get { Self.high(leftAndRenewal) }
        set { Self.setHigh(&leftAndRenewal, newValue) }
    }
    public var secondsToRebinding: UInt32 {
        get { Self.low(leftToRebinding) }
        set { Self.setLow(&leftToRebinding, newValue) }
    }

    /// 0, 1 or 2.
    public func nameServer(_ index: Int) -> UInt32 {
        index == 0 ? Self.high(serverAndName) : index == 1 ? Self.low(moreNames) : Self.high(moreNames)
    }

    public mutating func addNameServer(_ address: UInt32) {
        switch nameServerCount {
        case 0: Self.setHigh(&serverAndName, address)
        case 1: Self.setLow(&moreNames, address)
        case 2: Self.setHigh(&moreNames, address)
        default: return
        }
        summary += 1 << 16
    }

    /// A byte of the domain name.
    public func domain(_ index: Int) -> UInt8 { UInt8(truncatingIfNeeded: domain[index / 8] >> UInt64(index % 8 * 8)) }

    public mutating func addDomain(_ byte: UInt8) {
        let index = domainCount
        guard index < 64 else { return }
        domain[index / 8] |= UInt64(byte) << UInt64(index % 8 * 8)
        summary += 1 << 24
    }

    private static func low(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word) }
    private static func high(_ word: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: word >> 32) }
    private static func setLow(_ word: inout UInt64, _ value: UInt32) { word = word & ~0xffff_ffff | UInt64(value) }
    private static func setHigh(_ word: inout UInt64, _ value: UInt32) { word = word & 0xffff_ffff | UInt64(value) << 32 }
}
