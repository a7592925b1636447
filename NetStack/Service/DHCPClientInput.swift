// What arrives at a DHCP client: a server's replies, and other stations that claim its address.

extension DHCPClient {
    /// Takes a reply from the station `sender`; from an ACK on that is the next hop to the server (`serverHardware`).
    /// False: the reply does not fit what was asked.
    mutating func receive(_ reply: DHCPReply, from sender: EthernetAddress, now: Instant) -> Bool {
        guard awaitsReply, reply.transaction == transaction, reply.hardware == hardware else { return false }
        switch (state, reply.type) {
        case (.selecting, .offer): return take(reply, now: now)
        case (.requesting, .ack):
            guard let grant = grant(of: reply) else { return false }
            lease = grant
            transmissions = 0
            serverHardware = sender
            enter(.probing, until: now)
        case (.renewing, .ack), (.rebinding, .ack), (.rebooting, .ack):
            guard let grant = grant(of: reply) else { return false }
            serverHardware = sender
            hasChanged = true
            bind(grant)
        case (.requesting, .nak), (.renewing, .nak), (.rebinding, .nak), (.rebooting, .nak):
            // Some servers leave the server identifier out.
            guard let lease, state == .rebinding || state == .rebooting || reply.server ?? lease.server == lease.server
            else { return false }
            if state == .requesting { noteFailure() }
            forget()
            problem = .refusal
            restart(at: now + min(DHCPTime.pauseAfterRefusal * (1 << min(refusals, 8)), DHCPTime.greatestDelay))
            refusals += 1
        default: return false
        }
        return true
    }

    /// Takes an offer: at once, unless its server failed before; then another's may come first.
    private mutating func take(_ reply: DHCPReply, now: Instant) -> Bool {
        let flaw = DHCPLease.flaw(of: reply, known: nil)
        guard flaw == .none, let offer = DHCPLease(reply) else {
            note(flaw)
            return false
        }
        if let rank = failed.rank(offer.server) {
            guard let held = lease else {
                lease = offer
                deadline = min(deadline, now + DHCPTime.patienceForOthers)
                return true
            }
            if rank < failed.rank(held.server) ?? 0 { lease = offer }
            return true
        }
        lease = offer
        transmissions = 0
        enter(.requesting, until: now)
        return true
    }

    /// What an ACK grants; nil, and counted, when it is none for what was asked.
    private mutating func grant(of reply: DHCPReply) -> DHCPLease? {
        let flaw = DHCPLease.flaw(of: reply, known: lease)
        if flaw != .none { note(flaw) }
        guard let grant = DHCPLease(reply, known: lease), isExpected(grant) else { return nil }
        return grant
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

    /// Another station uses the address: declines it, drops it if it was in use, and asks for another after a pause
    /// (RFC 5227, 2.4). False when the address is not from a lease.
    mutating func loseAddress(now: Instant) -> Bool {
        guard state.hasLease || state == .probing, let lease else { return false }
        if state.hasLease {
            forget()
            self.lease = lease  // the message names it
        }
        noteFailure()
        mustDecline = true
        problem = .conflict
        restart(at: now + DHCPTime.pauseAfterConflict)
        return true
    }
}
