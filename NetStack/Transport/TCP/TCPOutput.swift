// Segments to the network. A payload is lent to the card from the sender's queue, with all headers put in front at
// once; where that cannot be (the loopback, a neighbour that is asked for, a wire that is shown, a copy that the card
// still has) a copy goes the way of all packets.

import Storage

extension NetStack where Device: ~Copyable {
    /// Sends what a connection may send: data, a FIN, an ACK that is due.
    mutating func transmit(_ i: Int, now: Instant) {
        let connection = tcp[i]
        if connection.value.state == .synSent || connection.value.state == .synReceived {
            if connection.value.sender.timer == .never {
                sendSYN(i, now: now)
            } else if connection.value.state == .synReceived, connection.value.receiver.owesAck {
                // The peer's SYN and ACK crossed this side's: its ACK completes both.
                sendAcknowledgment(i, now: now)
            }
            return
        }
        guard connection.value.state.isSynchronized, connection.value.state != .timeWait else { return }
        if connection.value.sender.hasUnsent || connection.value.sender.recovery.lost > 0
            || connection.value.sender.isFINLost
        {
            sendQueued(i, now: now)
        }
        if connection.value.receiver.owesAck { sendAcknowledgment(i, now: now) }
        connection.value.sender.setTimer(now: now)
    }

    private mutating func sendQueued(_ i: Int, now: Instant) {
        let connection = tcp[i]
        guard let route = route(to: connection.value.remote.address) else { return }
        connection.value.sender.restartAfterIdle(now: now)
        if connection.value.sender.smallUntil <= now { connection.value.sender.growBack(now: now) }
        var isNew = false
        while true {
            if !route.interface.isLoopback, isCongested(route.interface) {
                stall(i)
                break
            }
            switch connection.value.sender.nextTransmission(pool) {
            case .segment(let segment):
                let isFresh = segment == connection.value.sender.unsent
                guard send(segment, of: i, by: route, now: now) else {
                    awaitsPackets = true
                    stall(i)
                    break
                }
                isNew = isNew || isFresh
                continue
            case .fin:
                guard sendFIN(i, now: now) else { break }
                isNew = true
                continue
            case .nothing: break
            }
            break
        }
        guard isNew else { return }
        if connection.value.unansweredSince == .never { connection.value.unansweredSince = now }
        if connection.value.sender.timer == .never || connection.value.sender.timerKind != .timeout {
            connection.value.sender.arm(now: now)
        }
    }

    // MARK: One segment

    /// Sends one segment of the queue, and those behind it that the card can cut off. False when there is no packet to
    /// copy it into.
    @discardableResult
    mutating func send(_ segment: QueuedSegment, of i: Int, by route: Route, now: Instant) -> Bool {
        let connection = tcp[i]
        let isFresh = segment == connection.value.sender.unsent
        let hardware = hardware(on: route, to: connection.value.remote.address, now: now)
        let isLarge =
            isFresh && hardware != nil && !connection.value.sender.owesCWR
            && interfaces[route.interface.place].capabilities.contains(.segmentation)
        let last = isLarge ? connection.value.sender.lastOfLargeSegment(from: segment) : segment
        var header = connection.value.header(
            segment.sequence, .ack, limit: receiveLimit(connection.value.receiver.held))
        let isEnd = last.end == connection.value.sender.end
        if last.next == nil || isEnd { header.flags.insert(.psh) }
        if isEnd, connection.value.sender.isShut { header.flags.insert(.fin) }
        if connection.value.sender.owesCWR, isFresh { header.flags.insert(.cwr) }
        let options = connection.value.options(now: now)
        let service: UInt8 = connection.value.usesECN && isFresh ? 2 : 0
        if let hardware, let lent = segment.lend(through: last) {
            transmit(lent, header, options, service, of: i, to: hardware, at: route.interface, now: now)
        } else {
            guard let copy = segment.copied(from: pool, for: .sending) else { return false }
            emit(
                copy, header, options, service, from: connection.value.local.address,
                to: connection.value.remote.address, connection.value.options.timeToLive, by: route, now: now)
        }
        if isFresh {
            connection.value.sender.owesCWR = false
        } else {
            connection.value.retransmissions &+= 1
            tcp.counters.retransmissions &+= 1
            if connection.value.sender.recovery.undo.timestamp == nil, let timestamp = options.timestamp {
                connection.value.sender.recovery.undo.timestamp = timestamp.value
            }
        }
        var next = segment
        while true {
            connection.value.sender.sending(next, now: now)
            tcp.counters.segmentsOut &+= 1
            guard next != last, let following = next.next else { break }
            next = following
        }
        connection.value.acknowledged()
        return true
    }

    /// The station that takes packets on a route, when it is known and nothing but the card is in the way.
    @inline(__always)
    private mutating func hardware(on route: Route, to destination: IPAddress, now: Instant) -> EthernetAddress? {
        guard !route.interface.isLoopback, !isCapturing else { return nil }
        let hop: IPAddress
        switch route.hop {
        case .station(let hardware): return hardware
        case .line(let line): hop = routes.gateway(line)
        case .neighbour: hop = destination
        }
        guard !interfaces[route.interface.place].isDown,
            case .known(let hardware) = neighbours.resolve(hop, on: route.interface, now: now)
        else { return nil }
        return hardware
    }

    /// Puts Ethernet, IPv4 and TCP headers in front of a payload, perhaps a train that the card cuts, and gives it to the
    /// card.
    @inline(__always)
    private mutating func transmit(
        _ payload: consuming LentPacket, _ header: TCPHeader, _ options: TCPOptions, _ service: UInt8, of i: Int,
        to station: EthernetAddress, at id: InterfaceID, now: Instant
    ) {
        let interface = interfaces.ref(id.place)
        guard let source = tcp[i].value.local.address.ipv4, let destination = tcp[i].value.remote.address.ipv4 else {
            return
        }
        var header = header
        header.headerLength = TCPHeader.leastByteCount + options.byteCount
        let isLarge = payload.hasRest, segmentSize = payload.count
        let length = header.headerLength + payload.totalCount
        let ip = IPv4Header(
            payloadCount: length, identification: identifications.next(for: destination), fragment: 0x4000,
            timeToLive: tcp[i].value.options.timeToLive, protocolNumber: IPProtocol.tcp, source: source,
            destination: destination, typeOfService: service)
        var sum = TCPHeader.pseudoHeader(source, destination, length)
        let start = EthernetHeader.byteCount + IPv4Header.leastByteCount
        let isLeftToCard = interface.value.capabilities.contains(.checksumOut)
        var payloadSum = Checksum()
        if !isLeftToCard { payloadSum.add(payload.bytes, to: payload.count) }
        let hardware = interface.value.hardware
        let fits =
            payload.prepend(header.headerLength) { bytes in
                header.emit(to: &bytes, checksum: isLeftToCard ? sum.folded : 0)
                options.emit(to: &bytes, at: TCPHeader.leastByteCount)
                guard !isLeftToCard else { return }
                sum.add(bytes.bytes, to: header.headerLength)
                sum.add(payloadSum.folded)
                bytes.setBE16(sum.value, TCPHeader.checksumOffset)
            } && payload.prepend(IPv4Header.leastByteCount) { ip.emit(to: &$0) }
            && payload.prepend(EthernetHeader.byteCount) {
                EthernetHeader(destination: station, source: hardware, type: EtherType.ipv4).emit(to: &$0)
            }
        guard fits else { return drop(.tooLarge, at: id) }
        if isLeftToCard {
            payload.offload = OffloadRequest(
                checksumStart: start, checksumOffset: TCPHeader.checksumOffset,
                segmentation: isLarge
                    ? OffloadRequest.Segmentation(
                        kind: .tcpIPv4, size: UInt16(segmentSize), headerLength: UInt8(header.headerLength)) : nil)
        }
        let count = payload.totalCount
        guard hand(payload, to: id, now: now) else { return drop(.transmitRingFull, at: id) }
        interface.value.counters.packetsOut &+= 1
        interface.value.counters.bytesOut &+= UInt64(count)
    }

    /// Puts a TCP header in front of a packet of its own and sends that.
    mutating func emit(
        _ payload: consuming Packet, _ header: TCPHeader, _ options: TCPOptions, _ service: UInt8,
        from source: IPAddress, to destination: IPAddress, _ timeToLive: UInt8, by route: Route, now: Instant
    ) {
        guard let source = source.ipv4, let destination = destination.ipv4 else { return }
        var header = header
        header.headerLength = TCPHeader.leastByteCount + options.byteCount
        guard payload.prepend(header.headerLength) else { return drop(.tooLarge, at: route.interface) }
        let sum = TCPHeader.pseudoHeader(source, destination, payload.count)
        var bytes = payload.mutableBytes
        header.emit(to: &bytes, checksum: sum.folded)
        options.emit(to: &bytes, at: TCPHeader.leastByteCount)
        payload.offload = OffloadRequest(checksumStart: 0, checksumOffset: TCPHeader.checksumOffset)
        output(
            payload,
            Envelope(
                protocolNumber: IPProtocol.tcp, source: source, destination: destination, timeToLive: timeToLive,
                typeOfService: service, dontFragment: true),
            by: route, now: now)
    }

    // MARK: Waiting for room

    /// A connection goes on when the card, or the pool, has room.
    mutating func stall(_ i: Int) {
        let connection = tcp[i]
        guard !connection.value.isStalled else { return }
        connection.value.isStalled = true
        connection.value.nextStalled = tcp.firstStalled
        tcp.firstStalled = Int16(truncatingIfNeeded: i)
    }

    mutating func unstall(_ i: Int) {
        let connection = tcp[i]
        connection.value.isStalled = false
        var at = Int(tcp.firstStalled)
        if at == i {
            tcp.firstStalled = connection.value.nextStalled
            return
        }
        while at >= 0 {
            let next = Int(tcp[at].value.nextStalled)
            if next == i { tcp[at].value.nextStalled = connection.value.nextStalled }
            at = next
        }
    }

    /// Cards have sent something: connections that waited for room go on.
    mutating func resumeStalled(now: Instant) {
        var i = Int(tcp.firstStalled)
        tcp.firstStalled = -1
        while i >= 0 {
            let connection = tcp[i]
            let next = Int(connection.value.nextStalled)
            connection.value.isStalled = false
            if connection.value.awaitsPackets {
                if findsPackets(for: i) {
                    connection.value.awaitsPackets = false
                    connection.value.events.insert(.changed)
                } else {
                    stall(i)
                }
            }
            settle(i, now: now)
            i = next
        }
    }

    /// What a connection that holds so many buffers may be told that there is room for, in bytes: what the pool's share
    /// would give it now (ReceiveShare), in packets that are not all full.
    func receiveLimit(_ held: Int) -> Int { sockets.share.room(held: held) * 1024 }
}
