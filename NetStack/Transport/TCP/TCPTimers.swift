// What a connection does when one of its times has come.

import Storage

extension NetStack where Device: ~Copyable {
    mutating func connectionTimer(_ i: Int, now: Instant) {
        let connection = tcp[i]
        connection.value.armed = .never
        guard connection.value.isUsed, connection.value.state != .closed, connection.value.state != .listen else {
            return
        }
        if connection.value.endTimer <= now { abandon(i, nil, now: now) }
        if connection.value.keepAliveTimer <= now { keepAlive(i, now: now) }
        if connection.value.sender.reorderingTimer <= now { connection.value.sender.detectLossesByTimer(now: now) }
        if connection.value.sender.timer <= now { retransmissionTimer(i, now: now) }
        if connection.value.receiver.ackTimer <= now {
            connection.value.receiver.ackTimer = .never
            connection.value.receiver.owesAck = true
        }
        settle(i, now: now)
    }

    /// Ends a connection without waiting for its peer, which a RST tells.
    mutating func abandon(_ i: Int, _ error: SocketError?, now: Instant) {
        let connection = tcp[i]
        guard connection.value.state != .closed else { return }
        if connection.value.state.isSynchronized || connection.value.state == .synReceived {
            let header = connection.value.header(
                connection.value.sender.next, [.rst, .ack], limit: receiveLimit(connection.value.receiver.held))
            tcp.counters.resetsSent &+= 1
            sendBare(
                header, connection.value.options(now: now), from: connection.value.local.address,
                to: connection.value.remote.address, now: now)
        }
        connection.value.fail(error)
    }

    private mutating func retransmissionTimer(_ i: Int, now: Instant) {
        let connection = tcp[i]
        connection.value.sender.timer = .never
        if let limit = connection.value.options.userTimeout, connection.value.unansweredSince != .never,
            now - connection.value.unansweredSince >= limit
        {
            return abandon(i, .timedOut, now: now)
        }
        switch connection.value.state {
        case .synSent, .synReceived:
            if connection.value.attempts > TCPLimit.synRetransmissions { giveUp(i, now: now) }
            return  // `transmit` sends the SYN again
        default: break
        }
        switch connection.value.sender.timerKind {
        case .probe: tailLossProbe(i, now: now)
        case .persist: persist(i, now: now)
        case .timeout: timeout(i, now: now)
        }
    }

    private mutating func giveUp(_ i: Int, now: Instant) {
        let connection = tcp[i]
        if connection.value.state == .synSent { tcp.counters.failedAttempts &+= 1 }
        abandon(i, connection.value.softError ?? .timedOut, now: now)
    }

    private mutating func timeout(_ i: Int, now: Instant) {
        let connection = tcp[i]
        guard connection.value.sender.outstanding > 0 else { return }
        connection.value.attempts += 1
        tcp.counters.timeouts &+= 1
        let limit = connection.value.isOrphan ? TCPLimit.orphanRetransmissions : TCPLimit.retransmissions
        if connection.value.attempts > limit { return giveUp(i, now: now) }
        if connection.value.attempts == 3 { shrinkBlackHole(i, now: now) }
        connection.value.sender.timedOut(now: now)
    }

    /// Three time-outs in a row, and large segments: something on the way may drop them and not say so (RFC 4821, 7.7,
    /// in its simple form).
    private mutating func shrinkBlackHole(_ i: Int, now: Instant) {
        let connection = tcp[i]
        let small = TCPLimit.defaultSegment - (connection.value.usesTimestamps ? 12 : 0)
        guard connection.value.sender.segmentSize > small else { return }
        connection.value.sender.shrink(to: small, now: now)
    }

    private mutating func tailLossProbe(_ i: Int, now: Instant) {
        let connection = tcp[i]
        if let segment = connection.value.sender.probe(pool), let route = route(to: connection.value.remote.address) {
            send(segment, of: i, by: route, now: now)
        } else if connection.value.sender.isFINSent {
            connection.value.sender.isFINLost = true
            connection.value.sender.recovery.probeEnd = connection.value.sender.next
        }
        connection.value.sender.timerKind = .timeout
        connection.value.sender.timer = now + connection.value.sender.roundTrip.backedOff
    }

    /// RFC 9293, 3.8.6.1: asks for the window; sends what a small one takes.
    private mutating func persist(_ i: Int, now: Instant) {
        let connection = tcp[i]
        let limit = connection.value.isOrphan ? TCPLimit.orphanRetransmissions : Int.max
        connection.value.sender.persistProbes += 1
        if connection.value.sender.persistProbes > limit { return giveUp(i, now: now) }
        if connection.value.unansweredSince == .never { connection.value.unansweredSince = now }
        if let segment = connection.value.sender.fitting(pool), let route = route(to: connection.value.remote.address) {
            send(segment, of: i, by: route, now: now)
        } else {
            sendProbe(i, now: now)
        }
    }

    /// RFC 9293, 3.8.4.
    private mutating func keepAlive(_ i: Int, now: Instant) {
        let connection = tcp[i]
        guard connection.value.options.keepsAlive else {
            connection.value.keepAliveTimer = .never
            return
        }
        if connection.value.sender.outstanding > 0 {  // the retransmissions look after it
            connection.value.keepAliveTimer = now + TCPTime.keepAliveIdle
            return
        }
        if connection.value.keepAliveProbes >= TCPLimit.keepAliveProbes { return abandon(i, .timedOut, now: now) }
        connection.value.keepAliveProbes += 1
        connection.value.keepAliveTimer = now + TCPTime.keepAliveInterval
        sendProbe(i, now: now)
    }

    // MARK: What routers say

    /// An ICMP error about a segment of a connection's. Hard ones end only what is not established (RFC 1122, 4.2.3.9;
    /// RFC 5927, 4); a smaller packet size is obeyed. False when no connection has sent it.
    mutating func reportToConnection(
        _ error: SocketError?, by reporter: IPAddress, _ code: UInt16, local: Endpoint, remote: Endpoint,
        sequence: SequenceNumber, now: Instant
    ) -> Bool {
        guard let i = tcp.find(local, remote) else { return false }
        let connection = tcp[i]
        guard sequence >= connection.value.sender.unacknowledged, sequence < connection.value.sender.next else {
            return false
        }
        guard let error else { return true }
        connection.value.errorReporter = reporter
        connection.value.errorCode = code
        switch connection.value.state {
        case .synSent where error == .refused: connection.value.fail(.refused)
        default: connection.value.softError = error
        }
        settle(i, now: now)
        return true
    }

    /// The way takes smaller packets only: segments are cut anew, and sent again without a reduction (RFC 1191, 6.4).
    mutating func pathShrank(local: Endpoint, remote: Endpoint, now: Instant) {
        guard let i = tcp.find(local, remote), tcp[i].value.state.isSynchronized else { return }
        let connection = tcp[i]
        let size = mtu(toward: connection.value.remote.address) - 40 - (connection.value.usesTimestamps ? 12 : 0)
        guard size < connection.value.sender.segmentSize else { return }
        connection.value.sender.setSegmentSize(max(size, TCPLimit.leastSegment))
        connection.value.sender.resendAll()
        settle(i, now: now)
    }
}

extension TCPSender {
    /// Sends small segments for some time; then large ones are tried again, each time later.
    mutating func shrink(to size: Int, now: Instant) {
        largeSegment = segmentSize
        smallFor = smallFor == .zero ? .seconds(30) : min(smallFor * 2, .seconds(600))
        smallUntil = now + smallFor
        setSegmentSize(size)
    }

    /// The time for large segments has come.
    mutating func growBack(now: Instant) {
        guard smallUntil <= now, largeSegment > 0 else { return }
        smallUntil = .never
        setSegmentSize(largeSegment)
        largeSegment = 0
    }

    /// What was in doubt is lost now.
    mutating func detectLossesByTimer(now: Instant) {
        detectLosses(now: now)
        if recovery.lost > 0, recovery.phase == .open { lossesFoundByTimer(now: now) }
    }

    /// What a small window takes of the next segment; nil: nothing.
    mutating func fitting(_ pool: PacketPool) -> QueuedSegment? {
        guard let segment = unsent else { return nil }
        let usable = unacknowledged + window - segment.sequence
        guard usable > 0 else { return nil }
        split(segment, at: min(usable, segmentSize), pool)
        return segment.count <= usable ? segment : nil
    }
}
