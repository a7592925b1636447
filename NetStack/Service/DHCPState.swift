// The states of a DHCP client (RFC 2131, 4.4), its times, and the steps that it asks for.

public enum DHCPState: UInt8, Sendable {
    /// Not asked to do anything.
    case stopped
    /// About to ask, at once or after a pause (INIT).
    case initial
    /// Asking for an offer of an address.
    case selecting
    /// Asking one server for the address that it offered.
    case requesting
    /// Granted; asking by ARP whether another station has the address all the same (RFC 5227).
    case probing
    case bound
    /// After T1: asking the server for more time.
    case renewing
    /// After T2: asking any server.
    case rebinding
    /// The link was away: asking whether the address is still right here (INIT-REBOOT, RFC 2131, 3.2), and using it
    /// meanwhile.
    case rebooting

    /// The interface has its address from a lease.
    public var hasLease: Bool { rawValue >= DHCPState.bound.rawValue }
}

/// What went wrong last, since the client was started or got a lease.
public enum DHCPProblem: UInt8, Sendable {
    case none
    /// No server answers.
    case silence
    /// A server refused an address (NAK).
    case refusal
    /// Another station uses the address that was granted.
    case conflict
    /// The lease ran out.
    case expiry
}

/// Intervals and bounds.
public enum DHCPTime {
    /// Between transmissions: 4 s, doubling up to 64 s, each 1 s more or less at random (RFC 2131, 4.1).
    public static var firstDelay: Duration { .seconds(4) }
    public static var greatestDelay: Duration { .seconds(64) }
    /// Between requests for one offer and asking anew.
    public static var requests: Int { 4 }
    /// Requests after the link was away, before the old lease is taken to be good (RFC 2131, 3.2, 3).
    public static var rebootRequests: Int { 3 }
    /// Two probes; the address is ours when no station objected this long after the second. Shorter than RFC 5227 has
    /// it (1 to 2 s), so that the network is there when the first command is typed.
    public static var probes: Int { 2 }
    public static var probeInterval: Duration { .milliseconds(200) }
    /// After a conflict (RFC 2131, 3.1, 5).
    public static var pauseAfterConflict: Duration { .seconds(10) }
    /// After a NAK, so that a server that refuses all is not asked as fast as it answers: doubled with each, up to
    /// `greatestDelay`.
    public static var pauseAfterRefusal: Duration { .seconds(1) }
    /// How long an offer of a server that failed before waits for that of another.
    public static var patienceForOthers: Duration { .seconds(2) }
    /// The least between two requests to renew (RFC 2131, 4.4.5).
    public static var leastRenewal: Duration { .seconds(60) }
}

/// The last four servers that failed.
struct FailedServers {
    private var addresses = InlineArray<4, IPv4Address>(repeating: .any)

    /// A server failed, after those that did before.
    mutating func note(_ server: IPv4Address) {
        for i in (rank(server) ?? 0)..<3 { addresses[i] = addresses[i + 1] }
        addresses[3] = server
    }

    /// How late a server failed, 0 to 3; nil: it did not.
    func rank(_ server: IPv4Address) -> Int? {
        for i in 0..<4 where addresses[i] == server { return i }
        return nil
    }
}

/// A step for the interface to take.
enum DHCPAction {
    /// To a server that is known, by unicast, or to all.
    case send(DHCPMessage, to: IPv4Address?)
    /// Ask by ARP for the station that has this address, from 0.0.0.0.
    case probe(IPv4Address)
    /// Take the lease's address and routes.
    case take(DHCPLease)
    /// Give up the address.
    case drop
}
