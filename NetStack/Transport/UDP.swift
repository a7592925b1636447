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
            let header = UDPHeader(parsing: packet.bytes, source: ip.source, destination: ip.destination, isVerified: isVerified)
        else { return drop(.udpMalformed, at: i) }
        if header.destinationPort == DHCPPort.client, interfaces[i.place].dhcp.isActive {
            return inputDHCP(packet, header, arrival, now: now)
        }
        guard !arrival.isUnclaimed else { return dropUnclaimed(ip, at: i) }
        let source = Endpoint(ip.source, header.sourcePort)
        guard let socket = sockets.find(Endpoint(ip.destination, header.destinationPort), from: source) else {
            drop(.udpNoSocket, at: i)
            if !arrival.isToGroup { sendError(.portUnreachable, about: packet, ip, arrival, now: now) }
            return
        }
        packet.resize(to: header.length)
        packet.trimFront(UDPHeader.byteCount)
        if sockets.deliver(packet, to: socket, from: source) == nil { arrived(at: socket) } else { drop(.udpQueueFull, at: i) }
    }

    /// A datagram or an error waits in a socket: a reader may be waiting for it, or the stack itself.
    @inline(__always)
    mutating func arrived(at socket: Int) {
        if sockets.isOwn(socket) { resolver.hasInput = true } else { completions.append(.socket(socket)) }
    }

    /// Takes a datagram in several pieces.
    mutating func inputUDP(_ pieces: consuming PacketQueue, _ ip: IPv4Header, _ arrival: Arrival, now: Instant) {
        let i = arrival.interface
        guard !arrival.isUnclaimed else { return dropUnclaimed(ip, at: i) }
        let byteCount = pieces.byteCount
        let first: (header: UDPHeader, checksum: UInt16)? = pieces.withFirst { packet in
            let bytes = packet.bytes
            guard let header = UDPHeader(start: bytes) else { return nil }
            return (header, bytes.be16(6))
        } ?? nil
        // A length that leaves bytes over is legal in one packet, where they are padding; fragments are not padded.
        guard let (header, checksum) = first, header.length == byteCount else { return drop(.udpMalformed, at: i) }
        if checksum != 0 {
            var sum = UDPHeader.pseudoHeader(ip.source, ip.destination, byteCount)
            pieces.forEach { sum.add($0.bytes, to: $0.count) }  // all but the last are even
            guard sum.folded == 0xffff else { return drop(.udpMalformed, at: i) }
        }
        let source = Endpoint(ip.source, header.sourcePort)
        guard let socket = sockets.find(Endpoint(ip.destination, header.destinationPort), from: source) else {
            drop(.udpNoSocket, at: i)
            if !arrival.isToGroup, let packet = pieces.removeFirst() {
                sendError(.portUnreachable, about: packet, ip, arrival, now: now)
            }
            return
        }
        pieces.withFirst { _ = $0.trimFront(UDPHeader.byteCount) }
        if sockets.deliver(pieces, to: socket, from: source) { arrived(at: socket) } else { drop(.udpQueueFull, at: i) }
    }

    // MARK: Out

    /// Sends a datagram.
    /// - Parameters:
    ///   - payload: a packet from `pool`, with the payload alone in it, or its first `FragmentSize.ethernet - 8` bytes.
    ///   - rest: the payload's further pieces of `FragmentSize.ethernet` bytes; empty for most.
    ///   - destination: nil for the peer that the socket is connected to.
    public mutating func send(
        _ payload: consuming Packet, rest: consuming PacketQueue = PacketQueue(), from i: Int, to destination: Endpoint?, now: Instant
    ) throws(SocketError) {
        guard let socket = sockets.udp(i) else { throw .noDestination }
        if let error = socket.value.pendingError.take() { throw error }
        guard let remote = destination ?? socket.value.peer, remote.port != 0 else { throw .noDestination }
        guard let address = remote.address.ipv4, !address.isThisNetwork else { throw .badDestination }
        guard let route = route(to: remote.address) else { throw hasAddresses ? .noRoute : .noInterface }
        let interface = interfaces.ref(route.interface.place)
        if !route.interface.isLoopback, interface.value.isBroadcast(address), !socket.value.allowsBroadcast { throw .broadcastNotAllowed }
        let canOffload = interface.value.capabilities.contains(.checksumOut)
        if !socket.value.isBound { try sockets.bind(i, to: .unspecified) }
        let count = payload.count + rest.byteCount
        guard count <= Self.datagramLimit else { throw .tooLarge }
        let bound = socket.value.local
        let source = bound.address.ipv4.flatMap { $0.isUnicast || $0.isLoopback ? $0 : nil } ?? sourceAddress(for: route, to: address)
        let header = UDPHeader(sourcePort: bound.port, destinationPort: remote.port, payloadCount: count)
        guard payload.prepend(UDPHeader.byteCount) else { throw .tooLarge }
        let envelope = Envelope(
            protocolNumber: IPProtocol.udp, source: source, destination: address, timeToLive: socket.value.timeToLive)
        if rest.isEmpty {
            if canOffload, payload.count + IPv4Header.leastByteCount <= mtu(of: route, to: remote.address) {
                var bytes = payload.mutableBytes
                header.emitPartial(to: &bytes, source: source, destination: address)
                payload.requestChecksum(start: 0, offset: 6)
            } else {
                var bytes = payload.mutableBytes
                header.emit(to: &bytes, source: source, destination: address)
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
