// DHCP in the stack: the client's messages on the wire, and the wire's messages to the client.
//
// An interface without an address sends from 0.0.0.0:68 to 255.255.255.255:67, and takes replies there to any address that the server
// chose: as long as the client waits for one, and for nothing else.

extension NetStack where Device: ~Copyable {
    // MARK: Commands

    /// Begins to ask for an address, unless that is under way or done. An address of the interface's stays until a lease replaces it.
    /// - Returns: false when there is no such interface.
    @discardableResult
    public mutating func startDHCP(_ i: Int, now: Instant) -> Bool {
        guard i >= 0, i < interfaceCount else { return false }
        table[i].dhcp.start(now: now)
        runDHCP(i, now: now)
        flush()
        return true
    }

    /// Gives the lease back to its server, and the address up; asks for no other.
    /// - Returns: false when there is no such interface.
    @discardableResult
    public mutating func releaseDHCP(_ i: Int, now: Instant) -> Bool {
        guard i >= 0, i < interfaceCount else { return false }
        // Straight to where the lease came from: no answer to ARP could be waited for without an address.
        let hardware = table[i].dhcp.serverHardware
        if let message = table[i].dhcp.release(now: now), let server = message.server {
            send(message, from: message.clientAddress, to: server, at: i, hardware: hardware, now: now)
            assign(i, .any, prefixLength: 0, gateway: nil)
        }
        flush()
        return true
    }

    /// Until when it is worth waiting for a lease before a packet is sent there: while there is no way, and an interface has just begun
    /// to ask for its address. nil: there is a way, or none is to be expected.
    public func leaseWait(to destination: IPv4Address, now: Instant) -> Instant? {
        guard route(to: destination) == nil else { return nil }
        var end: Instant?
        for i in 0..<interfaceCount where table[i].dhcp.isActive && !table[i].dhcp.state.hasLease {
            let hope = table[i].dhcp.startedAt + Self.leaseHope
            if hope > now { end = max(end ?? .start, hope) }
        }
        return end
    }

    /// How long a first answer may take: two transmissions, and the probes.
    public static var leaseHope: Duration { .seconds(6) }

    /// Interfaces whose state or lease changed since the last look, bit i for interface i; `poll` reports the same.
    public mutating func takeChangedLeases() -> UInt32 {
        var changed: UInt32 = 0
        for i in 0..<interfaceCount where table[i].dhcp.hasChanged {
            table[i].dhcp.hasChanged = false
            changed |= 1 << UInt32(i)
        }
        return changed
    }

    // MARK: Out

    /// Does what the client wants done.
    mutating func runDHCP(_ i: Int, now: Instant) {
        while let action = table[i].dhcp.next(now: now) {
            switch action {
            case .send(let message, let server):
                send(message, from: message.clientAddress, to: server ?? .broadcast, at: i, hardware: nil, now: now)
            case .probe(let address): table[i].request(address, from: nil, as: .any, pool: pool, now: now)
            case .take(let lease):
                // A renewed lease changes nothing that is in use, and is not announced again.
                if !table[i].uses(lease) {
                    assign(i, lease.address, prefixLength: lease.prefixLength, gateway: lease.router)
                }
            case .drop: assign(i, .any, prefixLength: 0, gateway: nil)
            }
        }
    }

    /// - Parameter hardware: where to, when that is known; else the broadcast, or what ARP says.
    private mutating func send(
        _ message: DHCPMessage, from source: IPv4Address, to destination: IPv4Address, at i: Int, hardware: EthernetAddress?, now: Instant
    ) {
        let header = UDPHeader(
            sourcePort: DHCPPort.client, destinationPort: DHCPPort.server, payloadCount: DHCPMessage.byteCount)
        guard var packet = pool.take(), packet.resize(to: DHCPMessage.byteCount) else { return drop(.noPacket, at: i) }
        var payload = packet.mutableBytes
        message.emit(to: &payload)
        packet.prepend(UDPHeader.byteCount)
        var bytes = packet.mutableBytes
        header.emit(to: &bytes, source: source, destination: destination)
        var nextHop = destination
        if destination != .broadcast, !table[i].isDirect(destination), let gateway = table[i].gateway { nextHop = gateway }
        let envelope = Envelope(protocolNumber: IPProtocol.udp, source: source, destination: destination)
        guard let hardware else { return output(packet, envelope, by: .interface(i, nextHop: nextHop), now: now) }
        prependIPv4(&packet, payloadCount: packet.totalCount, envelope, identification: nextIdentification())
        table[i].transmit(packet, to: hardware, type: EtherType.ipv4, pool: pool, now: now)
    }

    // MARK: In

    /// Takes a packet that was refused because of its destination address; true when it may be a reply to the client.
    func mayBeDHCP(_ ip: IPv4Header, at i: Int) -> Bool {
        i >= 0 && table[i].dhcp.awaitsReply && ip.protocolNumber == IPProtocol.udp && ip.source.isUnicast && !ip.isFragment
    }

    /// Takes a whole UDP datagram to the client's port. The packet starts with its UDP header, and the IPv4 and Ethernet headers
    /// still stand in front of it.
    mutating func inputDHCP(_ packet: consuming Packet, _ udp: UDPHeader, _ ip: IPv4Header, at i: Int, now: Instant) {
        guard udp.sourcePort == DHCPPort.server, packet.prepend(ip.headerLength + EthernetHeader.byteCount) else {
            return drop(.dhcpUnexpected, at: i)
        }
        var sender = EthernetHeader(parsing: packet.bytes)?.source ?? .broadcast
        if !sender.isUnicast { sender = .broadcast }  // it was put together from fragments
        packet.trimFront(EthernetHeader.byteCount + ip.headerLength + UDPHeader.byteCount)
        packet.truncate(to: udp.length - UDPHeader.byteCount)
        guard packet.becomeContiguous(from: pool) else { return drop(.dhcpMalformed, at: i) }
        let reply: DHCPReply
        do { reply = try DHCPReply(parsing: packet.bytes) } catch { return drop(.dhcpMalformed, at: i) }
        if !table[i].dhcp.receive(reply, from: sender, now: now) { drop(.dhcpUnexpected, at: i) }
    }
}
