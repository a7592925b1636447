// Datagrams in pieces (RFC 791, 3.2; RFC 1122, 3.3.2 and 3.3.3): cutting what is too large for the way, and handing on
// what was put together.

extension NetStack where Device: ~Copyable {
    /// The most bytes after the IPv4 header that a datagram can have.
    static var payloadLimit: Int { 65_535 - IPv4Header.leastByteCount }

    // MARK: Out

    /// Sends a datagram that is larger than the way takes. Parts of a train become fragments without a copy, as many of
    /// them in one as fit.
    @inline(never)
    mutating func outputFragments(_ packet: consuming Packet, _ envelope: Envelope, by route: Route, now: Instant) {
        packet.completeChecksum()  // no card can: it sees the pieces only
        let limit = (mtu(of: route, to: IPAddress(envelope.destination)) - IPv4Header.leastByteCount) & ~7
        let identification = identifications.next(for: envelope.destination)
        var parts = PacketQueue(partsOf: packet)
        var offset = 0
        while !parts.isEmpty {
            guard let fragment = nextFragment(of: &parts, limit: limit, at: route.interface) else { return }
            let count = fragment.totalCount
            emit(fragment, envelope, identification, at: offset, isLast: parts.isEmpty, by: route, now: now)
            offset += count
        }
    }

    /// Takes what goes into one fragment: at most `limit` bytes, and a multiple of 8 unless it is the last. nil, and
    /// counted, when there is no packet for a copy.
    private mutating func nextFragment(of parts: inout PacketQueue, limit: Int, at id: InterfaceID) -> Packet? {
        guard var piece = parts.removeFirst() else { return nil }
        var count = piece.count
        guard count <= limit else {
            guard var front = pool.take(), front.copyIn(piece, limit: limit) == limit, piece.trimFront(limit) else {
                drop(.noPacket, at: id)
                return nil
            }
            parts.prepend(piece)
            return front
        }
        while let next = parts.firstCount, count + next <= limit {
            count += next
            parts.coupleFirst(behind: &piece)
        }
        guard !parts.isEmpty, count & 7 != 0 else { return piece }
        return alignEnd(of: piece, count, before: &parts, at: id)
    }

    /// Moves the bytes beyond a multiple of 8 to the front of the part that follows.
    private mutating func alignEnd(
        of piece: consuming Packet, _ count: Int, before parts: inout PacketQueue, at id: InterfaceID
    ) -> Packet? {
        let surplus = count & 7
        guard count > surplus, var next = parts.removeFirst(), next.prepend(surplus) else {
            drop(.tooLarge, at: id)
            return nil
        }
        var position = 0
        var bytes = next.mutableBytes
        piece.forEachPart { part in
            for i in 0..<part.byteCount {
                if position >= count - surplus { bytes.setByte(part.byte(i), position - (count - surplus)) }
                position += 1
            }
        }
        parts.prepend(next)
        piece.truncate(to: count - surplus)
        return piece
    }

    private mutating func emit(
        _ piece: consuming Packet, _ envelope: Envelope, _ identification: UInt16, at offset: Int, isLast: Bool,
        by route: Route,
        now: Instant
    ) {
        let fragment = UInt16(truncatingIfNeeded: offset / 8) | (isLast ? 0 : 0x2000)
        guard
            prependIPv4(
                &piece, payloadCount: piece.totalCount, envelope, identification: identification, fragment: fragment)
        else {
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
        case .complete(let packet, let first):
            var whole = first
            whole.fragment = 0
            whole.totalLength = whole.headerLength + packet.totalCount
            inputTransport(packet, whole, arrival, now: now)
        }
    }

    /// Gives up a datagram whose time is over, and sends its sender an error (RFC 1122, 3.3.2).
    mutating func reassemblyTimer(_ slot: Int, now: Instant) {
        guard var expired = reassembly.expire(slot) else { return }
        drop(.ipReassemblyTimedOut, at: expired.interface)
        guard let first = expired.first.take() else { return }  // without fragment zero no error is sent
        let arrival = Arrival(station: .zero, interface: expired.interface, isToGroup: false)
        sendError(.reassemblyTimeExceeded, about: first, expired.header, arrival, now: now)
    }
}
