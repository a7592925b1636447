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
            let header = UDPHeader(parsing: packet.bytes, source: ip.source, destination: ip.destination, isVerified: isVerified)
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
        packet.resize(to: header.length)
        packet.trimFront(UDPHeader.byteCount)
        if sockets.deliver(packet, to: socket, from: source) != nil { drop(.udpQueueFull, at: i) }
    }

    /// Takes a datagram in several pieces.
    mutating func inputUDP(_ pieces: consuming PacketQueue, _ ip: IPv4Header, at i: Int, toGroup: Bool, now: Instant) {
        let byteCount = pieces.byteCount
        let first: (header: UDPHeader, checksum: UInt16)? = pieces.withFirst { packet in
            let bytes = packet.bytes
            guard let header = UDPHeader(start: bytes) else { return nil }
            return (header, bytes.be16(6))
        } ?? nil
        // A length that leaves bytes over is legal in one packet, where they are padding; nobody pads fragments.
        guard let (header, checksum) = first, header.length == byteCount else { return drop(.udpMalformed, at: i) }
        if checksum != 0 {
            var sum = UDPHeader.pseudoHeader(ip.source, ip.destination, byteCount)
            pieces.forEach { sum.add($0.bytes, to: $0.count) }  // all but the last are even
            guard sum.folded == 0xffff else { return drop(.udpMalformed, at: i) }
        }
        let source = SocketAddress(ip.source, header.sourcePort)
        guard let socket = sockets.find(SocketAddress(ip.destination, header.destinationPort), from: source) else {
            drop(.udpNoSocket, at: i)
            if !toGroup, let packet = pieces.removeFirst() { sendError(.portUnreachable, about: packet, ip, now: now) }
            return
        }
        pieces.withFirst { _ = $0.trimFront(UDPHeader.byteCount) }
        if !sockets.deliver(pieces, to: socket, from: source) { drop(.udpQueueFull, at: i) }
    }

    // MARK: Out

    /// Sends a datagram.
    /// - Parameters:
    ///   - payload: a packet from `pool`, with the payload alone in it, or its first `FragmentSize.ethernet - 8` bytes.
    ///   - rest: the payload's further pieces of `FragmentSize.ethernet` bytes; empty for most.
    ///   - destination: nil for the peer that the socket is connected to.
    public mutating func send(
        _ payload: consuming Packet, rest: consuming PacketQueue = PacketQueue(), from i: Int, to destination: SocketAddress?, now: Instant
    ) throws(SocketError) {
        guard let socket = sockets[i], !socket.pointee.isCapture else { throw .noDestination }
        if let error = socket.pointee.pendingError.take() { throw error }
        guard let remote = destination ?? remoteAddress(ofSocket: i), remote.port != 0 else { throw .noDestination }
        guard !remote.address.isThisNetwork else { throw .badDestination }
        guard let route = route(to: remote.address) else { throw hasAddresses ? .noRoute : .noInterface }
        var canOffload = false
        if case .interface(let interface, _) = route {
            if table[interface].isBroadcast(remote.address), !socket.pointee.allowsBroadcast { throw .broadcastNotAllowed }
            canOffload = table[interface].capabilities.contains(.checksumOut)
        }
        if socket.pointee.local.port == 0 { try sockets.bind(i, to: .any) }
        let count = payload.count + rest.byteCount
        guard count <= Self.datagramLimit else { throw .tooLarge }
        let bound = socket.pointee.local
        let hasSource = bound.address != .any && !bound.address.isBroadcast && !bound.address.isMulticast
        let source = hasSource ? bound.address : sourceAddress(for: route, to: remote.address)
        let header = UDPHeader(sourcePort: bound.port, destinationPort: remote.port, payloadCount: count)
        guard payload.prepend(UDPHeader.byteCount) else { throw .tooLarge }
        let envelope = Envelope(
            protocolNumber: IPProtocol.udp, source: source, destination: remote.address, timeToLive: socket.pointee.timeToLive)
        if rest.isEmpty {
            if canOffload, payload.count + IPv4Header.leastByteCount <= mtu(of: route, to: remote.address) {
                var bytes = payload.mutableBytes
                header.emitPartial(to: &bytes, source: source, destination: remote.address)
                payload.requestChecksum(start: 0, offset: 6)
            } else {
                var bytes = payload.mutableBytes
                header.emit(to: &bytes, source: source, destination: remote.address)
            }
            output(payload, envelope, by: route, now: now)
        } else {
            output(datagram(header, payload, rest, envelope), envelope, by: route, now: now)
        }
        drainLoopback(now: now)
        flush()
    }

    /// Puts the header over a payload in several pieces. The first has the header's room in front.
    private func datagram(
        _ header: UDPHeader, _ first: consuming Packet, _ rest: consuming PacketQueue, _ envelope: Envelope
    ) -> PacketQueue {
        var bytes = first.mutableBytes
        header.emitPartial(to: &bytes, source: envelope.source, destination: envelope.destination)
        var sum = Checksum()
        sum.add(first.bytes, to: first.count)
        rest.forEach { sum.add($0.bytes, to: $0.count) }
        var again = first.mutableBytes
        again.setBE16(UDPHeader.field(sum), 6)
        rest.insert(first, after: nil)
        return rest
    }
}
