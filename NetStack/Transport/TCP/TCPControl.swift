// Segments without payload: acknowledgments, probes, SYN, FIN and RST; and what stands in every header.

import Storage

extension NetStack where Device: ~Copyable {
    /// Sends a segment without payload. False when there is no packet for it, or no way.
    @discardableResult
    mutating func sendBare(
        _ header: TCPHeader, _ options: TCPOptions, from source: IPAddress, to destination: IPAddress,
        timeToLive: UInt8 = 64, now: Instant
    ) -> Bool {
        guard let route = route(to: destination), var packet = packetToSend() ?? pool.take(.own),
            packet.resize(to: TCPLimit.segmentHeadroom), packet.trimFront(TCPLimit.segmentHeadroom)
        else { return false }
        tcp.counters.segmentsOut &+= 1
        emit(packet, header, options, 0, from: source, to: destination, timeToLive, by: route, now: now)
        return true
    }

    mutating func sendAcknowledgment(_ i: Int, now: Instant) {
        let connection = tcp[i]
        var options = connection.value.options(now: now)
        if connection.value.sender.recovery.usesSACK { connection.value.receiver.addBlocks(to: &options) }
        let header = connection.value.header(
            connection.value.sender.next, .ack, limit: receiveLimit(connection.value.receiver.held))
        if sendBare(
            header, options, from: connection.value.local.address, to: connection.value.remote.address,
            timeToLive: connection.value.options.timeToLive, now: now)
        {
            connection.value.acknowledged()
        } else {
            connection.value.receiver.ackTimer = now + TCPTime.delayedAck  // a little later, then
            connection.value.receiver.owesAck = false
        }
    }

    /// An ACK for a number before the window: the peer has to say where it stands (RFC 9293, 3.8.4 and 3.8.6.1).
    mutating func sendProbe(_ i: Int, now: Instant) {
        let connection = tcp[i]
        let header = connection.value.header(
            connection.value.sender.unacknowledged + -1, .ack, limit: receiveLimit(connection.value.receiver.held))
        sendBare(
            header, connection.value.options(now: now), from: connection.value.local.address,
            to: connection.value.remote.address, timeToLive: connection.value.options.timeToLive, now: now)
    }

    mutating func sendFIN(_ i: Int, now: Instant) -> Bool {
        let connection = tcp[i]
        let header = connection.value.header(
            connection.value.sender.end, [.fin, .ack], limit: receiveLimit(connection.value.receiver.held))
        guard
            sendBare(
                header, connection.value.options(now: now), from: connection.value.local.address,
                to: connection.value.remote.address, timeToLive: connection.value.options.timeToLive, now: now)
        else { return false }
        if connection.value.sender.isFINSent { connection.value.retransmissions &+= 1 }
        connection.value.sender.sendingFIN(now: now)
        connection.value.acknowledged()
        return true
    }

    /// Sends the SYN, or in SYN-RECEIVED the SYN and ACK, and sets the timer for the next one.
    mutating func sendSYN(_ i: Int, now: Instant) {
        let connection = tcp[i]
        let isAnswer = connection.value.state == .synReceived
        var flags: TCPFlags = isAnswer ? [.syn, .ack] : .syn
        // After a second SYN: something on the way may not know ECN (RFC 3168, 6.1.1.1).
        if connection.value.usesECN, connection.value.attempts < 2 {
            flags.insert(.ece)
            if !isAnswer { flags.insert(.cwr) }
        } else {
            connection.value.usesECN = false
        }
        var header = connection.value.header(
            connection.value.sender.initial, flags, limit: receiveLimit(connection.value.receiver.held))
        header.window = firstWindow(connection.value.receiver.bufferLimit)
        if !isAnswer { header.acknowledgment = SequenceNumber(0) }
        sendBare(
            header, connection.value.synOptions(isAnswer: isAnswer, now: now), from: connection.value.local.address,
            to: connection.value.remote.address, timeToLive: connection.value.options.timeToLive, now: now)
        connection.value.sender.next = connection.value.sender.initial + 1
        connection.value.sender.lastSent = now
        connection.value.attempts += 1
        connection.value.receiver.owesAck = false
        connection.value.sender.timerKind = .timeout
        connection.value.sender.timer =
            now + TCPTime.firstTimeout * (1 << UInt64(min(connection.value.attempts - 1, 6)))
        // Of a SYN alone the peer's number is not known yet: `start` moves the window there.
        connection.value.receiver.edge = connection.value.receiver.next + Int(header.window)
    }

    /// The window of a SYN and of its answer, in bytes: what there is room for, and one segment though there is none. A
    /// peer that is told of none sends nothing, and where its ACK was dropped no record is left that would tell it later.
    func firstWindow(_ bufferLimit: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: min(65_535, bufferLimit, max(receiveLimit(0), TCPLimit.greatestSegment)))
    }

    /// Sends a RST in answer to a segment.
    mutating func sendReset(_ reply: TCPReply, from local: Endpoint, to remote: Endpoint, now: Instant) {
        var header = TCPHeader(
            sourcePort: local.port, destinationPort: remote.port, sequence: SequenceNumber(0),
            acknowledgment: SequenceNumber(0), flags: .rst, window: 0)
        switch reply {
        case .reset(let number): header.sequence = number
        case .resetAcknowledging(let number):
            header.acknowledgment = number
            header.flags = [.rst, .ack]
        default: return
        }
        tcp.counters.resetsSent &+= 1
        sendBare(header, TCPOptions(), from: local.address, to: remote.address, now: now)
    }
}

extension TCPConnection {
    /// The header of a segment of this connection's, without options.
    mutating func header(_ sequence: SequenceNumber, _ flags: TCPFlags, limit: Int) -> TCPHeader {
        TCPHeader(
            sourcePort: local.port, destinationPort: remote.port, sequence: sequence, acknowledgment: receiver.next,
            flags: receiver.isMarked ? flags.union(.ece) : flags, window: receiver.windowField(limit: limit))
    }

    func options(now: Instant) -> TCPOptions {
        var options = TCPOptions()
        if usesTimestamps {
            options.timestamp = TCPTimestamp(value: clock(now), echo: receiver.recentTimestamp)
        }
        return options
    }

    /// What a SYN offers; an answer offers what the peer's did.
    func synOptions(isAnswer: Bool, now: Instant) -> TCPOptions {
        var options = TCPOptions()
        options.maximumSegmentSize = announcedSegment
        if !isAnswer || sender.recovery.usesSACK { options.allowsSACK = true }
        if !isAnswer || receiver.windowShift > 0 || sender.windowShift > 0 {
            options.windowScale = receiver.windowShift
        }
        if !isAnswer || usesTimestamps {
            options.timestamp = TCPTimestamp(value: clock(now), echo: isAnswer ? receiver.recentTimestamp : 0)
        }
        return options
    }

    /// A segment with an ACK went out.
    mutating func acknowledged() {
        receiver.owesAck = false
        receiver.ackTimer = .never
        receiver.unacknowledged = 0
        receiver.lastAcknowledged = receiver.next
    }
}
