// Datagrams in pieces (RFC 791, 3.2; RFC 1122, 3.3.2 and 3.3.3): cutting what is too large for the way, and handing on
// what was put together.

import Storage

extension NetStack where Device: ~Copyable {
    /// The most bytes after the IPv4 header that a datagram can have.
    static var payloadLimit: Int { 65_535 - IPv4Header.leastByteCount }

    // MARK: Out

    /// Sends a datagram that is larger than the way takes. Parts of a train become fragments without a copy, as many of
    /// them in one as fit.
    @inline(never)
    mutating func outputFragments(_ packet: consuming Packet, _ envelope: Envelope, by route: Route, now: Instant) {
        packet.completeChecksum()  // no card can: it sees the pieces only
        if let neighbour = unknownNeighbour(route, to: envelope.destination, now: now) {
            // It waits for the neighbour's answer as a whole, and is cut when it leaves.
            prependIPv4(&packet, payloadCount: packet.totalCount, envelope, identification: 0)
            return send(packet, toNeighbour: neighbour, at: route.interface, now: now)
        }
        let limit = (mtu(of: route, to: IPAddress(envelope.destination)) - IPv4Header.leastByteCount) & ~7
        let identification = identifications.next(for: envelope.destination)
        var parts = PacketQueue(partsOf: packet)
        var fragments = PacketQueue()
        var offset = 0
        while !parts.isEmpty {
            guard var fragment = nextFragment(of: &parts, limit: limit, at: route.interface) else { return }
            let count = fragment.totalCount
            let flags = UInt16(truncatingIfNeeded: offset / 8) | (parts.isEmpty ? 0 : 0x2000)
            guard
                prependIPv4(
                    &fragment, payloadCount: count, envelope, identification: identification, fragment: flags)
            else {
                return drop(.tooLarge, at: route.interface)
            }
            fragments.append(fragment)
            offset += count
        }
        while let fragment = fragments.removeFirst() {
            forward(fragment, to: envelope.destination, by: route, now: now)
        }
    }

    /// The neighbour on this way whose Ethernet address is still to be asked for; nil: there is none.
    private func unknownNeighbour(_ route: Route, to destination: IPv4Address, now: Instant) -> IPAddress? {
        let address: IPAddress
        switch route.hop {
        case .station: return nil
        case .line(let line): address = routes.gateway(line)
        case .neighbour:
            guard !route.interface.isLoopback, !destination.isMulticast,
                !interfaces[route.interface.place].isBroadcast(destination)
            else { return nil }
            address = IPAddress(destination)
        }
        switch neighbours.resolve(address, on: route.interface, now: now) {
        case .unknown, .waits: return address
        default: return nil
        }
    }

    /// Sends a packet with its IPv4 header that has waited for a neighbour.
    mutating func sendWaited(_ packet: consuming Packet, to hardware: EthernetAddress, at i: InterfaceID, now: Instant)
    {
        let destination = IPv4Address(bits: packet.bytes.be32(16))
        let route = Route(interface: i, hop: .station(hardware))
        guard packet.totalCount > mtu(of: route, to: IPAddress(destination)),
            let header = try? IPv4Header(parsing: packet.bytes, frameCount: packet.totalCount)
        else { return transmit(packet, to: hardware, type: EtherType.ipv4, at: i, now: now) }
        packet.trimFront(header.headerLength)
        output(
            packet,
            Envelope(
                protocolNumber: header.protocolNumber, source: header.source, destination: destination,
                timeToLive: header.timeToLive), by: route, now: now)
    }

    /// Takes what goes into one fragment: at most `limit` bytes, and a multiple of 8 unless it is the last. nil, and
    /// counted, when there is no packet for a copy.
    private mutating func nextFragment(of parts: inout PacketQueue, limit: Int, at id: InterfaceID) -> Packet? {
        guard var piece = parts.removeFirst() else { return nil }
        var count = piece.count
        guard count <= limit else {
            guard var front = pool.take(piece.share == .own ? .own : .sending),
                front.copyIn(piece, limit: limit) == limit, piece.trimFront(limit)
            else {
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

    // MARK: In

    /// Takes a fragment from what follows its IPv4 header.
    mutating func inputFragment(_ packet: consuming Packet, _ header: IPv4Header, _ arrival: Arrival, now: Instant) {
        let outcome = reassembly.add(packet, header, at: arrival.interface, now: now, &timers)
        for place in 0..<interfaceCount {
            let evicted = reassembly.takeEvicted(InterfaceID(place: place))
            if evicted > 0 { interfaces[place].counters.count(.ipReassemblyEvicted, evicted) }
        }
        switch consume outcome {
        case .waiting: return
        case .refused(let reason, let count):
            interfaces[arrival.interface.place].counters.count(reason, count)
        case .complete(let packet, let first):
            interfaces[arrival.interface.place].counters.joined &+= UInt64(reassembly.joined)
            var whole = first
            whole.fragment = 0
            whole.totalLength = whole.headerLength + packet.totalCount
            inputTransport(packet, whole, arrival, now: now)
        }
    }

    /// Gives up a datagram whose time is over, and sends its sender an error (RFC 1122, 3.3.2).
    mutating func reassemblyTimer(_ slot: Int, now: Instant) {
        guard var expired = reassembly.expire(slot) else { return }
        interfaces[expired.interface.place].counters.count(.ipReassemblyTimedOut, expired.count)
        guard let first = expired.first.take() else { return }  // without fragment zero no error is sent
        let arrival = Arrival(station: .zero, interface: expired.interface, isToGroup: false)
        sendError(.reassemblyTimeExceeded, about: first, expired.header, arrival, now: now)
    }
}
