// What a descriptor can ask of a socket, but for sending (Transport/UDP.swift).

import Storage

extension NetStack where Device: ~Copyable {
    /// Numbers of the users' sockets: from 0 up to this.
    public var socketCount: Int { sockets.userCount }
    /// Numbers of all sockets, the stack's own among them, as `socketReport` shows them.
    public var allSocketCount: Int { sockets.count }

    /// Whether only the last eighth of the users' sockets is free: it is for processes that have few.
    public var hasFewSockets: Bool { sockets.usedCount >= sockets.userCount - sockets.userCount / 8 }

    /// A new UDP socket's number.
    public mutating func openSocket() throws(SocketError) -> Int {
        guard let i = sockets.openUDP() else { throw .tooManySockets }
        return i
    }

    /// Closes a socket; what waits in it is dropped. A connection goes on without it until the peer has all.
    public mutating func closeSocket(_ i: Int, now: Instant) {
        guard i >= 0, i < sockets.userCount else { return }
        if let record = stream(i) {
            sockets.close(i)
            return closeStream(record, now: now)
        }
        var wasCapture = false
        if case .capture = sockets[i] { wasCapture = true }
        sockets.close(i)
        if wasCapture { stopCapture() }
        updateFilter()
    }

    /// Gives a socket its local address: `::` or 0.0.0.0 is any of ours, port 0 a free one.
    public mutating func bindSocket(_ i: Int, to wanted: Endpoint) throws(SocketError) {
        var local = wanted
        if local.address == IPAddress(.any) { local.address = .unspecified }
        guard
            local.address.isUnspecified || isOwn(local.address) || local.address.isBroadcast
                || local.address.isMulticast
        else {
            throw .notOurAddress
        }
        if let record = stream(i) { return try bindStream(record, to: local) }
        guard sockets.udp(i) != nil else { throw .noDestination }
        try sockets.bind(i, to: local, &random)
        updateFilter()
    }

    /// Names the one peer: sends go there, only its datagrams arrive, and ICMP errors about it are reported. A stream
    /// begins to connect.
    public mutating func connectSocket(_ i: Int, to peer: Endpoint, now: Instant) throws(SocketError) {
        if let record = stream(i) { return try connectStream(record, to: peer, now: now) }
        guard let socket = sockets.udp(i), !socket.value.isEcho else { throw .badDestination }
        guard peer.port != 0, !peer.address.isUnspecified, peer.address.ipv4?.isThisNetwork != true else {
            throw .badDestination
        }
        guard let route = route(to: peer.address), let address = peer.address.ipv4 else {
            throw hasAddresses ? .noRoute : .noInterface
        }
        if !socket.value.isBound {
            try sockets.bind(i, to: Endpoint(sourceAddress(for: route, to: address), 0), &random)
        }
        socket.value.peer = peer
    }

    /// Forgets the peer.
    public mutating func disconnectSocket(_ i: Int) throws(SocketError) {
        guard let socket = sockets.udp(i) else { throw .noDestination }
        socket.value.peer = nil
    }

    public mutating func setBroadcast(_ i: Int, allowed: Bool) { sockets.udp(i)?.value.allowsBroadcast = allowed }
    /// Whether the socket may share its port with others that want to, as `PortReuse` says.
    public mutating func setReuse(_ i: Int, address isOn: Bool) { setReuse(i, .address, isOn) }
    public mutating func setReuse(_ i: Int, port isOn: Bool) { setReuse(i, .port, isOn) }
    private mutating func setReuse(_ i: Int, _ kind: PortReuse, _ isOn: Bool) {
        guard let socket = sockets.udp(i) else { return }
        if isOn { socket.value.reuse.insert(kind) } else { socket.value.reuse.remove(kind) }
    }
    /// Of what the socket sends to groups from now on; 1 to 255.
    public mutating func setGroupTimeToLive(_ i: Int, _ value: UInt8) { sockets.udp(i)?.value.groupTimeToLive = value }
    /// Of what the socket sends to single hosts from now on; 1 to 255.
    public mutating func setTimeToLive(_ i: Int, _ value: UInt8) { sockets.udp(i)?.value.timeToLive = value }

    public func localAddress(ofSocket i: Int) -> Endpoint {
        if let record = stream(i) { return tcp[record].value.local }
        return sockets.udp(i)?.value.local ?? .unspecified
    }
    /// nil while it is not connected.
    public func peerAddress(ofSocket i: Int) -> Endpoint? {
        if let record = stream(i) {
            return tcp[record].value.state.isSynchronized ? tcp[record].value.remote : nil
        }
        return sockets.udp(i)?.value.peer
    }
    /// The host that reported the socket's last error: a router, the peer, or (its neighbour did not answer) ourselves;
    /// `::`: none.
    public func errorReporter(ofSocket i: Int) -> IPAddress {
        if let record = stream(i) { return tcp[record].value.errorReporter }
        return sockets.udp(i)?.value.errorReporter ?? .unspecified
    }

    /// ICMP's type × 256 + code of the socket's last error; 0: it was found out here.
    public func errorCode(ofSocket i: Int) -> UInt16 {
        if let record = stream(i) { return tcp[record].value.errorCode }
        return sockets.udp(i)?.value.errorCode ?? 0
    }

    /// The oldest datagram that waits; nil when there is none. An error that ICMP reported comes first, once.
    public mutating func receive(from i: Int) throws(SocketError) -> Datagram? {
        if case .closed = sockets[i] { throw .noDestination }
        if let error = sockets.udp(i)?.value.pendingError.take() { throw error }
        return sockets.take(from: i)
    }

    /// What the socket can do without making its caller wait.
    public func readiness(_ i: Int) -> SocketReadiness {
        switch sockets[i] {
        case .closed: return [.readable, .error]
        case .stream(let record): return streamReadiness(record)
        case .udp(let socket):
            var readiness: SocketReadiness = socket.value.isReadable ? [.readable, .writable] : [.writable]
            if socket.value.pendingError != nil { readiness.insert(.error) }
            return readiness
        case .capture(let socket): return socket.value.received.packets.isEmpty ? [] : [.readable]
        }
    }

    /// What `netstat` shows of a socket; nil where none is open.
    public func socketReport(_ i: Int) -> SocketReport? {
        switch sockets[i] {
        case .closed, .stream: return nil
        case .udp(let socket):
            return SocketReport(
                isCapture: false, isEcho: socket.value.isEcho, local: socket.value.local, peer: socket.value.peer,
                queued: socket.value.received.held,
                dropped: socket.value.received.dropped)
        case .capture(let socket):
            return SocketReport(
                isCapture: true, isEcho: false, local: .unspecified, peer: nil, queued: socket.value.received.held,
                dropped: socket.value.received.dropped)
        }
    }
}

/// An open socket, as it is at the moment.
public struct SocketReport: Sendable {
    public let isCapture: Bool
    public let isEcho: Bool
    public let local: Endpoint
    /// nil: not connected.
    public let peer: Endpoint?
    /// Packets that wait to be read, and datagrams that found no room.
    public let queued: Int
    public let dropped: UInt64
}
