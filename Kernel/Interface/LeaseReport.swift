// What the dhcp_request system call fills in.

/// The state of an interface's address and lease. 192 bytes.
public struct LeaseReport: Sendable, BitwiseCopyable {
    var stateNumber: UInt8 = 0
    /// Of the interface's address: 0 to 32.
    public var prefixLength: UInt8 = 0
    public private(set) var nameServerCount: UInt8 = 0
    /// Bytes of the domain name.
    public private(set) var domainCount: UInt8 = 0
    /// Seconds that were granted, and T1 and T2 in them; `forEver`.
    public var leaseTime: UInt32 = 0
    public var renewalTime: UInt32 = 0
    public var rebindingTime: UInt32 = 0
    /// Seconds left until the end, T1 and T2; 0 when passed.
    public var secondsLeft: UInt32 = 0
    public var secondsToRenewal: UInt32 = 0
    public var secondsToRebinding: UInt32 = 0
    var reserved: UInt32 = 0
    /// The interface's address; none: `::`.
    public var address = NetworkAddress.none
    public var router = NetworkAddress.none
    public var server = NetworkAddress.none
    var nameServers = [3 of NetworkAddress](repeating: .none)
    var domain = [64 of UInt8](repeating: 0)

    /// As RFC 2131 calls them; from `bound` on there is a lease.
    public enum State: UInt8, Sendable {
        case stopped, initial, selecting, requesting, probing, bound, renewing, rebinding, rebooting

        public var hasLease: Bool { rawValue >= State.bound.rawValue }
    }

    public static var forEver: UInt32 { .max }

    public init() {}

    public var state: State {
        get { State(rawValue: stateNumber) ?? .stopped }
        set { stateNumber = newValue.rawValue }
    }

    /// 0 up to `nameServerCount`.
    public func nameServer(_ index: Int) -> NetworkAddress { index >= 0 && index < 3 ? nameServers[index] : .none }

    public mutating func addNameServer(_ address: NetworkAddress) {
        guard nameServerCount < 3 else { return }
        nameServers[Int(nameServerCount)] = address
        nameServerCount += 1
    }

    /// A byte of the domain name, 0 up to `domainCount`.
    public func domain(_ index: Int) -> UInt8 { index >= 0 && index < 64 ? domain[index] : 0 }

    public mutating func addDomain(_ byte: UInt8) {
        guard domainCount < 64 else { return }
        domain[Int(domainCount)] = byte
        domainCount += 1
    }
}
