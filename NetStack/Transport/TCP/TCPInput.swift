// Segments from the network: whose they are, and what follows.

import Storage

extension NetStack where Device: ~Copyable {
    /// Takes a segment from its TCP header on.
    @inline(never)
    mutating func inputTCP(_ packet: consuming Packet, _ ip: IPv4Header, _ arrival: Arrival, now: Instant) {
        guard !arrival.isToGroup, ip.source.isUnicast || ip.source.isLoopback else {
            return drop(.tcpToGroup, at: arrival.interface)
        }
        guard let header = TCPHeader(start: packet.bytes) else { return drop(.tcpMalformed, at: arrival.interface) }
        guard
            packet.isChecksumVerified
                || TCPHeader.isRight(packet, source: ip.source, destination: ip.destination)
        else { return drop(.tcpBadChecksum, at: arrival.interface) }
        tcp.counters.segmentsIn &+= 1
        let segment = TCPSegment(
            header: header, options: TCPOptions(parsing: packet.bytes, headerLength: header.headerLength),
            count: packet.totalCount - header.headerLength, isMarked: ip.typeOfService & 3 == 3)
        packet.trimFront(header.headerLength)
        let local = Endpoint(ip.destination, header.destinationPort), remote = Endpoint(ip.source, header.sourcePort)
        if let i = tcp.find(local, remote) { return arrive(at: i, segment, packet, arrival, now: now) }
        arriveWithoutConnection(segment, packet, local, remote, arrival, now: now)
    }

    mutating func arrive(
        at i: Int, _ segment: TCPSegment, _ payload: consuming Packet, _ arrival: Arrival, now: Instant
    ) {
        let connection = tcp[i]
        var context = ArrivalContext(
            now: now, mtu: mtu(toward: connection.value.remote.address), share: sockets.share)
        let reply = connection.value.arrive(segment, payload, &context)
        sockets.share = context.share
        if segment.flags.contains(.rst), connection.value.state == .closed { tcp.counters.resetsReceived &+= 1 }
        for _ in 0..<context.refused { drop(.tcpQueueFull, at: arrival.interface) }
        switch reply {
        case .none: break
        case .acknowledgment: connection.value.receiver.owesAck = true
        case .challenge: if tcp.challengeLimiter.allows(now: now) { connection.value.receiver.owesAck = true }
        default:
            sendReset(reply, from: connection.value.local, to: connection.value.remote, now: now)
        }
        settle(i, now: now)
    }

    /// The largest packet on the way there.
    func mtu(toward address: IPAddress) -> Int {
        guard let route = route(to: address) else { return 576 }
        return mtu(of: route, to: address)
    }

    /// After something happened to a connection: sends what is due, sets its timer, tells its program, and puts away
    /// what has ended.
    @inline(never)
    mutating func settle(_ i: Int, now: Instant) {
        let connection = tcp[i]
        if connection.value.state != .closed { transmit(i, now: now) }
        let events = connection.value.events
        connection.value.events = []
        if events.contains(.changed) { notify(i) }
        if events.contains(.waits) { beginTimeWait(i, now: now) }
        if events.contains(.ended) { end(i) }
        if connection.value.isUsed { setTimer(of: i) }
    }

    /// A connection's program may go on, or its listener's.
    private mutating func notify(_ i: Int) {
        let socket = tcp[i].value.socket
        if socket >= 0 { arrived(at: socket) }
    }

    mutating func setTimer(of i: Int) {
        let connection = tcp[i]
        let next = connection.value.nextTimer
        // One that is set earlier is left: when it is due it is set anew, which is cheaper than with each segment.
        guard next < connection.value.armed else { return }
        connection.value.armed = next
        timers.set(.connection(i), at: next)
    }

    /// A connection in state CLOSED leaves the table, and its record too when no program has it.
    mutating func end(_ i: Int) {
        let connection = tcp[i]
        tcp.remove(i)
        connection.value.sender.queue.removeAll()
        connection.value.sender.unsent = nil
        if connection.value.listener >= 0 { removeFromBacklog(i) }
        timers.cancel(.connection(i))
        connection.value.armed = .never
        guard connection.value.socket < 0 else { return }
        release(i)
    }

    /// Frees a record that nothing refers to.
    mutating func release(_ i: Int) {
        let connection = tcp[i]
        connection.value.receiver.removeAll(&sockets.share)
        timers.cancel(.connection(i))
        if connection.value.isStalled { unstall(i) }
        tcp.free(i)
    }

    // MARK: TIME-WAIT

    private mutating func beginTimeWait(_ i: Int, now: Instant) {
        let connection = tcp[i]
        tcp.timeWaits.insert(
            TimeWaitRecord(
                local: connection.value.local, remote: connection.value.remote,
                sendNext: connection.value.sender.next, receiveNext: connection.value.receiver.next,
                window: connection.value.receiver.windowField(limit: receiveLimit(connection.value.receiver.held)),
                recentTimestamp: connection.value.usesTimestamps ? connection.value.receiver.recentTimestamp : nil,
                timestampOffset: connection.value.timestampOffset, ends: now + TCPTime.timeWait),
            &timers)
        connection.value.state = .timeWait
        connection.value.stopTimers()
        end(i)
    }

    private mutating func arriveWithoutConnection(
        _ segment: TCPSegment, _ payload: consuming Packet, _ local: Endpoint, _ remote: Endpoint, _ arrival: Arrival,
        now: Instant
    ) {
        var least: SequenceNumber?
        if let place = tcp.timeWaits.find(local, remote) {
            guard reopens(tcp.timeWaits[place], segment) else {
                return arriveInTimeWait(place, segment, now: now)
            }
            least = tcp.timeWaits[place].sendNext
            tcp.timeWaits.remove(place, &timers)
        }
        if let place = tcp.halfOpen.find(local, remote) {
            return arriveHalfOpen(place, segment, payload, arrival, now: now)
        }
        if let listener = tcp.findListener(local), !segment.flags.contains(.rst) {
            return arriveAtListener(listener, segment, payload, local, remote, above: least, arrival, now: now)
        }
        if !segment.flags.contains(.rst) { drop(.tcpNoConnection, at: arrival.interface) }
        sendReset(segment.refusal, from: local, to: remote, now: now)
    }

    /// RFC 6191: a SYN that cannot be of the old connection opens a new one, where there is a listener.
    private func reopens(_ record: TimeWaitRecord, _ segment: TCPSegment) -> Bool {
        guard segment.flags.intersection([.syn, .ack, .rst]) == .syn, tcp.findListener(record.local) != nil else {
            return false
        }
        if let old = record.recentTimestamp, let new = segment.options.timestamp {
            let distance = Int32(bitPattern: new.value &- old)
            if distance != 0 { return distance > 0 }
        }
        return segment.header.sequence > record.receiveNext
    }

    /// RFC 9293, 3.10.7.4; a RST ends nothing here (RFC 1337).
    private mutating func arriveInTimeWait(_ place: Int, _ segment: TCPSegment, now: Instant) {
        let isFromPeer = !segment.flags.isDisjoint(with: [.ack, .syn])
        guard !segment.flags.contains(.rst), isFromPeer else { return }
        let record = tcp.timeWaits[place]
        if segment.flags.contains(.fin) { tcp.timeWaits.restart(place, now: now, &timers) }
        guard
            segment.length > 0 || segment.header.sequence != record.receiveNext
                || segment.header.acknowledgment > record.sendNext,
            tcp.challengeLimiter.allows(now: now)
        else { return }
        var options = TCPOptions()
        if let recent = record.recentTimestamp {
            let clock = timestampClock(now, from: record.timestampOffset)
            options.timestamp = TCPTimestamp(value: clock, echo: recent)
        }
        sendBare(
            TCPHeader(
                sourcePort: record.local.port, destinationPort: record.remote.port, sequence: record.sendNext,
                acknowledgment: record.receiveNext, flags: .ack, window: record.window),
            options, from: record.local.address, to: record.remote.address, now: now)
    }
}
