// Listeners: the SYN that begins a connection, and the ACK that completes it (RFC 9293, 3.10.7.2; RFC 4987).

import Storage

extension NetStack where Device: ~Copyable {
    /// A segment for an address at which a program listens, of a connection that is not known.
    /// - Parameter least: SND.NXT of a connection in TIME-WAIT that the segment ends.
    mutating func arriveAtListener(
        _ listener: Int, _ segment: TCPSegment, _ payload: consuming Packet, _ local: Endpoint, _ remote: Endpoint,
        above least: SequenceNumber?, _ arrival: Arrival, now: Instant
    ) {
        if segment.flags.contains(.ack) {
            guard let record = readCookie(listener, segment, local, remote, now: now) else {
                // It may follow one that had no room: a reset would end what that, sent again, opens.
                if let refused = tcp[listener].value.cookieWithoutRoom, now - refused < SYNCookies.lifetime { return }
                return sendReset(segment.refusal, from: local, to: remote, now: now)
            }
            // The program is behind: the peer's next segment tries again.
            guard let i = takeRecord(for: listener) else {
                tcp[listener].value.cookieWithoutRoom = now
                return
            }
            tcp.counters.cookiesTaken &+= 1
            return complete(record, at: i, segment, payload, arrival, now: now)
        }
        guard segment.flags.contains(.syn) else { return }
        var record = HalfOpen()
        record.local = local
        record.remote = remote
        record.listener = listener
        record.initialReceive = segment.header.sequence
        record.window = Int(segment.header.window)
        record.options = segment.options
        record.usesECN = segment.flags.isSuperset(of: [.ece, .cwr])
        record.began = now
        record.initialSend = initialSequence(local, remote, now: now)
        // RFC 9293, 3.6.1: above all that the connection before it sent.
        if let least, record.initialSend <= least { record.initialSend = least + 65_536 }
        guard tcp[listener].value.waitingCount < tcp[listener].value.backlog else {
            // The program is behind: the peer tries again.
            tcp.counters.backlogFull &+= 1
            return
        }
        let mayKeep = tcp[listener].value.halfOpenCount < TCPLimit.halfOpenOfListener
        guard mayKeep, let place = tcp.halfOpen.insert(record) else { return sendCookie(record, now: now) }
        tcp[listener].value.halfOpenCount += 1
        sendSYNAck(place, now: now)
    }

    /// RFC 6528: a clock of four microseconds, and a secret for each pair of endpoints.
    func initialSequence(_ local: Endpoint, _ remote: Endpoint, now: Instant) -> SequenceNumber {
        SequenceNumber(
            UInt32(truncatingIfNeeded: now.nanoseconds / 4000)
                &+ UInt32(truncatingIfNeeded: tcp.hash(local, remote, 1) >> 16))
    }

    /// Where a pair's clock of timestamps begins: always the same, so that old ones are known as old (RFC 7323, 5.4).
    func timestampOffset(_ local: Endpoint, _ remote: Endpoint) -> UInt32 {
        UInt32(truncatingIfNeeded: tcp.hash(local, remote, 2) >> 16)
    }

    // MARK: SYN-ACK

    private mutating func sendSYNAck(_ place: Int, now: Instant) {
        tcp.halfOpen[place].attempts += 1
        let attempts = tcp.halfOpen[place].attempts
        answer(tcp.halfOpen[place], tcp.halfOpen[place].initialSend, timestamp: nil, now: now)
        timers.set(.halfOpen(place), at: now + TCPTime.firstTimeout * (1 << UInt64(attempts - 1)))
    }

    /// - Parameter timestamp: the bits of a cookie; nil: this side's clock.
    private mutating func answer(
        _ record: HalfOpen, _ sequence: SequenceNumber, timestamp: UInt32?, now: Instant
    ) {
        let mtu = mtu(toward: record.remote.address)
        var options = TCPOptions()
        options.maximumSegmentSize = UInt16(truncatingIfNeeded: max(TCPLimit.leastSegment, mtu - 40))
        options.allowsSACK = record.options.allowsSACK
        if record.options.windowScale != nil { options.windowScale = windowShift }
        if let peer = record.options.timestamp {
            let clock = timestampClock(now, from: timestampOffset(record.local, record.remote))
            options.timestamp = TCPTimestamp(value: timestamp ?? clock, echo: peer.value)
        }
        var flags: TCPFlags = [.syn, .ack]
        if record.usesECN, record.attempts <= 1 { flags.insert(.ece) }
        sendBare(
            TCPHeader(
                sourcePort: record.local.port, destinationPort: record.remote.port, sequence: sequence,
                acknowledgment: record.initialReceive + 1, flags: flags, window: initialWindow(record.listener)),
            options, from: record.local.address, to: record.remote.address, now: now)
    }

    private func initialWindow(_ listener: Int) -> UInt16 { firstWindow(tcp[listener].value.receiver.bufferLimit) }

    /// So far windows are shifted that this side announces: as much as its largest buffer needs.
    var windowShift: UInt8 { 6 }

    mutating func halfOpenTimer(_ place: Int, now: Instant) {
        guard tcp.halfOpen[place].listener >= 0 else { return }
        guard tcp.halfOpen[place].attempts <= TCPLimit.synAckRetransmissions else {
            tcp.counters.failedAttempts &+= 1
            return removeHalfOpen(place)
        }
        tcp.counters.retransmissions &+= 1
        sendSYNAck(place, now: now)
    }

    mutating func removeHalfOpen(_ place: Int) {
        tcp[tcp.halfOpen[place].listener].value.halfOpenCount -= 1
        timers.cancel(.halfOpen(place))
        tcp.halfOpen.remove(place)
    }

    // MARK: SYN-RECEIVED

    /// RFC 9293, 3.10.7.4, for a connection that is half open.
    mutating func arriveHalfOpen(
        _ place: Int, _ segment: TCPSegment, _ payload: consuming Packet, _ arrival: Arrival, now: Instant
    ) {
        let record = tcp.halfOpen[place]
        let next = record.initialReceive + 1
        let sequence = segment.header.sequence
        if segment.flags.contains(.syn), !segment.flags.contains(.ack), sequence == record.initialReceive {
            // The SYN-ACK was lost.
            return answer(record, record.initialSend, timestamp: nil, now: now)
        }
        let isInWindow =
            sequence < next + Int(initialWindow(record.listener))
            && (segment.length == 0 ? sequence >= next : sequence + segment.length > next)
        if segment.flags.contains(.rst) {
            if sequence == next { return removeHalfOpen(place) }
            guard isInWindow, tcp.challengeLimiter.allows(now: now) else { return }
            return acknowledgeHalfOpen(record, now: now)
        }
        if isOldTimestamp(segment, record) || !isInWindow {
            guard tcp.challengeLimiter.allows(now: now) else { return }
            return acknowledgeHalfOpen(record, now: now)
        }
        if segment.flags.contains(.syn) { return removeHalfOpen(place) }  // back to LISTEN, as the RFC has it
        guard segment.flags.contains(.ack) else { return }
        guard segment.header.acknowledgment == record.initialSend + 1 else {
            // The peer's SYN may have come before, when no record was free: the peer goes by that answer, a cookie.
            guard readCookie(record.listener, segment, record.local, record.remote, now: now) != nil else {
                return sendReset(segment.refusal, from: record.local, to: record.remote, now: now)
            }
            removeHalfOpen(place)
            return arriveAtListener(
                record.listener, segment, payload, record.local, record.remote, above: nil, arrival, now: now)
        }
        // The peer's next segment, or the SYN-ACK sent again, tries once more.
        guard let i = takeRecord(for: record.listener) else { return }
        removeHalfOpen(place)
        complete(record, at: i, segment, payload, arrival, now: now)
    }

    /// A record for a connection that is to wait to be accepted; nil, and counted, when enough wait or no record is free.
    private mutating func takeRecord(for listener: Int) -> Int? {
        if tcp[listener].value.waitingCount < tcp[listener].value.backlog, let i = tcp.take() { return i }
        tcp.counters.backlogFull &+= 1
        return nil
    }

    private func isOldTimestamp(_ segment: TCPSegment, _ record: HalfOpen) -> Bool {
        guard let old = record.options.timestamp, let new = segment.options.timestamp else { return false }
        return Int32(bitPattern: new.value &- old.value) < 0
    }

    private mutating func acknowledgeHalfOpen(_ record: HalfOpen, now: Instant) {
        var options = TCPOptions()
        if let peer = record.options.timestamp {
            let clock = timestampClock(now, from: timestampOffset(record.local, record.remote))
            options.timestamp = TCPTimestamp(value: clock, echo: peer.value)
        }
        sendBare(
            TCPHeader(
                sourcePort: record.local.port, destinationPort: record.remote.port, sequence: record.initialSend + 1,
                acknowledgment: record.initialReceive + 1, flags: .ack, window: initialWindow(record.listener)),
            options, from: record.local.address, to: record.remote.address, now: now)
    }

    // MARK: Cookies

    private mutating func sendCookie(_ record: HalfOpen, now: Instant) {
        tcp.counters.cookiesSent &+= 1
        var record = record
        // What the peer's clock does not bring back is not used.
        if record.options.timestamp == nil {
            record.options.windowScale = nil
            record.options.allowsSACK = false
            record.usesECN = false
        }
        let size = record.options.maximumSegmentSize ?? UInt16(TCPLimit.defaultSegment)
        let cookie = tcp.cookies.make(record.local, record.remote, record.initialReceive, segment: size, now: now)
        let clock = timestampClock(now, from: timestampOffset(record.local, record.remote))
        let bits = SYNCookies.packed(record.options, usesECN: record.usesECN, clock: clock)
        answer(record, cookie, timestamp: bits, now: now)
    }

    private func readCookie(
        _ listener: Int, _ segment: TCPSegment, _ local: Endpoint, _ remote: Endpoint, now: Instant
    ) -> HalfOpen? {
        guard !segment.flags.contains(.syn), tcp.counters.cookiesSent > 0 else { return nil }
        let iss = segment.header.acknowledgment + -1
        var irs = segment.header.sequence + -1
        var proved = tcp.cookies.check(iss, local, remote, irs, now: now)
        if proved == nil, segment.length <= 1 {
            // A peer with nothing to say asks whether this side is there: the number before its next (RFC 9293, 3.8.4).
            irs = segment.header.sequence
            proved = tcp.cookies.check(iss, local, remote, irs, now: now)
        }
        guard let size = proved else { return nil }
        var record = HalfOpen()
        record.local = local
        record.remote = remote
        record.listener = listener
        record.initialSend = iss
        record.initialReceive = irs
        record.options.maximumSegmentSize = size
        record.options.timestamp = segment.options.timestamp
        if let timestamp = segment.options.timestamp {
            record.usesECN = SYNCookies.unpack(timestamp.echo, into: &record.options)
        }
        // That of an ACK: a SYN's is not scaled.
        record.window = Int(segment.header.window) << Int(record.options.windowScale ?? 0)
        record.began = now
        record.attempts = 2  // no round trip is measured
        return record
    }

    // MARK: ESTABLISHED

    /// The handshake is complete: the connection gets its record, and waits to be accepted.
    private mutating func complete(
        _ record: HalfOpen, at i: Int, _ segment: TCPSegment, _ payload: consuming Packet, _ arrival: Arrival,
        now: Instant
    ) {
        let listener = tcp[record.listener]
        let connection = tcp[i]
        connection.value.local = record.local
        connection.value.remote = record.remote
        connection.value.timestampOffset = timestampOffset(record.local, record.remote)
        inherit(i, from: record.listener)
        prepare(i, record.initialSend, now: now)
        connection.value.receiver.start(at: record.initialReceive)
        connection.value.receiver.recentSince = now
        connection.value.agree(record.options, window: record.window, mtu: mtu(toward: record.remote.address))
        connection.value.usesECN = record.usesECN
        connection.value.receiver.edge = connection.value.receiver.next + Int(initialWindow(record.listener))
        connection.value.sender.unacknowledged = record.initialSend + 1
        connection.value.sender.next = record.initialSend + 1
        connection.value.sender.windowSequence = record.initialReceive
        connection.value.sender.windowAcknowledgment = record.initialSend
        if record.attempts == 1 { connection.value.sender.roundTrip.measured(now - record.began, now: now) }
        tcp.insert(i)
        tcp.counters.passiveOpens &+= 1
        connection.value.listener = record.listener
        connection.value.establish(now: now)
        appendToBacklog(i, of: record.listener)
        if listener.value.socket >= 0 { completions.append(.socket(listener.value.socket)) }
        arrive(at: i, segment, payload, arrival, now: now)
    }

    /// What a socket's connections have from it.
    private mutating func inherit(_ i: Int, from listener: Int) {
        tcp[i].value.options = tcp[listener].value.options
        tcp[i].value.sender.bufferLimit = tcp[listener].value.sender.bufferLimit
        tcp[i].value.sender.sendsAtOnce = tcp[listener].value.sender.sendsAtOnce
        tcp[i].value.sender.congestion = Congestion(tcp[listener].value.sender.congestion.algorithm)
        tcp[i].value.receiver.bufferLimit = tcp[listener].value.receiver.bufferLimit
        tcp[i].value.receiver.isFixed = tcp[listener].value.receiver.isFixed
    }
}
