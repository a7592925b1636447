// DHCP in the stack: the client's messages on the wire, and the wire's messages to the client.
//
// An interface without an address sends from 0.0.0.0:68 to 255.255.255.255:67, and takes replies there to any address
// that the server chose: as long as the client waits for one, and for nothing else.

import Storage

extension NetStack where Device: ~Copyable {
    // MARK: Commands

    /// Begins to ask for an address, unless that is under way or done. An address of the interface's stays until a
    /// lease replaces it.
    /// - Returns: false when there is no such card.
    @discardableResult
    public mutating func startDHCP(_ i: InterfaceID, now: Instant) -> Bool {
        guard isCard(i) else { return false }
        interfaces[i.place].dhcp.start(now: now)
        runDHCP(i, now: now)
        flush()
        return true
    }

    /// Gives the lease back to its server, and the address up; asks for no other.
    /// - Returns: false when there is no such card.
    @discardableResult
    public mutating func releaseDHCP(_ i: InterfaceID, now: Instant) -> Bool {
        guard isCard(i) else { return false }
        let interface = interfaces.ref(i.place)
        // Straight to where the lease came from: no answer to ARP could be waited for without an address.
        let hardware = interface.value.dhcp.serverHardware
        if let message = interface.value.dhcp.release(now: now), let server = message.server {
            send(message, from: message.clientAddress, to: server, at: i, hardware: hardware, now: now)
            assign(i, .any, prefixLength: 0, gateway: nil)
        }
        noteDHCP(i)
        flush()
        return true
    }

    /// Until when it is worth waiting for a lease before a packet is sent there: while there is no way, and an
    /// interface has just begun to ask for its address. nil: there is a way, or none is to be expected.
    public func leaseWait(to destination: IPAddress, now: Instant) -> Instant? {
        guard route(to: destination) == nil else { return nil }
        var end: Instant?
        for place in 1..<interfaceCount where interfaces[place].dhcp.isActive && !interfaces[place].dhcp.state.hasLease
        {
            let hope = interfaces[place].dhcp.startedAt + Self.leaseHope
            if hope > now { end = max(end ?? .start, hope) }
        }
        return end
    }

    /// How long a first answer may take: two transmissions, and the probes.
    public static var leaseHope: Duration { .seconds(6) }

    /// Sets the client's timer, and lists a change as completed. Called after each call of the client's.
    mutating func noteDHCP(_ i: InterfaceID) {
        let interface = interfaces.ref(i.place)
        timers.set(.dhcp(i), at: interface.value.dhcp.deadline)
        guard interface.value.dhcp.hasChanged else { return }
        interface.value.dhcp.hasChanged = false
        completions.append(.lease(i))
    }

    // MARK: Out

    /// Takes the steps of the client that are due.
    mutating func runDHCP(_ i: InterfaceID, now: Instant) {
        let interface = interfaces.ref(i.place)
        while let action = interface.value.dhcp.next(now: now) {
            switch action {
            case .send(let message, let server):
                send(message, from: message.clientAddress, to: server ?? .broadcast, at: i, hardware: nil, now: now)
            case .probe(let address): request(address, at: i, from: nil, as: .any, now: now)
            case .take(let lease):
                // A renewed lease changes nothing that is in use, and is not announced again.
                interface.value.mtuByLease = lease.mtu.map { Int($0) }
                if !interface.value.uses(lease) {
                    assign(
                        i, lease.address, prefixLength: lease.prefixLength, gateway: lease.router, routes: lease.routes)
                }
            case .drop: assign(i, .any, prefixLength: 0, gateway: nil)
            }
        }
        noteDHCP(i)
    }

    /// - Parameter hardware: where to, when that is known; else the broadcast, or what ARP says.
    private mutating func send(
        _ message: DHCPMessage, from source: IPv4Address, to destination: IPv4Address, at i: InterfaceID,
        hardware: EthernetAddress?, now: Instant
    ) {
        let header = UDPHeader(
            sourcePort: DHCPPort.client, destinationPort: DHCPPort.server, payloadCount: DHCPMessage.byteCount)
        guard var packet = pool.take(.own), packet.resize(to: DHCPMessage.byteCount) else {
            return drop(.noPacket, at: i)
        }
        var payload = packet.mutableBytes
        message.emit(to: &payload)
        packet.prepend(UDPHeader.byteCount)
        var bytes = packet.mutableBytes
        header.emit(to: &bytes, source: source, destination: destination)
        let envelope = Envelope(protocolNumber: IPProtocol.udp, source: source, destination: destination)
        output(packet, envelope, by: way(to: destination, at: i, hardware), now: now)
    }

    /// The way to a server by the client's own interface, whatever the route table says of others.
    private func way(to server: IPv4Address, at i: InterfaceID, _ hardware: EthernetAddress?) -> Route {
        if let hardware { return Route(interface: i, hop: .station(hardware)) }
        let line = server == .broadcast ? -1 : routes.find(IPAddress(server)) { $0 == i }
        guard line >= 0, !routes.gateway(line).isUnspecified else { return Route(interface: i, hop: .neighbour) }
        return Route(interface: i, hop: .line(line))
    }

    // MARK: In

    /// Takes a whole UDP datagram to the client's port, from its UDP header on. This is the one way in, whatever
    /// address it was sent to.
    mutating func inputDHCP(_ packet: consuming Packet, _ udp: UDPHeader, _ arrival: Arrival, now: Instant) {
        let i = arrival.interface
        guard udp.sourcePort == DHCPPort.server else { return drop(.dhcpUnexpected, at: i) }
        packet.trimFront(UDPHeader.byteCount)
        packet.truncate(to: udp.length - UDPHeader.byteCount)
        guard packet.becomeContiguous(from: pool) else { return drop(.dhcpMalformed, at: i) }
        let reply: DHCPReply
        do { reply = try DHCPReply(parsing: packet.bytes) } catch {
            interfaces[i.place].dhcp.note(.malformed)
            return drop(.dhcpMalformed, at: i)
        }
        let sender = arrival.station.isUnicast ? arrival.station : .broadcast
        guard interfaces[i.place].dhcp.receive(reply, from: sender, now: now) else {
            return drop(.dhcpUnexpected, at: i)
        }
        runDHCP(i, now: now)
    }
}
