// Datagrams in pieces (RFC 791, 3.2; RFC 1122, 3.3.2 and 3.3.3): cutting what is too large for the way, and handing on what was put together.

extension NetStack where Device: ~Copyable {
    /// The most bytes after the IPv4 header that a datagram can have.
    static var payloadLimit: Int { 65_535 - IPv4Header.leastByteCount }

    // MARK: Out

    /// Sends a datagram whose payload lies in several packets: each becomes a fragment, or several where the way is narrower.
    /// All but the last must hold a multiple of 8 bytes.
    mutating func output(_ pieces: consuming PacketQueue, _ envelope: Envelope, by route: Route, now: Instant) {
        let limit = (mtu(of: route, to: IPAddress(envelope.destination)) - IPv4Header.leastByteCount) & ~7
        let identification = nextIdentification()
        var offset = 0
        while var piece = pieces.removeFirst() {
            while piece.count > limit {
                guard var front = pool.take(), front.resize(to: limit) else { return drop(.noPacket, at: route.interface) }
                front.firstByte.copyMemory(from: piece.firstByte, byteCount: limit)
                piece.trimFront(limit)
                emit(front, envelope, identification, at: offset, isLast: false, by: route, now: now)
                offset += limit
            }
            let count = piece.count
            emit(piece, envelope, identification, at: offset, isLast: pieces.isEmpty, by: route, now: now)
            offset += count
        }
    }

    private mutating func emit(
        _ piece: consuming Packet, _ envelope: Envelope, _ identification: UInt16, at offset: Int, isLast: Bool, by route: Route,
        now: Instant
    ) {
        let fragment = UInt16(truncatingIfNeeded: offset / 8) | (isLast ? 0 : 0x2000)
        guard prependIPv4(&piece, envelope, identification: identification, fragment: fragment) else {
            return drop(.tooLarge, at: route.interface)
        }
        forward(piece, to: envelope.destination, by: route, now: now)
    }

    // MARK: In

    /// Takes a fragment from what follows its IPv4 header.
    mutating func inputFragment(_ packet: consuming Packet, _ header: IPv4Header, _ arrival: Arrival, now: Instant) {
        switch reassembly.add(packet, header, at: arrival.interface, now: now, &timers) {
        case .waiting: return
        case .refused(let reason): return drop(reason, at: arrival.interface)
        case .complete(var pieces, let first):
            let byteCount = pieces.byteCount
            var whole = first
            whole.fragment = 0
            whole.totalLength = whole.headerLength + byteCount
            guard let packet = joined(&pieces, byteCount, &whole) else {
                return inputTransport(pieces, whole, arrival, now: now)
            }
            inputTransport(packet, whole, arrival, now: now)
        }
    }

    /// Copies pieces that fit into one packet, behind the header that a whole datagram would have had, which an ICMP error quotes.
    /// nil when they do not fit, or no packet is free.
    private func joined(_ pieces: inout PacketQueue, _ byteCount: Int, _ header: inout IPv4Header) -> Packet? {
        let total = IPv4Header.leastByteCount + byteCount
        guard total <= Packet.capacity, var packet = pool.take(), packet.resize(to: total) else { return nil }
        header.headerLength = IPv4Header.leastByteCount
        header.totalLength = total
        var bytes = packet.mutableBytes
        header.emit(to: &bytes)
        var end = header.headerLength
        while let piece = pieces.removeFirst() {
            (packet.firstByte + end).copyMemory(from: piece.firstByte, byteCount: piece.count)
            end += piece.count
        }
        packet.trimFront(header.headerLength)
        return packet
    }

    /// Takes a whole datagram that is too large for one packet.
    private mutating func inputTransport(
        _ pieces: consuming PacketQueue, _ header: IPv4Header, _ arrival: Arrival, now: Instant
    ) {
        switch header.protocolNumber {
        case _ where arrival.isUnclaimed: dropUnclaimed(header, at: arrival.interface)
        case IPProtocol.icmp: inputICMP(pieces, header, arrival, now: now)
        case IPProtocol.udp: inputUDP(pieces, header, arrival, now: now)
        default: drop(.ipUnknownProtocol, at: arrival.interface)
        }
    }

    /// Gives up a datagram whose time is over, and tells its sender (RFC 1122, 3.3.2).
    mutating func reassemblyTimer(_ slot: Int, now: Instant) {
        guard var expired = reassembly.expire(slot) else { return }
        drop(.ipReassemblyTimedOut, at: expired.interface)
        guard let first = expired.first.take() else { return }  // without fragment zero no error is sent
        let arrival = Arrival(station: .zero, interface: expired.interface, isToGroup: false)
        sendError(.reassemblyTimeExceeded, about: first, expired.header, arrival, now: now)
    }
}
