// What a program asks of a stream socket: open, listen, accept, connect, shut, close (RFC 9293, 3.10.1 to 3.10.5). None
// of them waits: `readiness` says when one would get further.

import Storage

extension NetStack where Device: ~Copyable {
    /// A new stream socket's number.
    public mutating func openStream() throws(SocketError) -> Int {
        guard let record = tcp.take() else { throw .tooManySockets }
        guard let i = sockets.openStream(record) else {
            tcp.free(record)
            throw .tooManySockets
        }
        tcp[record].value.socket = i
        return i
    }

    /// The connection of a stream socket; nil for any other.
    @inline(__always)
    func stream(_ i: Int) -> Int? {
        if case .stream(let record) = sockets[i] { return record }
        return nil
    }

    /// Gives a stream socket its local address; port 0 is a free one.
    mutating func bindStream(_ record: Int, to wanted: Endpoint) throws(SocketError) {
        let connection = tcp[record]
        guard connection.value.state == .closed, connection.value.local.port == 0 else { throw .badDestination }
        guard !wanted.address.isMulticast, !wanted.address.isBroadcast else { throw .notOurAddress }
        var local = wanted
        if local.port == 0 {
            local.port = try DynamicPorts.choose(from: UInt16(truncatingIfNeeded: random.number())) {
                tcp.isTaken(Endpoint(wanted.address, $0), but: record)
            }
        } else if tcp.isTaken(local, but: record) {
            throw .addressInUse
        }
        connection.value.local = local
    }

    /// Takes connections from now on.
    /// - Parameter backlog: how many may wait to be accepted, 1 to `TCPLimit.greatestBacklog`; others are cut to that.
    public mutating func listen(_ i: Int, backlog: Int) throws(SocketError) {
        guard let record = stream(i) else { throw .badDestination }
        let connection = tcp[record]
        if connection.value.state == .closed {
            guard connection.value.remote == .unspecified else { throw .badDestination }
            if connection.value.local.port == 0 { try bindStream(record, to: connection.value.local) }
            if let other = tcp.findListener(connection.value.local),
                tcp[other].value.local.address == connection.value.local.address
            {
                throw .addressInUse
            }
            connection.value.state = .listen
            tcp.insertListener(record)
        }
        guard connection.value.state == .listen else { throw .badDestination }
        connection.value.backlog = min(max(1, backlog), TCPLimit.greatestBacklog)
    }

    /// The oldest connection that waits, as a socket of its own; nil when there is none.
    public mutating func accept(_ i: Int) throws(SocketError) -> Int? {
        guard let record = stream(i), tcp[record].value.state == .listen else { throw .badDestination }
        let first = Int(tcp[record].value.firstWaiting)
        guard first >= 0 else { return nil }
        guard let socket = sockets.openStream(first) else { throw .tooManySockets }
        removeFromBacklog(first)
        tcp[first].value.socket = socket
        return socket
    }

    /// Begins to connect: the socket becomes writable when the peer has answered, or reports why not.
    mutating func connectStream(_ record: Int, to peer: Endpoint, now: Instant) throws(SocketError) {
        let connection = tcp[record]
        if let error = connection.value.error.take() { throw error }
        switch connection.value.state {
        case .closed where connection.value.remote == .unspecified: break
        case .synSent, .synReceived: throw .alreadyConnecting
        case .closed: throw .notConnected
        case .listen: throw .badDestination
        default: throw .alreadyConnected
        }
        guard peer.port != 0, !peer.address.isUnspecified, peer.address.ipv4?.isThisNetwork != true,
            !peer.address.isMulticast, !peer.address.isBroadcast
        else { throw .badDestination }
        guard let route = route(to: peer.address), let address = peer.address.ipv4 else {
            throw hasAddresses ? .noRoute : .noInterface
        }
        guard route.interface.isLoopback || !interfaces[route.interface.place].isBroadcast(address) else {
            throw .badDestination
        }
        var local = connection.value.local
        if local.address.isUnspecified { local.address = IPAddress(sourceAddress(for: route, to: address)) }
        guard isOwn(local.address) else { throw .notOurAddress }
        if local.port == 0 { local.port = try freePort(local.address, peer) }
        if let old = tcp.timeWaits.find(local, peer) {
            guard mayReopen(tcp.timeWaits[old], now: now) else { throw .addressInUse }
            tcp.timeWaits.remove(old, &timers)
        }
        guard tcp.find(local, peer) == nil else { throw .addressInUse }
        connection.value.local = local
        connection.value.remote = peer
        connection.value.announcedSegment = UInt16(
            truncatingIfNeeded: max(TCPLimit.leastSegment, mtu(of: route, to: peer.address) - 40))
        connection.value.timestampOffset = timestampOffset(local, peer)
        connection.value.usesECN = true
        prepare(record, initialSequence(local, peer, now: now), now: now)
        connection.value.state = .synSent
        tcp.insert(record)
        tcp.counters.activeOpens &+= 1
        settle(record, now: now)
        drainLoopback(now: now)
        flush()
    }

    /// Sets what a connection sends from.
    mutating func prepare(_ record: Int, _ initial: SequenceNumber, now: Instant) {
        let connection = tcp[record]
        connection.value.sender.start(at: initial)
        connection.value.receiver.windowShift = windowShift
        if connection.value.announcedSegment == 0 {
            let mtu = mtu(toward: connection.value.remote.address)
            connection.value.announcedSegment = UInt16(truncatingIfNeeded: max(TCPLimit.leastSegment, mtu - 40))
        }
    }

    /// RFC 6191: with timestamps a second is enough that an old segment is known as old.
    private func mayReopen(_ record: TimeWaitRecord, now: Instant) -> Bool {
        record.recentTimestamp != nil && record.ends - now + .seconds(1) <= TCPTime.timeWait
    }

    /// A port that no connection to this peer has (RFC 6056, 3.3.3: by a hash of the addresses, then one after the
    /// other).
    private mutating func freePort(_ local: IPAddress, _ peer: Endpoint) throws(SocketError) -> UInt16 {
        let offset = UInt16(truncatingIfNeeded: tcp.hash(Endpoint(local, 0), peer, 3) >> 16)
        tcp.nextPort &+= 1
        return try DynamicPorts.choose(from: offset &+ tcp.nextPort) {
            let own = Endpoint(local, $0)
            return tcp.find(own, peer) != nil || tcp.timeWaits.find(own, peer) != nil || tcp.findListener(own) != nil
        }
    }

    // MARK: Ending

    /// Which halves of a connection `shutdown` ends.
    public mutating func shutdown(_ i: Int, receiving: Bool, sending: Bool, now: Instant) throws(SocketError) {
        guard let record = stream(i) else { throw .notConnected }
        let connection = tcp[record]
        guard connection.value.state.isSynchronized || connection.value.state == .synReceived else {
            throw .notConnected
        }
        if receiving {
            connection.value.receiver.isShut = true
            connection.value.receiver.dropQueue(&sockets.share)
            connection.value.events.insert(.changed)
        }
        if sending { shutSending(record) }
        settle(record, now: now)
        drainLoopback(now: now)
        flush()
    }

    private func shutSending(_ record: Int) {
        let connection = tcp[record]
        guard !connection.value.sender.isShut else { return }
        switch connection.value.state {
        case .established, .synReceived: connection.value.state = .finWait1
        case .closeWait: connection.value.state = .lastAck
        default: return
        }
        connection.value.sender.isShut = true
        connection.value.events.insert(.changed)
    }

    /// The program has no more use for the socket. The connection goes on until the peer has all, unless data waits
    /// that was never read (RFC 2525, 2.17), or `linger` is 0: then a RST ends it.
    mutating func closeStream(_ record: Int, now: Instant) {
        let connection = tcp[record]
        connection.value.socket = -1
        switch connection.value.state {
        case .listen: closeListener(record, now: now)
        case .closed, .timeWait: release(record)
        case .synSent:
            connection.value.fail(nil)
            settle(record, now: now)
        default:
            if connection.value.receiver.available > 0 || connection.value.options.linger == 0 {
                abandon(record, nil, now: now)
            } else {
                shutSending(record)
                if connection.value.state == .finWait2 { connection.value.endTimer = now + TCPTime.finWait2 }
            }
            settle(record, now: now)
        }
        drainLoopback(now: now)
        flush()
    }

    /// Milliseconds that close is to wait until the peer has all (SO_LINGER); 0: there is nothing to wait for. Data that
    /// was never read makes close reset the connection.
    public func lingerTime(_ i: Int) -> Int {
        guard let record = stream(i), tcp[record].value.options.linger > 0, tcp[record].value.receiver.available == 0
        else { return 0 }
        return hasPeerAll(i) && tcp[record].value.sender.isShut ? 0 : Int(tcp[record].value.options.linger)
    }

    /// Whether the peer has acknowledged all that was sent, and the end if that was sent, or never will.
    public func hasPeerAll(_ i: Int) -> Bool {
        guard let record = stream(i) else { return true }
        let connection = tcp[record]
        switch connection.value.state {
        case .closed, .listen, .synSent, .finWait2, .timeWait: return true
        default:
            return connection.value.sender.isShut
                ? connection.value.sender.isFINAcknowledged : connection.value.sender.queuedBytes == 0
        }
    }

    /// Connections that were not accepted end with it.
    private mutating func closeListener(_ record: Int, now: Instant) {
        while tcp[record].value.firstWaiting >= 0 {
            let waiting = Int(tcp[record].value.firstWaiting)
            removeFromBacklog(waiting)
            abandon(waiting, nil, now: now)
            settle(waiting, now: now)
        }
        for place in 0..<tcp.halfOpen.placeCount where tcp.halfOpen[place].listener == record {
            removeHalfOpen(place)
        }
        tcp.removeListener(record)
        release(record)
    }

    /// An address is no longer ours: its connections end.
    mutating func loseConnections(at address: IPAddress) {
        for i in 0..<tcp.connections.count where tcp[i].value.isUsed && tcp[i].value.local.address == address {
            guard
                tcp[i].value.state.isSynchronized || tcp[i].value.state == .synSent
                    || tcp[i].value.state == .synReceived,
                tcp[i].value.state != .timeWait
            else { continue }
            tcp[i].value.fail(.notOurAddress)
            settle(i, now: .start)  // closed: it sends nothing more
        }
    }
}
