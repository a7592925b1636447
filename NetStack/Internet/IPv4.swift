// IPv4: the checks of a received packet (RFC 1122, 3.2.1), and sending.

import Storage

extension NetStack where Device: ~Copyable {
    /// Takes a packet from its IPv4 header on; what follows the datagram is padding.
    /// A low TTL is no reason for a host to drop a packet (RFC 1122, 3.2.1.7).
    @inline(never)
    mutating func inputIPv4(_ packet: consuming Packet, _ link: Arrival, now: Instant) {
        let header: IPv4Header
        do { header = try IPv4Header(parsing: packet.bytes, frameCount: packet.totalCount) } catch {
            return drop(Self.reason(error), at: link.interface)
        }
        var arrival = link
        if link.interface.isLoopback {
            arrival.isToGroup = header.destination.isMulticast
        } else if let reason = check(header, &arrival) {
            return drop(reason, at: link.interface)
        }
        if header.headerLength > IPv4Header.leastByteCount, IPv4Options(packet.bytes, header) == nil {
            return drop(.ipBadOption, at: link.interface)
        }
        packet.truncate(to: header.totalLength)
        packet.trimFront(header.headerLength)
        guard !header.isFragment else { return inputFragment(packet, header, arrival, now: now) }
        inputTransport(packet, header, arrival, now: now)
    }

    /// Takes a whole datagram from what follows its IPv4 header, whose bytes still stand in front.
    @inline(never)
    mutating func inputTransport(_ packet: consuming Packet, _ header: IPv4Header, _ arrival: Arrival, now: Instant) {
        switch header.protocolNumber {
        case IPProtocol.udp: inputUDP(packet, header, arrival, now: now)
        case IPProtocol.tcp where !arrival.isUnclaimed: inputTCP(packet, header, arrival, now: now)
        case _ where arrival.isUnclaimed: dropUnclaimed(header, at: arrival.interface)
        case IPProtocol.icmp: inputICMP(packet, header, arrival, now: now)
        case IPProtocol.igmp: inputIGMP(packet, at: arrival.interface, now: now)
        default:
            drop(.ipUnknownProtocol, at: arrival.interface)
            if !arrival.isToGroup { sendError(.protocolUnreachable, about: packet, header, arrival, now: now) }
        }
    }

    static func reason(_ error: IPv4HeaderError) -> DropReason {
        switch error {
        case .tooShort: .ipTooShort
        case .badVersion: .ipBadVersion
        case .badHeaderLength: .ipBadHeaderLength
        case .badTotalLength: .ipBadTotalLength
        case .badChecksum: .ipBadChecksum
        }
    }

    /// Looks whether the addresses are right for us, and notes whether the packet is to others too. Returns why it is
    /// dropped; nil: it is not.
    @inline(__always)
    private func check(_ header: IPv4Header, _ arrival: inout Arrival) -> DropReason? {
        let interface = interfaces.ref(arrival.interface.place)
        guard interface.value.hasAddress, isPossibleSource(header.source, at: interface) else {
            return refuse(header, &arrival)
        }
        if header.destination == interface.value.address {
            return arrival.isToGroup ? .ipUnicastInBroadcastFrame : nil  // RFC 1122, 3.3.6
        }
        guard header.destination.isMulticast || interface.value.isBroadcast(header.destination) else {
            return refuse(header, &arrival)
        }
        arrival.isToGroup = true
        return nil
    }

    @inline(__always)
    private func isPossibleSource(_ source: IPv4Address, at interface: Ref<NetworkInterface>) -> Bool {
        source.isUnicast && source != interface.value.address && !interface.value.isBroadcast(source)
    }

    /// Lets a datagram through, for the DHCP client alone, that is not for an address of ours.
    @inline(never)
    private func refuse(_ header: IPv4Header, _ arrival: inout Arrival) -> DropReason? {
        guard interfaces[arrival.interface.place].dhcp.awaitsReply, header.protocolNumber == IPProtocol.udp,
            header.source.isUnicast
        else {
            return reasonOfRefusal(header, at: arrival.interface)
        }
        arrival.isUnclaimed = true
        return nil
    }

    private func reasonOfRefusal(_ header: IPv4Header, at id: InterfaceID) -> DropReason {
        guard interfaces[id.place].hasAddress else { return .noInterfaceAddress }
        return isPossibleSource(header.source, at: interfaces.ref(id.place)) ? .ipNotForUs : .ipBadSource
    }

    /// Drops what `refuse` let through and the DHCP client does not want.
    mutating func dropUnclaimed(_ header: IPv4Header, at id: InterfaceID) {
        drop(reasonOfRefusal(header, at: id), at: id)
    }

    // MARK: Out

    /// What is the same in all fragments of a datagram that we send.
    struct Envelope {
        var protocolNumber: UInt8
        var source: IPv4Address
        var destination: IPv4Address
        var timeToLive: UInt8 = 64
        var typeOfService: UInt8 = 0
        /// Routers do not cut the packet (RFC 1191).
        var dontFragment = false
    }

    /// Puts the header in front of a payload; false without the room.
    @inline(__always) @discardableResult
    mutating func prependIPv4(
        _ packet: inout Packet, payloadCount: Int, _ envelope: Envelope, identification: UInt16, fragment: UInt16 = 0
    ) -> Bool {
        guard packet.prepend(IPv4Header.leastByteCount) else { return false }
        var bytes = packet.mutableBytes
        IPv4Header(
            payloadCount: payloadCount, identification: identification,
            fragment: envelope.dontFragment ? fragment | 0x4000 : fragment,
            timeToLive: envelope.timeToLive,
            protocolNumber: envelope.protocolNumber, source: envelope.source, destination: envelope.destination,
            typeOfService: envelope.typeOfService
        ).emit(to: &bytes)
        return true
    }

    /// Puts the header in front of a payload and sends it, in fragments when the way is too narrow.
    @inline(never)
    mutating func output(_ payload: consuming Packet, _ envelope: Envelope, by route: Route, now: Instant) {
        let payloadCount = payload.totalCount
        guard payloadCount + IPv4Header.leastByteCount <= mtu(of: route, to: IPAddress(envelope.destination)) else {
            return outputFragments(payload, envelope, by: route, now: now)
        }
        guard
            prependIPv4(
                &payload, payloadCount: payloadCount, envelope,
                identification: identifications.next(for: envelope.destination))
        else { return drop(.tooLarge, at: route.interface) }
        forward(payload, to: envelope.destination, by: route, now: now)
    }

    /// Sends a packet that has its IPv4 header.
    @inline(__always)
    mutating func forward(_ packet: consuming Packet, to destination: IPv4Address, by route: Route, now: Instant) {
        if route.interface.isLoopback { return sendToOurself(packet) }
        switch route.hop {
        case .station(let hardware): transmit(packet, to: hardware, type: EtherType.ipv4, at: route.interface, now: now)
        case .line(let line): send(packet, toNeighbour: routes.gateway(line), at: route.interface, now: now)
        case .neighbour:
            if interfaces[route.interface.place].isBroadcast(destination) {
                transmit(packet, to: .broadcast, type: EtherType.ipv4, at: route.interface, now: now)
            } else if destination.isMulticast {
                transmit(
                    packet, to: EthernetAddress(group: destination), type: EtherType.ipv4, at: route.interface, now: now
                )
            } else {
                send(packet, toNeighbour: IPAddress(destination), at: route.interface, now: now)
            }
        }
    }
}
