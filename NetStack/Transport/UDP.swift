// UDP (RFC 768; RFC 1122, 4.1): datagrams between packets and sockets.

import Storage

extension NetStack where Device: ~Copyable {
    /// The most payload of a datagram.
    public static var datagramLimit: Int { payloadLimit - UDPHeader.byteCount }

    // MARK: In

    /// Takes a datagram from its UDP header on.
    @inline(__always)
    mutating func inputUDP(_ packet: consuming Packet, _ ip: IPv4Header, _ arrival: Arrival, now: Instant) {
        let i = arrival.interface
        let isVerified = packet.isChecksumVerified
        guard
            let header = UDPHeader(
                parsing: packet, source: ip.source, destination: ip.destination, isVerified: isVerified)
        else { return drop(.udpMalformed, at: i) }
        if header.destinationPort == DHCPPort.client, interfaces[i.place].dhcp.isActive {
            return inputDHCP(packet, header, arrival, now: now)
        }
        guard !arrival.isUnclaimed else { return dropUnclaimed(ip, at: i) }
        let source = Endpoint(ip.source, header.sourcePort)
        guard !arrival.isToGroup else {
            packet.truncate(to: header.length)
            packet.trimFront(UDPHeader.byteCount)
            return deliverToAll(packet, Endpoint(ip.destination, header.destinationPort), from: source, at: i)
        }
        guard let socket = sockets.find(Endpoint(ip.destination, header.destinationPort), from: source) else {
            drop(.udpNoSocket, at: i)
            return sendError(.portUnreachable, about: packet, ip, arrival, now: now)
        }
        packet.truncate(to: header.length)
        packet.trimFront(UDPHeader.byteCount)
        deliver(packet, to: socket, from: source, at: i)
    }

    @inline(__always)
    private mutating func deliver(
        _ payload: consuming Packet, to socket: Int, from source: Endpoint, at i: InterfaceID
    ) {
        if sockets.deliver(payload, to: socket, from: source) == nil {
            arrived(at: socket)
        } else {
            drop(.udpQueueFull, at: i)
        }
    }

    /// A datagram to a group, or to all, goes to each socket that it fits (RFC 1122, 4.1.3.4).
    @inline(never)
    private mutating func deliverToAll(
        _ payload: consuming Packet, _ destination: Endpoint, from source: Endpoint, at i: InterfaceID
    ) {
        guard var socket = sockets.next(destination, from: source, after: nil) else { return drop(.udpNoSocket, at: i) }
        var isDelivered = false
        while let next = sockets.next(destination, from: source, after: socket) {
            if let copy = payload.copied(from: pool), sockets.deliver(copy, to: socket, from: source) == nil {
                arrived(at: socket)
                isDelivered = true
            }
            socket = next
        }
        if sockets.deliver(payload, to: socket, from: source) == nil {
            arrived(at: socket)
        } else if !isDelivered {
            drop(.udpQueueFull, at: i)  // a member that had no room counts it by itself
        }
    }

    /// Something waits in a socket, or it has changed: a reader may be waiting for it, or the stack itself.
    @inline(__always)
    mutating func arrived(at socket: Int) {
        if sockets.isOwn(socket) { resolver.hasInput = true } else { completions.append(.socket(socket)) }
    }

    // MARK: Out

    /// Sends a datagram.
    /// - Parameters:
    ///   - payload: a packet from `pool` with the payload alone in it; a large payload is a train, best in parts that
    ///     fill fragments
    ///     (`FragmentSize.ethernet`, 8 bytes fewer in the first).
    ///   - destination: nil for the peer that the socket is connected to.
    public mutating func send(
        _ payload: consuming Packet, from i: Int, to destination: Endpoint?, now: Instant
    ) throws(SocketError) {
        guard let socket = sockets.udp(i) else { throw .noDestination }
        if let error = socket.value.pendingError.take() { throw error }
        if socket.value.isEcho {
            guard let destination else { throw .noDestination }
            return try sendEcho(payload, from: i, to: destination.address, now: now)
        }
        guard let remote = destination ?? socket.value.peer, remote.port != 0 else { throw .noDestination }
        guard !remote.address.isUnspecified, remote.address.ipv4?.isThisNetwork != true else { throw .badDestination }
        guard let route = route(to: remote.address), let address = remote.address.ipv4 else {
            throw hasAddresses ? .noRoute : .noInterface
        }
        let interface = interfaces.ref(route.interface.place)
        if !route.interface.isLoopback, interface.value.isBroadcast(address), !socket.value.allowsBroadcast {
            throw .broadcastNotAllowed
        }
        if !socket.value.isBound { try sockets.bind(i, to: .unspecified, &random) }
        let count = payload.totalCount
        guard count <= Self.datagramLimit else { throw .tooLarge }
        let bound = socket.value.local
        var source = sourceAddress(for: route, to: address)
        if let own = bound.address.ipv4, own != source, own.isUnicast || own.isLoopback {
            guard isOwn(bound.address) else { throw .notOurAddress }
            source = own
        }
        let header = UDPHeader(sourcePort: bound.port, destinationPort: remote.port, payloadCount: count)
        guard payload.prepend(UDPHeader.byteCount) else { throw .tooLarge }
        let envelope = Envelope(
            protocolNumber: IPProtocol.udp, source: source, destination: address,
            timeToLive: address.isMulticast ? socket.value.groupTimeToLive : socket.value.timeToLive)
        var bytes = payload.mutableBytes
        header.emitPartial(to: &bytes, source: source, destination: address)
        payload.offload = OffloadRequest(checksumStart: 0, checksumOffset: UDPHeader.checksumOffset)
        if address.isMulticast { hearOurselves(payload, envelope, remote, from: bound.port, now: now) }
        output(payload, envelope, by: route, now: now)
        drainLoopback(now: now)
        flush()
    }

    /// A datagram to a group of which sockets of ours are members reaches them too (RFC 1112, 6.1).
    @inline(never)
    private mutating func hearOurselves(
        _ datagram: borrowing Packet, _ envelope: Envelope, _ group: Endpoint, from port: UInt16, now: Instant
    ) {
        guard sockets.next(group, from: Endpoint(envelope.source, port), after: nil) != nil else { return }
        guard let copy = datagram.copied(from: pool, for: .sending) else { return drop(.noPacket, at: .loopback) }
        copy.offload = datagram.offload
        output(copy, envelope, by: .loopback, now: now)
    }
}
