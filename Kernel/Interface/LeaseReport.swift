// What the dhcp_request system call fills in.

/// The state of an interface's address and lease. 288 bytes.
public struct LeaseReport: Sendable, BitwiseCopyable {
    var stateNumber: UInt8 = 0
    /// Of the interface's address: 0 to 32.
    public var prefixLength: UInt8 = 0
    public private(set) var nameServerCount: UInt8 = 0
    /// Bytes of the domain names.
    public private(set) var domainCount: UInt8 = 0
    /// Seconds that were granted, and T1 and T2 in them; `forEver`.
    public var leaseTime: UInt32 = 0
    public var renewalTime: UInt32 = 0
    public var rebindingTime: UInt32 = 0
    /// Seconds left until the end, T1 and T2; 0 when passed.
    public var secondsLeft: UInt32 = 0
    public var secondsToRenewal: UInt32 = 0
    public var secondsToRebinding: UInt32 = 0
    var problemNumber: UInt8 = 0
    var flawNumber: UInt8 = 0
    public private(set) var timeServerCount: UInt8 = 0
    var reserved: UInt8 = 0
    /// The interface's address; none: `::`.
    public var address = NetworkAddress.none
    public var router = NetworkAddress.none
    public var server = NetworkAddress.none
    var nameServers = [3 of NetworkAddress](repeating: .none)
    var timeServers = [2 of NetworkAddress](repeating: .none)
    var domain = [120 of UInt8](repeating: 0)
    /// Replies that granted nothing usable since there was a lease, or since asking began.
    public var flawCount: UInt32 = 0
    /// Bytes of a packet at most, as the server wants it; 0: it did not say.
    public var mtu: UInt32 = 0

    /// As RFC 2131 calls them; from `bound` on there is a lease.
    public enum State: UInt8, Sendable {
        case stopped, initial, selecting, requesting, probing, bound, renewing, rebinding, rebooting

        public var hasLease: Bool { rawValue >= State.bound.rawValue }
    }

    /// Why there is no lease, or why it was not renewed.
    public enum Problem: UInt8, Sendable {
        case none
        /// No server answers.
        case silence
        /// A server refused an address (NAK).
        case refusal
        /// Another station has the address that was granted.
        case conflict
        /// The lease ran out.
        case expiry
    }

    /// What was wrong with the last of the replies that were refused.
    public enum Flaw: UInt8, Sendable {
        case none, malformed, noServer, noLeaseTime, badAddress, badMask

        /// As a user reads it.
        public var message: StaticString {
            switch self {
            case .none: "nothing wrong"
            case .malformed: "malformed"
            case .noServer: "no server identifier"
            case .noLeaseTime: "no lease time"
            case .badAddress: "an address that no host can have"
            case .badMask: "an impossible mask"
            }
        }
    }

    public static var forEver: UInt32 { .max }

    public init() {}

    public var state: State {
        get { State(rawValue: stateNumber) ?? .stopped }
        set { stateNumber = newValue.rawValue }
    }

    public var problem: Problem {
        get { Problem(rawValue: problemNumber) ?? .none }
        set { problemNumber = newValue.rawValue }
    }

    public var flaw: Flaw {
        get { Flaw(rawValue: flawNumber) ?? .none }
        set { flawNumber = newValue.rawValue }
    }

    /// 0 up to `timeServerCount`.
    public func timeServer(_ index: Int) -> NetworkAddress { index >= 0 && index < 2 ? timeServers[index] : .none }

    public mutating func addTimeServer(_ address: NetworkAddress) {
        guard timeServerCount < 2 else { return }
        timeServers[Int(timeServerCount)] = address
        timeServerCount += 1
    }

    /// 0 up to `nameServerCount`.
    public func nameServer(_ index: Int) -> NetworkAddress { index >= 0 && index < 3 ? nameServers[index] : .none }

    public mutating func addNameServer(_ address: NetworkAddress) {
        guard nameServerCount < 3 else { return }
        nameServers[Int(nameServerCount)] = address
        nameServerCount += 1
    }

    /// A byte of the domain names, which have a space between two of them, 0 up to `domainCount`.
    public func domain(_ index: Int) -> UInt8 { index >= 0 && index < 120 ? domain[index] : 0 }

    public mutating func addDomain(_ byte: UInt8) {
        guard domainCount < 120 else { return }
        domain[Int(domainCount)] = byte
        domainCount += 1
    }
}
