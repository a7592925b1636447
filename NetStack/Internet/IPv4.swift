// IPv4: what a host checks before it believes a packet (RFC 1122, 3.2.1), and sending.

extension NetStack where Device: ~Copyable {
    /// Takes a packet from its IPv4 header on; what follows the datagram is padding.
    /// A low TTL is no reason for a host to drop a packet (RFC 1122, 3.2.1.7).
    @inline(never)
    mutating func inputIPv4(_ packet: consuming Packet, at i: Int, wasBroadcast: Bool, now: Instant) {
        let header: IPv4Header
        do { header = try IPv4Header(parsing: packet.bytes, frameCount: packet.totalCount) } catch { return drop(Self.reason(error), at: i) }
        guard let toGroup = accepts(header, at: i) else { return refuse(packet, header, at: i, now: now) }
        guard toGroup || !wasBroadcast else { return drop(.ipUnicastInBroadcastFrame, at: i) }  // RFC 1122, 3.3.6
        packet.truncate(to: header.totalLength)
        packet.trimFront(header.headerLength)  // options are not looked at
        guard !header.isFragment else { return inputFragment(packet, header, at: i, toGroup: toGroup, now: now) }
        inputTransport(packet, header, at: i, toGroup: toGroup, now: now)
    }

    /// Takes a whole datagram from what follows its IPv4 header, whose bytes still stand in front.
    @inline(never)
    mutating func inputTransport(_ packet: consuming Packet, _ header: IPv4Header, at i: Int, toGroup: Bool, now: Instant) {
        switch header.protocolNumber {
        case IPProtocol.icmp: inputICMP(packet, header, at: i, toGroup: toGroup, now: now)
        case IPProtocol.udp: inputUDP(packet, header, at: i, toGroup: toGroup, now: now)
        default:
            drop(.ipUnknownProtocol, at: i)
            if !toGroup { sendError(.protocolUnreachable, about: packet, header, now: now) }
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

    /// Whether the addresses are right for us: true when to us and others, false when to us alone; nil when not.
    @inline(__always)
    private func accepts(_ header: IPv4Header, at i: Int) -> Bool? {
        if i == Self.loopbackIndex { return false }
        guard table[i].hasAddress, isPossibleSource(header.source, at: i) else { return nil }
        if header.destination == table[i].address { return false }
        return header.destination.isMulticast || table[i].isBroadcast(header.destination) ? true : nil
    }

    @inline(__always)
    private func isPossibleSource(_ source: IPv4Address, at i: Int) -> Bool {
        source.isUnicast && source != table[i].address && !table[i].isBroadcast(source)
    }

    /// What `accepts` turned away: for the DHCP client, or dropped.
    private mutating func refuse(_ packet: consuming Packet, _ header: IPv4Header, at i: Int, now: Instant) {
        if mayBeDHCP(header, at: i) {
            packet.truncate(to: header.totalLength)
            packet.trimFront(header.headerLength)
            guard let udp = UDPHeader(parsing: packet.bytes, source: header.source, destination: header.destination) else {
                return drop(.udpMalformed, at: i)
            }
            if udp.destinationPort == DHCPPort.client { return inputDHCP(packet, udp, header, at: i, now: now) }
        }
        if !table[i].hasAddress { return drop(.noInterfaceAddress, at: i) }
        drop(isPossibleSource(header.source, at: i) ? .ipNotForUs : .ipBadSource, at: i)
    }

    // MARK: Out

    /// What is the same in all fragments of a datagram that we send.
    struct Envelope {
        var protocolNumber: UInt8
        var source: IPv4Address
        var destination: IPv4Address
        var timeToLive: UInt8 = 64
    }

    mutating func nextIdentification() -> UInt16 {
        identification &+= 1
        return identification
    }

    /// Puts the header in front of a payload; false without the room.
    @inline(__always) @discardableResult
    mutating func prependIPv4(_ packet: inout Packet, payloadCount: Int, _ envelope: Envelope, identification: UInt16, fragment: UInt16 = 0) -> Bool {
        guard packet.prepend(IPv4Header.leastByteCount) else { return false }
        var bytes = packet.mutableBytes
        IPv4Header(
            payloadCount: payloadCount, identification: identification, fragment: fragment, timeToLive: envelope.timeToLive,
            protocolNumber: envelope.protocolNumber, source: envelope.source, destination: envelope.destination
        ).emit(to: &bytes)
        return true
    }

    /// Puts the header in front of a payload and sends it, in fragments when the way is too narrow.
    @inline(never)
    mutating func output(_ payload: consuming Packet, _ envelope: Envelope, by route: Route, now: Instant) {
        let payloadCount = payload.totalCount
        guard payloadCount + IPv4Header.leastByteCount <= mtu(of: route, to: envelope.destination) else {
            return outputFragments(payload, envelope, by: route, now: now)
        }
        guard prependIPv4(&payload, payloadCount: payloadCount, envelope, identification: nextIdentification()) else {
            return drop(.tooLarge, at: Self.loopbackIndex)
        }
        forward(payload, by: route, now: now)
    }

    /// Sends a packet that has its IPv4 header.
    @inline(__always)
    mutating func forward(_ packet: consuming Packet, by route: Route, now: Instant) {
        switch route {
        case .loopback:
            guard loopback.count < Self.loopbackLimit else { return drop(.loopbackFull, at: Self.loopbackIndex) }
            loopbackCounters.packetsOut &+= 1
            loopbackCounters.bytesOut &+= UInt64(packet.totalCount)
            packet.isChecksumVerified = true  // it never is on a wire
            loopback.append(packet)
        case .interface(let i, let nextHop): table[i].send(packet, to: nextHop, pool: pool, now: now)
        }
    }
}
