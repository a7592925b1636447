// A neighbour: what is known of the station that has an address on an interface's network, and how sure that is (RFC
// 4861, 5.1 and 7.3.2).

/// Times and bounds, as RFC 4861, 10 names them.
public enum NeighbourLimit {
    /// REACHABLE_TIME: how long a confirmation holds.
    public static var reachableTime: Duration { .seconds(30) }
    /// DELAY_FIRST_PROBE_TIME: between the first use of a stale entry and the question whether it is right.
    public static var delayFirstProbe: Duration { .seconds(5) }
    /// RETRANS_TIMER: between questions (RFC 1122, 2.3.2.1: at most one a second).
    public static var retransmission: Duration { .seconds(1) }
    /// MAX_MULTICAST_SOLICIT and MAX_UNICAST_SOLICIT.
    public static var questions: Int { 3 }
    /// Datagrams that wait for one neighbour: as many as a traceroute sends at once.
    public static var waiting: Int { 16 }
    /// Buffers of those that wait for all of them: the largest datagram takes 45.
    public static var waitingInAll: Int { 64 }
    /// Entries made by hand.
    public static var permanent: Int { StackLimit.neighbours / 2 }
}

/// The states of RFC 4861, 7.3.2, and that of an entry made by hand.
public enum NeighbourState: UInt8, Sendable {
    /// Asked, not answered; packets wait.
    case incomplete
    /// Confirmed not long ago.
    case reachable
    /// Believed, but not confirmed for some time, or never.
    case stale
    /// Used while stale: will be asked unless it is confirmed.
    case delay
    /// Being asked; packets are sent meanwhile.
    case probe
    /// Made by hand: never asked, never forgotten.
    case permanent
}

/// A neighbour, as the cache has it.
public struct Neighbour: Sendable {
    public let address: IPAddress
    public let interface: InterfaceID
    /// nil: asked, not answered.
    public let hardware: EthernetAddress?
    public let state: NeighbourState
    /// Of a reachable one: until when the confirmation holds.
    public let reachableUntil: Instant
}

/// One per neighbour.
struct NeighbourEntry: ~Copyable {
    var isUsed = false
    var state = NeighbourState.incomplete
    var interface = InterfaceID.loopback
    /// A route leads through it: it does not make room for others.
    var isGateway = false
    /// Questions sent since they began.
    var questions: UInt8 = 0
    /// The next entry in its hash chain, or in the list of free ones; -1 ends it.
    var next: Int16 = -1
    /// Neighbours in the list of incomplete entries, the oldest first; -1: none.
    var older: Int16 = -1
    var newer: Int16 = -1
    var address = IPAddress.unspecified
    var hardware = EthernetAddress.zero
    /// Reachable: the end of the confirmation.
    var reachableUntil = Instant.start
    /// Before this instant no question is asked because of a contradiction: a second behind the last one.
    var quietUntil = Instant.start
    var lastUse = Instant.start
    var waiting = PacketQueue()

    /// The state, once time is taken into account.
    @inline(__always)
    func state(at now: Instant) -> NeighbourState { state == .reachable && now >= reachableUntil ? .stale : state }
}
