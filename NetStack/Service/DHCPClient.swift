// The DHCP client of one interface (RFC 2131, 4.4), as a state machine without a wire: replies, conflicts and time go in, what is to be
// done comes out of `next`.
//
// Promise: messages at the RFC's intervals and not more often, whatever a server does; an address only as long as its lease; nothing from a
// reply that does not fit the exchange.

public enum DHCPState: UInt8, Sendable {
    /// Not asked to do anything.
    case stopped
    /// About to ask, at once or after a pause (INIT).
    case initial
    /// Asking who offers an address.
    case selecting
    /// Asking one server for the address that it offered.
    case requesting
    /// Granted; asking by ARP whether somebody has the address all the same (RFC 5227).
    case probing
    case bound
    /// After T1: asking the server for more time.
    case renewing
    /// After T2: asking any server.
    case rebinding
    /// The link was away: asking whether the address is still right here (INIT-REBOOT, RFC 2131, 3.2), and using it meanwhile.
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
    /// Somebody uses the address that was granted.
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
    /// Two probes; the address is ours when nobody objected this long after the second. Shorter than RFC 5227 has it (1 to 2 s), so that
    /// the network is there when the first command is typed.
    public static var probes: Int { 2 }
    public static var probeInterval: Duration { .milliseconds(200) }
    /// After a conflict (RFC 2131, 3.1, 5).
    public static var pauseAfterConflict: Duration { .seconds(10) }
    /// After a NAK, so that a server that refuses all is not asked as fast as it answers.
    public static var pauseAfterRefusal: Duration { .seconds(1) }
    /// The least between two requests to renew (RFC 2131, 4.4.5).
    public static var leastRenewal: Duration { .seconds(60) }
}

/// What the interface is to do.
enum DHCPAction {
    /// To a server that is known, by unicast, or to all.
    case send(DHCPMessage, to: IPv4Address?)
    /// Ask by ARP who has this address, from nobody's.
    case probe(IPv4Address)
    /// Take the lease's address and routes.
    case take(DHCPLease)
    /// Give up the address.
    case drop
}

/// One per interface.
public struct DHCPClient {
    public private(set) var state = DHCPState.stopped
    public private(set) var problem = DHCPProblem.none
    /// While requesting and probing: what is offered. From bound on: what we have.
    public private(set) var lease: DHCPLease?
    /// When `next` has something to say.
    public private(set) var deadline = Instant.never
    /// The instants of T1, T2 and the lease's end.
    public private(set) var renewsAt = Instant.never
    public private(set) var rebindsAt = Instant.never
    public private(set) var expiresAt = Instant.never
    /// When asking began.
    public private(set) var startedAt = Instant.start
    /// State or lease changed, and nobody was told yet.
    var hasChanged = false
    /// Where the server's last reply came from: the next hop to it.
    private(set) var serverHardware = EthernetAddress.broadcast

    private let hardware: EthernetAddress
    private var random: UInt64
    private var transaction: UInt32 = 0
    private var transmissions = 0
    private var requestedAt = Instant.start
    /// The interface uses the lease's address.
    private var isConfigured = false
    private var mustTake = false
    private var mustDecline = false
    private var mustDrop = false

    init(_ hardware: EthernetAddress, random: UInt64) {
        self.hardware = hardware
        self.random = random
    }

    public var isActive: Bool { state != .stopped }

    /// Waits for a reply that may come to an address which the interface does not have.
    var awaitsReply: Bool { state == .selecting || state == .requesting || state == .renewing || state == .rebinding || state == .rebooting }

    // MARK: Commands

    /// Begins to ask, unless it did already.
    mutating func start(now: Instant) {
        guard state == .stopped else { return }
        startedAt = now
        problem = .none
        enter(.initial, until: now)
    }

    /// The link is back, perhaps to another network: asks at once, for the address that it had if there was one.
    mutating func linkIsBack(now: Instant) {
        switch state {
        case .stopped, .probing: break
        case .initial, .selecting, .requesting:
            startedAt = now
            restart(at: now)
        case .bound, .renewing, .rebinding, .rebooting:
            startedAt = now
            transaction = nextRandom()
            transmissions = 0
            enter(.rebooting, until: now)
        }
    }

    /// Stops without a word; what becomes of the interface's address is the caller's business.
    mutating func stop() {
        forget()
        mustDrop = false
        mustDecline = false
        problem = .none
        enter(.stopped, until: .never)
    }

    /// Stops. Returns what to tell the server when there was a lease (RFC 2131, 4.4.6): then the address is to be given up, too.
    mutating func release(now: Instant) -> DHCPMessage? {
        var message: DHCPMessage?
        if state.hasLease, let lease {
            transaction = nextRandom()
            var release = self.message(.release, now: now)
            release.seconds = 0
            release.clientAddress = lease.address
            release.server = lease.server
            message = release
        }
        stop()
        return message
    }

    // MARK: Time

    /// What is to be done now; call until nil.
    mutating func next(now: Instant) -> DHCPAction? {
        if mustDecline, let lease {
            mustDecline = false
            var decline = message(.decline, now: now)
            decline.seconds = 0
            decline.requestedAddress = lease.address
            decline.server = lease.server
            self.lease = nil
            return .send(decline, to: nil)
        }
        if mustDrop {
            mustDrop = false
            return .drop
        }
        if mustTake, let lease {
            mustTake = false
            isConfigured = true
            return .take(lease)
        }
        guard now >= deadline else { return nil }
        switch state {
        case .stopped: return nil
        case .initial:
            transaction = nextRandom()
            transmissions = 0
            enter(.selecting, until: now)
            return transmit(.discover, now: now)
        case .selecting:
            problem = .silence
            return transmit(.discover, now: now)
        case .requesting:
            guard transmissions < DHCPTime.requests else {
                problem = .silence
                restart(at: now)
                return next(now: now)
            }
            return transmit(.request, now: now)
        case .probing: return probe(now: now)
        case .rebooting:
            guard now < expiresAt else { return renew(now: now) }
            guard transmissions < DHCPTime.rebootRequests else {
                problem = .silence
                enter(.bound, until: renewsAt)
                return next(now: now)
            }
            return transmit(.request, now: now)
        case .bound, .renewing, .rebinding: return renew(now: now)
        }
    }

    private mutating func transmit(_ type: DHCPMessageType, now: Instant) -> DHCPAction {
        requestedAt = now
        let doubled = DHCPTime.firstDelay * (1 << UInt64(min(transmissions, 4)))
        let jitter = Duration(nanoseconds: (UInt64(nextRandom()) * 2_000_000_000) >> 32)
        deadline = now + min(doubled, DHCPTime.greatestDelay) + jitter - .seconds(1)
        transmissions += 1
        var message = message(type, now: now)
        if type == .request, let lease {
            message.requestedAddress = lease.address
            if state == .rebooting { deadline = min(deadline, expiresAt) } else { message.server = lease.server }
        }
        return .send(message, to: nil)
    }

    private mutating func probe(now: Instant) -> DHCPAction? {
        guard let lease else { return nil }
        guard transmissions < DHCPTime.probes else {
            bind(lease)
            return next(now: now)
        }
        transmissions += 1
        deadline = now + DHCPTime.probeInterval
        return .probe(lease.address)
    }

    private mutating func bind(_ lease: DHCPLease) {
        self.lease = lease
        renewsAt = instant(lease.renewalTime)
        rebindsAt = instant(lease.rebindingTime)
        expiresAt = instant(lease.leaseTime)
        problem = .none
        mustTake = true
        enter(.bound, until: renewsAt)
    }

    /// So many seconds after the request (RFC 2131, 4.4.1).
    private func instant(_ seconds: UInt32) -> Instant {
        seconds == DHCPLease.forEver ? .never : requestedAt + .seconds(UInt64(seconds))
    }

    /// T1, T2, the end, and the requests between them: each after half of the time that is left, and 60 s at least.
    private mutating func renew(now: Instant) -> DHCPAction? {
        guard now < expiresAt, let lease else {
            forget()
            problem = .expiry
            restart(at: now)
            return next(now: now)
        }
        if state == .bound { transaction = nextRandom() }
        let isLate = now >= rebindsAt
        if isLate, state != .rebinding {
            startedRenewal(.rebinding, now: now)
        } else if state == .bound {
            startedRenewal(.renewing, now: now)
        } else {
            problem = .silence
        }
        let limit = isLate ? expiresAt : rebindsAt
        deadline = min(limit, now + max((limit - now) / 2, DHCPTime.leastRenewal))
        requestedAt = now
        var request = message(.request, now: now)
        request.clientAddress = lease.address
        return .send(request, to: isLate ? nil : lease.server)
    }

    private mutating func startedRenewal(_ state: DHCPState, now: Instant) {
        if self.state == .bound { startedAt = now }
        enter(state, until: now)
    }

    private mutating func enter(_ state: DHCPState, until deadline: Instant) {
        if self.state != state { hasChanged = true }
        self.state = state
        self.deadline = deadline
    }

    private mutating func restart(at instant: Instant) {
        if state.hasLease { startedAt = instant }
        enter(.initial, until: instant)
    }

    /// Lets go of the lease, and of the address if it was in use.
    private mutating func forget() {
        lease = nil
        mustTake = false
        if isConfigured { mustDrop = true }
        isConfigured = false
        renewsAt = .never
        rebindsAt = .never
        expiresAt = .never
    }

    // MARK: What arrives

    /// Takes a reply from the station `sender`. False: it does not fit what was asked.
    mutating func receive(_ reply: DHCPReply, from sender: EthernetAddress, now: Instant) -> Bool {
        guard awaitsReply, reply.transaction == transaction, reply.hardware == hardware else { return false }
        switch (state, reply.type) {
        case (.selecting, .offer):
            guard let offer = DHCPLease(reply) else { return false }
            lease = offer
            transmissions = 0
            enter(.requesting, until: now)
        case (.requesting, .ack):
            guard let grant = DHCPLease(reply), isExpected(grant) else { return false }
            lease = grant
            transmissions = 0
            serverHardware = sender
            enter(.probing, until: now)
        case (.renewing, .ack), (.rebinding, .ack), (.rebooting, .ack):
            guard let grant = DHCPLease(reply), isExpected(grant) else { return false }
            serverHardware = sender
            hasChanged = true
            bind(grant)
        case (.requesting, .nak), (.renewing, .nak), (.rebinding, .nak), (.rebooting, .nak):
            guard let server = reply.server, state == .rebinding || state == .rebooting || server == lease?.server else { return false }
            forget()
            problem = .refusal
            restart(at: now + DHCPTime.pauseAfterRefusal)
        default: return false
        }
        return true
    }

    /// From the server that was asked (when rebinding or rebooting: any), for the address that was asked for.
    private func isExpected(_ grant: DHCPLease) -> Bool {
        grant.address == lease?.address && (state == .rebinding || state == .rebooting || grant.server == lease?.server)
    }

    /// The address that is being probed, and not in use yet.
    var probedAddress: IPv4Address? { state == .probing ? lease?.address : nil }

    /// Does not take the address that is being probed before this instant: a station that claims it is being asked.
    mutating func holdProbe(until instant: Instant) {
        if state == .probing { deadline = max(deadline, instant) }
    }

    /// Another station uses the address: declines it, drops it if it was in use, and asks for another after a pause (RFC 5227, 2.4).
    /// False when the address is not from a lease.
    mutating func loseAddress(now: Instant) -> Bool {
        guard state.hasLease || state == .probing, let lease else { return false }
        if state.hasLease {
            forget()
            self.lease = lease  // the message names it
        }
        mustDecline = true
        problem = .conflict
        restart(at: now + DHCPTime.pauseAfterConflict)
        return true
    }

    // MARK: Pieces

    private func message(_ type: DHCPMessageType, now: Instant) -> DHCPMessage {
        let seconds = (now - startedAt).seconds
        return DHCPMessage(
            type: type, transaction: transaction, seconds: UInt16(min(seconds, 0xffff)), hardware: hardware)
    }

    private mutating func nextRandom() -> UInt32 {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt32(truncatingIfNeeded: random >> 32)
    }
}
