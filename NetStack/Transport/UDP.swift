// UDP (RFC 768; RFC 1122, 4.1): datagrams between packets and sockets.

extension NetStack where Device: ~Copyable {
    /// The most payload of a datagram.
    public static var datagramLimit: Int { payloadLimit - UDPHeader.byteCount }

    // MARK: In

    /// Takes a datagram from its UDP header on.
    @inline(__always)
    mutating func inputUDP(_ packet: consuming Packet, _ ip: IPv4Header, at i: Int, toGroup: Bool, now: Instant) {
        let isVerified = packet.isChecksumVerified
        guard
            let header = UDPHeader(parsing: packet, source: ip.source, destination: ip.destination, isVerified: isVerified)
        else { return drop(.udpMalformed, at: i) }
        if header.destinationPort == DHCPPort.client, i >= 0, table[i].dhcp.isActive {
            return inputDHCP(packet, header, ip, at: i, now: now)
        }
        let source = SocketAddress(ip.source, header.sourcePort)
        guard let socket = sockets.find(SocketAddress(ip.destination, header.destinationPort), from: source) else {
            drop(.udpNoSocket, at: i)
            if !toGroup { sendError(.portUnreachable, about: packet, ip, now: now) }
            return
        }
        packet.truncate(to: header.length)
        packet.trimFront(UDPHeader.byteCount)
        if sockets.deliver(packet, to: socket, from: source) != nil { drop(.udpQueueFull, at: i) }
    }

    // MARK: Out

    /// Sends a datagram.
    /// - Parameters:
    ///   - payload: a packet from `pool` with the payload alone in it; a large payload is a train, best in parts that fill fragments
    ///     (`FragmentSize.ethernet`, 8 bytes fewer in the first).
    ///   - destination: nil for the peer that the socket is connected to.
    public mutating func send(
        _ payload: consuming Packet, from i: Int, to destination: SocketAddress?, now: Instant
    ) throws(SocketError) {
        guard let socket = sockets[i], !socket.pointee.isCapture else { throw .noDestination }
        if let error = socket.pointee.pendingError.take() { throw error }
        guard let remote = destination ?? remoteAddress(ofSocket: i), remote.port != 0 else { throw .noDestination }
        guard !remote.address.isThisNetwork else { throw .badDestination }
        guard let route = route(to: remote.address) else { throw hasAddresses ? .noRoute : .noInterface }
        if case .interface(let interface, _) = route {
            if table[interface].isBroadcast(remote.address), !socket.pointee.allowsBroadcast { throw .broadcastNotAllowed }
        }
        if socket.pointee.local.port == 0 { try sockets.bind(i, to: .any) }
        let count = payload.totalCount
        guard count <= Self.datagramLimit else { throw .tooLarge }
        let bound = socket.pointee.local
        let hasSource = bound.address != .any && !bound.address.isBroadcast && !bound.address.isMulticast
        let source = hasSource ? bound.address : sourceAddress(for: route, to: remote.address)
        let header = UDPHeader(sourcePort: bound.port, destinationPort: remote.port, payloadCount: count)
        guard payload.prepend(UDPHeader.byteCount) else { throw .tooLarge }
        let envelope = Envelope(
            protocolNumber: IPProtocol.udp, source: source, destination: remote.address, timeToLive: socket.pointee.timeToLive)
        var bytes = payload.mutableBytes
        header.emitPartial(to: &bytes, source: source, destination: remote.address)
        payload.offload = OffloadRequest(checksumStart: 0, checksumOffset: UDPHeader.checksumOffset)
        output(payload, envelope, by: route, now: now)
        drainLoopback(now: now)
        flush()
    }
}
