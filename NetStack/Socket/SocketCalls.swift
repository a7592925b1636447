// What a descriptor can ask of a socket, but for sending (Transport/UDP.swift).

extension NetStack where Device: ~Copyable {
    /// A new socket's number.
    public mutating func openSocket() throws(SocketError) -> Int {
        guard let i = sockets.open() else { throw .tooManySockets }
        return i
    }

    /// Closes a socket; what waits in it is dropped.
    public mutating func closeSocket(_ i: Int) {
        guard let socket = sockets[i] else { return }
        let wasCapture = socket.pointee.isCapture, local = socket.pointee.local
        sockets.close(i)
        if wasCapture { stopCapture() }
        if local.port != 0, local.address == .any || local.address.isMulticast { updateFilter() }
    }

    /// Gives a socket its local address: 0.0.0.0 is any of ours, port 0 a free one.
    public mutating func bindSocket(_ i: Int, to local: SocketAddress) throws(SocketError) {
        guard let socket = sockets[i], !socket.pointee.isCapture else { throw .noDestination }
        guard local.address == .any || isOwn(local.address) || local.address.isBroadcast || local.address.isMulticast else {
            throw .notOurAddress
        }
        try sockets.bind(i, to: local)
        updateFilter()
    }

    /// Names the one peer: sends go there, only its datagrams arrive, and ICMP errors about it are reported. Port 0 forgets it.
    public mutating func connectSocket(_ i: Int, to remote: SocketAddress) throws(SocketError) {
        guard let socket = sockets[i], !socket.pointee.isCapture else { throw .noDestination }
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
    /// Of what the socket sends from now on; 1 to 255.
    public mutating func setTimeToLive(_ i: Int, _ value: UInt8) { sockets[i]?.pointee.timeToLive = value }

    public func localAddress(ofSocket i: Int) -> SocketAddress { sockets[i]?.pointee.local ?? .any }
    /// Nil while it is not connected.
    public func remoteAddress(ofSocket i: Int) -> SocketAddress? {
        guard let socket = sockets[i], socket.pointee.isConnected else { return nil }
        return socket.pointee.remote
    }
    /// Who reported the socket's last error: a router, the peer, or (its neighbour did not answer) ourselves.
    public func errorReporter(ofSocket i: Int) -> IPv4Address { sockets[i]?.pointee.errorReporter ?? .any }

    /// The oldest datagram that waits; nil when there is none. An error that ICMP reported comes first, once.
    public mutating func receive(from i: Int) throws(SocketError) -> Datagram? {
        guard let socket = sockets[i] else { throw .noDestination }
        if let error = socket.pointee.pendingError.take() { throw error }
        return sockets.take(from: i)
    }

    /// Whether `receive` has something to say.
    public func isReadable(_ i: Int) -> Bool { sockets[i]?.pointee.isReadable ?? true }

    /// Sockets that became readable since the last look, bit i for socket i; `poll` reports the same.
    public mutating func takeReadySockets() -> UInt64 {
        let ready = sockets.ready
        sockets.ready = 0
        return ready
    }

    /// What `netstat` shows of a socket; nil where none is open.
    public func socketReport(_ i: Int) -> SocketReport? {
        guard let socket = sockets[i] else { return nil }
        return SocketReport(
            isCapture: socket.pointee.isCapture, local: socket.pointee.local, remote: socket.pointee.remote,
            queued: socket.pointee.held, dropped: socket.pointee.dropped)
    }
}

/// An open socket, as it is at the moment.
public struct SocketReport {
    public let isCapture: Bool
    public let local: SocketAddress
    /// Port 0: not connected.
    public let remote: SocketAddress
    /// Packets that wait to be read, and datagrams that found no room.
    public let queued: Int
    public let dropped: UInt64
}

extension Packet {
    /// The sender of the datagram in a socket's queue.
    @inline(__always)
    var source: SocketAddress {
        get {
            let word = self[note: 0]
            return SocketAddress(IPv4Address(bits: UInt32(truncatingIfNeeded: word >> 16)), UInt16(truncatingIfNeeded: word))
        }
        nonmutating set { self[note: 0] = UInt64(newValue.address.bits) << 16 | UInt64(newValue.port) }
    }
}
