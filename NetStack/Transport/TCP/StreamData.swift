// What a program sends to and receives from a connection (RFC 9293, 3.10.2 and 3.10.3), and what it can find out.

import Storage

/// What a read of a stream found.
public enum StreamRead: ~Copyable {
    /// Bytes, perhaps a train of them.
    case data(Packet)
    /// The peer sends no more.
    case end
    /// Nothing yet.
    case nothing
}

extension NetStack where Device: ~Copyable {
    /// Bytes that a program can add to a stream now, and how many make a full segment. 0 bytes: it has to wait.
    /// - Throws: notConnected; brokenPipe: the program, or the peer, has ended this way; what ended the connection.
    public mutating func streamRoom(_ i: Int) throws(SocketError) -> (bytes: Int, segment: Int) {
        guard let record = stream(i) else { throw .notConnected }
        let connection = tcp[record]
        if let error = connection.value.error.take() {
            throw error
        }
        switch connection.value.state {
        case .established, .closeWait:
            guard findsPackets(for: record) else {
                // The socket becomes writable when others have given some back.
                connection.value.awaitsPackets = true
                stall(record)
                return (0, connection.value.sender.segmentSize)
            }
            return (connection.value.sender.room, connection.value.sender.segmentSize)
        case .synSent, .synReceived: return (0, connection.value.sender.segmentSize)
        case .closed where connection.value.remote == .unspecified: throw .notConnected
        case .listen: throw .notConnected
        default: throw .brokenPipe
        }
    }

    /// Whether the share of sending has a packet for a connection. A quarter of it is for all else (datagrams, ACKs,
    /// copies), whatever peers there are that acknowledge nothing: of the rest a connection has no more than twice what
    /// is left for the others (see ReceiveShare), and its first packet may be of half of that quarter.
    private func hasPackets(for record: Int) -> Bool {
        let limit = pool.limit(.sending)
        let free = limit - limit / 4 - pool.held(.sending), count = tcp[record].value.sender.queue.count
        return count == 0 ? free > -limit / 8 : free > 0 && count <= 2 * free
    }

    /// The same, with what the cards keep for programs that hold them.
    mutating func findsPackets(for record: Int) -> Bool {
        hasPackets(for: record) || collectKept() && hasPackets(for: record)
    }

    /// Queues payload, packets of one buffer each, and sends what may be sent.
    public mutating func sendStream(_ payload: consuming PacketQueue, on i: Int, now: Instant) throws(SocketError) {
        guard let record = stream(i) else { throw .notConnected }
        let connection = tcp[record]
        if let error = connection.value.error.take() { throw error }
        guard connection.value.state.maySend else { throw .brokenPipe }
        while let packet = payload.removeFirst() { connection.value.sender.append(packet) }
        settle(record, now: now)
        drainLoopback(now: now)
        flush()
    }

    /// Takes bytes that have arrived.
    /// - Parameter limit: bytes at most; above 0.
    public mutating func receiveStream(_ i: Int, limit: Int, now: Instant) throws(SocketError) -> StreamRead {
        guard let record = stream(i) else { throw .notConnected }
        let connection = tcp[record]
        if connection.value.receiver.available > 0 {
            let before = connection.value.receiver.available
            guard let packet = connection.value.receiver.readAll(limit, pool, &sockets.share) else { throw .noMemory }
            took(before - connection.value.receiver.available, from: record, now: now)
            return .data(packet)
        }
        return try ending(record)
    }

    /// A copy of the first bytes that have arrived, which stay (MSG_PEEK).
    public mutating func peekStream(_ i: Int, limit: Int) throws(SocketError) -> StreamRead {
        guard let record = stream(i) else { throw .notConnected }
        guard tcp[record].value.receiver.available > 0 else { return try ending(record) }
        guard let copy = tcp[record].value.receiver.queue.copiedFront(limit, from: pool) else { throw .noMemory }
        return .data(copy)
    }

    private func ending(_ record: Int) throws(SocketError) -> StreamRead {
        let connection = tcp[record]
        if let error = connection.value.error.take() { throw error }
        if connection.value.receiver.isFinished || connection.value.receiver.isShut { return .end }
        switch connection.value.state {
        case .closed:
            if connection.value.remote == .unspecified { throw .notConnected }
            return .end
        case .listen: throw .notConnected
        default: return .nothing
        }
    }

    /// The window has grown: an update is sent when that is worth a segment.
    private mutating func took(_ count: Int, from record: Int, now: Instant) {
        let connection = tcp[record]
        if !connection.value.receiver.isFixed,
            let larger = connection.value.receiver.growth.took(
                count, limit: connection.value.receiver.bufferLimit, now: now)
        {
            connection.value.receiver.bufferLimit = larger
        }
        guard connection.value.state.mayReceive else { return }
        let announced = connection.value.receiver.announced(limit: receiveLimit(connection.value.receiver.held))
        let window = connection.value.receiver.window
        // Each segment's ACK says how far the window has grown: only a small window is worth one of its own.
        guard announced > window, announced >= 2 * window else { return }
        connection.value.receiver.owesAck = true
        settle(record, now: now)
        drainLoopback(now: now)
        flush()
    }

    /// What a stream socket can do without making its caller wait.
    func streamReadiness(_ record: Int) -> SocketReadiness {
        let connection = tcp[record]
        var readiness: SocketReadiness = []
        if connection.value.error != nil { readiness.formUnion([.readable, .writable, .error]) }
        switch connection.value.state {
        case .listen: if connection.value.waitingCount > 0 { readiness.insert(.readable) }
        case .closed: readiness.formUnion([.readable, .writable, .hangUp])
        case .synSent, .synReceived: break
        default:
            if connection.value.receiver.available > 0 || connection.value.receiver.isFinished
                || connection.value.receiver.isShut
            {
                readiness.insert(.readable)
            }
            if !connection.value.state.maySend
                || connection.value.sender.room >= connection.value.sender.bufferLimit / 3
            {
                readiness.insert(.writable)
            }
            if connection.value.receiver.isFinished, !connection.value.state.maySend || connection.value.sender.isShut {
                readiness.insert(.hangUp)
            }
        }
        return readiness
    }
}

extension PacketQueue {
    /// The first bytes of all packets in packets of their own; nil when the pool has none.
    func copiedFront(_ limit: Int, from pool: PacketPool) -> Packet? {
        var left = limit
        var pieces = PacketQueue()
        var isShort = false
        forEach { packet in
            guard left > 0, !isShort else { return }
            guard let copy = packet.copiedFront(left, from: pool) else {
                isShort = true
                return
            }
            left -= copy.totalCount
            pieces.append(copy)
        }
        return isShort ? nil : pieces.coupled()
    }
}
