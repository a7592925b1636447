// UDP (RFC 768; RFC 1122, 4.1): datagrams between packets and sockets, and the socket calls.

extension NetStack where Device: ~Copyable {
    // MARK: In

    /// Takes a datagram from its UDP header on.
    @inline(__always)
    mutating func inputUDP(_ packet: consuming Packet, _ ip: IPv4Header, at i: Int, toGroup: Bool, now: UInt64) {
        guard let header = UDPHeader(parsing: packet.bytes, source: ip.source, destination: ip.destination) else {
            return drop(.udpMalformed, at: i)
        }
        if header.destinationPort == DHCPPort.client, i >= 0, table[i].dhcp.isActive {
            return inputDHCP(packet, header, ip, at: i, now: now)
        }
        let source = SocketAddress(ip.source, header.sourcePort)
        guard let socket = sockets.find(SocketAddress(ip.destination, header.destinationPort), from: source) else {
            drop(.udpNoSocket, at: i)
            if !toGroup { sendUnreachable(ICMPCode.portUnreachable, about: packet, ip, now: now) }
            return
        }
        packet.resize(to: header.length)
        packet.trimFront(UDPHeader.byteCount)
        if sockets.deliver(packet, to: socket, from: source) != nil { drop(.udpQueueFull, at: i) }
    }

    // MARK: Socket calls

    /// A new socket's number.
    public mutating func openSocket() throws(SocketError) -> Int {
        guard let i = sockets.open() else { throw .tooManySockets }
        return i
    }

    /// Closes a socket; what waits in it is dropped.
    public mutating func closeSocket(_ i: Int) { sockets.close(i) }

    /// Gives a socket its local address: 0.0.0.0 is any of ours, port 0 a free one.
    public mutating func bindSocket(_ i: Int, to local: SocketAddress) throws(SocketError) {
        guard local.address == .any || isOwn(local.address) || local.address.isBroadcast else { throw .notOurAddress }
        guard sockets[i] != nil else { throw .noDestination }
        try sockets.bind(i, to: local)
    }

    /// Names the one peer: sends go there, only its datagrams arrive, and ICMP errors about it are reported. Port 0 forgets it.
    public mutating func connectSocket(_ i: Int, to remote: SocketAddress) throws(SocketError) {
        guard let socket = sockets[i] else { throw .noDestination }
        guard remote.port != 0 else {
            socket.pointee.remote = .any
            return
        }
        guard let route = route(to: remote.address) else { throw hasAddresses ? .noRoute : .noInterface }
        if socket.pointee.local.port == 0 {
            try sockets.bind(i, to: SocketAddress(sourceAddress(for: route, to: remote.address), 0))
        }
        socket.pointee.remote = remote
    }

    public mutating func setBroadcast(_ i: Int, allowed: Bool) { sockets[i]?.pointee.allowsBroadcast = allowed }

    public func localAddress(ofSocket i: Int) -> SocketAddress { sockets[i]?.pointee.local ?? .any }
    /// Nil while it is not connected.
    public func remoteAddress(ofSocket i: Int) -> SocketAddress? {
        guard let socket = sockets[i], socket.pointee.isConnected else { return nil }
        return socket.pointee.remote
    }

    /// The most payload that a datagram can carry there.
    public func payloadLimit(to destination: IPv4Address) -> Int {
        guard let route = route(to: destination) else { return 0 }
        return mtu(of: route) - IPv4Header.leastByteCount - UDPHeader.byteCount
    }

    /// Sends a datagram.
    /// - Parameters:
    ///   - payload: a packet from `pool`, with the payload alone in it.
    ///   - destination: nil for the peer that the socket is connected to.
    public mutating func send(
        _ payload: consuming Packet, from i: Int, to destination: SocketAddress?, now: UInt64
    ) throws(SocketError) {
        guard let socket = sockets[i] else { throw .noDestination }
        if let error = socket.pointee.pendingError.take() { throw error }
        guard let remote = destination ?? remoteAddress(ofSocket: i), remote.port != 0 else { throw .noDestination }
        guard !remote.address.isThisNetwork else { throw .badDestination }
        guard let route = route(to: remote.address) else { throw hasAddresses ? .noRoute : .noInterface }
        if case .interface(let interface, _) = route, table[interface].isBroadcast(remote.address) {
            guard socket.pointee.allowsBroadcast else { throw .broadcastNotAllowed }
        }
        if socket.pointee.local.port == 0 { try sockets.bind(i, to: .any) }
        guard payload.count <= mtu(of: route) - IPv4Header.leastByteCount - UDPHeader.byteCount else { throw .tooLarge }
        let bound = socket.pointee.local
        let source = bound.address == .any || bound.address.isBroadcast
            ? sourceAddress(for: route, to: remote.address) : bound.address
        let header = UDPHeader(sourcePort: bound.port, destinationPort: remote.port, payloadCount: payload.count)
        guard payload.prepend(UDPHeader.byteCount) else { throw .tooLarge }
        var bytes = payload.mutableBytes
        header.emit(to: &bytes, source: source, destination: remote.address)
        output(payload, IPProtocol.udp, from: source, to: remote.address, by: route, now: now)
        drainLoopback(now: now)
        flush()
    }

    /// The oldest datagram that waits; nil when there is none. An error that ICMP reported comes first, once.
    public mutating func receive(from i: Int) throws(SocketError) -> Datagram? {
        guard let socket = sockets[i] else { throw .noDestination }
        if let error = socket.pointee.pendingError.take() { throw error }
        guard let packet = socket.pointee.received.removeFirst() else { return nil }
        sockets.queued -= 1
        let source = packet.source
        return Datagram(payload: packet, source: source)
    }

    /// Whether `receive` has something to say.
    public func isReadable(_ i: Int) -> Bool { sockets[i]?.pointee.isReadable ?? true }

    /// Datagrams that came while the socket's queue was full.
    public func dropped(bySocket i: Int) -> UInt64 { sockets[i]?.pointee.dropped ?? 0 }

    /// Sockets that became readable since the last look, bit i for socket i; `poll` reports the same.
    public mutating func takeReadySockets() -> UInt64 {
        let ready = sockets.ready
        sockets.ready = 0
        return ready
    }
}

extension Packet {
    /// Who sent the datagram in a socket's queue; kept in the buffer's book-keeping.
    @inline(__always)
    var source: SocketAddress {
        get {
            let word = buffer.load(fromByteOffset: PacketField.source, as: UInt64.self)
            return SocketAddress(IPv4Address(bits: UInt32(truncatingIfNeeded: word >> 16)), UInt16(truncatingIfNeeded: word))
        }
        nonmutating set {
            buffer.storeBytes(
                of: UInt64(newValue.address.bits) << 16 | UInt64(newValue.port), toByteOffset: PacketField.source, as: UInt64.self)
        }
    }
}
