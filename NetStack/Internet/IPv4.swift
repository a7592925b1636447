// IPv4: what a host checks before it believes a packet (RFC 1122, 3.2.1), where packets go, and sending.

/// Where a packet goes next.
enum Route {
    case loopback
    case interface(Int, nextHop: IPv4Address)
}

extension NetStack where Device: ~Copyable {
    /// Takes a packet from its IPv4 header on; what follows the datagram is padding.
    /// A low TTL is no reason for a host to drop a packet (RFC 1122, 3.2.1.7).
    @inline(__always)
    mutating func inputIPv4(_ packet: consuming Packet, at i: Int, wasBroadcast: Bool, now: UInt64) {
        let header: IPv4Header
        do { header = try IPv4Header(parsing: packet.bytes) } catch { return drop(Self.reason(error), at: i) }
        guard let toGroup = accepts(header, at: i) else { return refuse(packet, header, at: i, now: now) }
        guard toGroup || !wasBroadcast else { return drop(.ipUnicastInBroadcastFrame, at: i) }  // RFC 1122, 3.3.6
        guard !header.isFragment else { return drop(.ipFragment, at: i) }
        packet.resize(to: header.totalLength)
        packet.trimFront(header.headerLength)  // options are not looked at
        switch header.protocolNumber {
        case IPProtocol.icmp: inputICMP(packet, header, at: i, toGroup: toGroup, now: now)
        case IPProtocol.udp: inputUDP(packet, header, at: i, toGroup: toGroup, now: now)
        default:
            drop(.ipUnknownProtocol, at: i)
            if !toGroup { sendUnreachable(ICMPCode.protocolUnreachable, about: packet, header, now: now) }
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
    private mutating func accepts(_ header: IPv4Header, at i: Int) -> Bool? {
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
    private mutating func refuse(_ packet: consuming Packet, _ header: IPv4Header, at i: Int, now: UInt64) {
        if mayBeDHCP(header, at: i) {
            packet.resize(to: header.totalLength)
            packet.trimFront(header.headerLength)
            guard let udp = UDPHeader(parsing: packet.bytes, source: header.source, destination: header.destination) else {
                return drop(.udpMalformed, at: i)
            }
            if udp.destinationPort == DHCPPort.client { return inputDHCP(packet, udp, header, at: i, now: now) }
        }
        if !table[i].hasAddress { return drop(.noInterfaceAddress, at: i) }
        drop(isPossibleSource(header.source, at: i) ? .ipNotForUs : .ipBadSource, at: i)
    }

    /// Whether this is one of our own addresses.
    @inline(__always)
    func isOwn(_ address: IPv4Address) -> Bool {
        if address.isLoopback { return true }
        for i in 0..<interfaceCount where table[i].hasAddress && table[i].address == address { return true }
        return false
    }

    /// Our own address, a network we are on, or else a gateway; nil when there is none. The limited broadcast goes out by the
    /// first interface that has an address.
    @inline(__always)
    func route(to destination: IPv4Address) -> Route? {
        if isOwn(destination) { return .loopback }
        for i in 0..<interfaceCount
        where table[i].isDirect(destination) || (destination.isBroadcast && table[i].hasAddress) { return .interface(i, nextHop: destination) }
        for i in 0..<interfaceCount where table[i].hasAddress {
            if let gateway = table[i].gateway { return .interface(i, nextHop: gateway) }
        }
        return nil
    }

    /// Our address on the way there.
    func sourceAddress(for route: Route, to destination: IPv4Address) -> IPv4Address {
        switch route {
        case .loopback: destination
        case .interface(let i, _): table[i].address
        }
    }

    /// Puts the header in front of a payload; false without the room.
    @inline(__always) @discardableResult
    mutating func prependIPv4(
        _ packet: inout Packet, _ protocolNumber: UInt8, from source: IPv4Address, to destination: IPv4Address
    ) -> Bool {
        let payloadCount = packet.count
        guard packet.prepend(IPv4Header.leastByteCount) else { return false }
        identification &+= 1
        var bytes = packet.mutableBytes
        IPv4Header(
            payloadCount: payloadCount, identification: identification, protocolNumber: protocolNumber,
            source: source, destination: destination
        ).emit(to: &bytes)
        return true
    }

    /// Puts the header in front of a payload and sends it.
    @inline(__always)
    mutating func output(
        _ packet: consuming Packet, _ protocolNumber: UInt8, from source: IPv4Address, to destination: IPv4Address,
        by route: Route, now: UInt64
    ) {
        guard prependIPv4(&packet, protocolNumber, from: source, to: destination) else {
            return drop(.tooLarge, at: Self.loopbackIndex)
        }
        switch route {
        case .loopback:
            guard loopback.count < Self.loopbackLimit else { return drop(.loopbackFull, at: Self.loopbackIndex) }
            loopbackCounters.packetsOut &+= 1
            loopbackCounters.bytesOut &+= UInt64(packet.count)
            loopback.append(packet)
        case .interface(let i, let nextHop):
            guard packet.count <= table[i].mtu else { return drop(.tooLarge, at: i) }
            table[i].send(packet, to: nextHop, pool: pool, now: now)
        }
    }
}
