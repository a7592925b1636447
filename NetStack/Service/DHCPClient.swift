// The DHCP client of one interface (RFC 2131, 4.4), as a state machine without a wire: replies, conflicts and time go
// in, what is to be done comes out of `next`.
//
// Promise: messages at the RFC's intervals and not more often, whatever a server does; an address only as long as its
// lease; nothing from a reply that does not fit the exchange.

/// One per interface.
public struct DHCPClient {
    public internal(set) var state = DHCPState.stopped
    public internal(set) var problem = DHCPProblem.none
    /// While requesting and probing: what is offered. From bound on: what we have.
    public internal(set) var lease: DHCPLease?
    /// When `next` returns a step.
    public internal(set) var deadline = Instant.never
    /// The instants of T1, T2 and the lease's end.
    public internal(set) var renewsAt = Instant.never
    public internal(set) var rebindsAt = Instant.never
    public internal(set) var expiresAt = Instant.never
    /// When asking began.
    public internal(set) var startedAt = Instant.start
    /// State or lease changed, and that is not listed yet.
    var hasChanged = false
    /// Where the server's last reply came from: the next hop to it.
    var serverHardware = EthernetAddress.broadcast

    let hardware: EthernetAddress
    private var random: RandomGenerator
    var transaction: UInt32 = 0
    var transmissions = 0
    private var requestedAt = Instant.start
    /// The interface uses the lease's address.
    private var isConfigured = false
    private var mustTake = false
    var mustDecline = false
    /// Servers that refused or fell silent since there was a lease: another's offer is preferred.
    private(set) var failed = FailedServers()
    /// NAKs since there was a lease.
    var refusals: UInt64 = 0
    /// Replies that granted nothing usable since the client was started or had a lease, and what is wrong with the last.
    public internal(set) var flawCount: UInt32 = 0
    public internal(set) var flaw = DHCPFlaw.none
    private var mustDrop = false

    init(_ hardware: EthernetAddress, random: RandomGenerator) {
        self.hardware = hardware
        self.random = random
    }

    public var isActive: Bool { state != .stopped }

    /// Waits for a reply that may come to an address which the interface does not have.
    var awaitsReply: Bool {
        state == .selecting || state == .requesting || state == .renewing || state == .rebinding || state == .rebooting
    }

    // MARK: Commands

    /// Begins to ask, unless it did already.
    mutating func start(now: Instant) {
        guard state == .stopped else { return }
        startedAt = now
        problem = .none
        forgetFailures()
        enter(.initial, until: now)
    }

    /// The link is back, perhaps to another network: asks at once, for the address that it had if there was one.
    mutating func linkIsBack(now: Instant) {
        forgetFailures()
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

    /// Stops. Returns the message for the server when there was a lease (RFC 2131, 4.4.6): then the address is to be
    /// given up, too.
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

    /// The next step that is due; call until nil.
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
            lease = nil
            enter(.selecting, until: now)
            return transmit(.discover, now: now)
        case .selecting where lease != nil:  // no other server has made an offer
            transmissions = 0
            enter(.requesting, until: now)
            return transmit(.request, now: now)
        case .selecting:
            problem = .silence
            return transmit(.discover, now: now)
        case .requesting:
            guard transmissions < DHCPTime.requests else {
                problem = .silence
                noteFailure()
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

    /// Makes a DISCOVER or a REQUEST to all servers, counts it, and sets the deadline of the next (RFC 2131, 4.1). Each
    /// sets `requestedAt`: the times of a lease count from the last one.
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

    /// Takes a lease: its times, and that `next` is to give it to the interface (`mustTake`). What went wrong before is
    /// over: the problem, and which servers failed.
    mutating func bind(_ lease: DHCPLease) {
        self.lease = lease
        renewsAt = instant(lease.renewalTime)
        rebindsAt = instant(lease.rebindingTime)
        expiresAt = instant(lease.leaseTime)
        if lease.hasUsualTimes {  // exactly, which matters for a lease of a few seconds
            let time = Duration.seconds(UInt64(lease.leaseTime))
            renewsAt = requestedAt + time / 2
            rebindsAt = requestedAt + time / 8 * 7
        }
        problem = .none
        forgetFailures()
        mustTake = true
        enter(.bound, until: renewsAt)
    }

    /// So many seconds after the request (RFC 2131, 4.4.1).
    private func instant(_ seconds: UInt32) -> Instant {
        seconds == DHCPLease.forEver ? .never : requestedAt + .seconds(UInt64(seconds))
    }

    /// T1, T2, the end, and the requests between them: each after 1/2 of the time that is left, and 60 s at least (RFC
    /// 2131, 4.4.5). T1 begins a new exchange, with a new transaction; each request sets `requestedAt`.
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

    mutating func enter(_ state: DHCPState, until deadline: Instant) {
        if self.state != state { hasChanged = true }
        self.state = state
        self.deadline = deadline
    }

    mutating func restart(at instant: Instant) {
        if state.hasLease { startedAt = instant }
        enter(.initial, until: instant)
    }

    /// Lets go of the lease, and of the address if it was in use.
    mutating func forget() {
        lease = nil
        mustTake = false
        if isConfigured { mustDrop = true }
        isConfigured = false
        renewsAt = .never
        rebindsAt = .never
        expiresAt = .never
    }

    // MARK: Failures

    private mutating func forgetFailures() {
        failed = FailedServers()
        refusals = 0
        flawCount = 0
        flaw = .none
    }

    /// The server of the exchange under way granted nothing.
    mutating func noteFailure() { if let server = lease?.server { failed.note(server) } }

    /// Counts a reply that cannot be used.
    mutating func note(_ flaw: DHCPFlaw) {
        self.flaw = flaw
        flawCount &+= 1
    }

    // MARK: Pieces

    private func message(_ type: DHCPMessageType, now: Instant) -> DHCPMessage {
        let seconds = (now - startedAt).seconds
        return DHCPMessage(
            type: type, transaction: transaction, seconds: UInt16(min(seconds, 0xffff)), hardware: hardware)
    }

    private mutating func nextRandom() -> UInt32 { UInt32(truncatingIfNeeded: random.number()) }
}
