// Name queries over TCP (RFC 7766): an answer that did not fit a datagram is asked for again, of the same server, over a
// connection of the stack's own.
//
// Promise: a query has one connection at most, no longer than `ResolverTime.streamLimit`; its answer is read when all of
// it is there, and no longer one than `DNSField.streamLimit`. What waits counts to the share of sockets, of which some is
// always free.

import Storage

extension NetStack where Device: ~Copyable {
    /// Asks a server again over TCP. False: no connection can be begun.
    mutating func askByStream(_ i: Int, _ server: Int, now: Instant) -> Bool {
        let query = resolver.queries.ref(i)
        let socket = querySocket(i, server)
        guard let address = sockets.udp(socket)?.value.peer, let record = tcp.take() else { return false }
        query.value.asked &= ~(1 << UInt8(server))
        query.value.streamServer = server
        query.value.hasAskedByStream = false
        sockets.openOwnStream(socket - sockets.userCount, record)
        tcp[record].value.socket = socket
        tcp[record].value.receiver.bufferLimit = DNSField.streamLimit + 2
        tcp[record].value.receiver.isFixed = true
        do throws(SocketError) {
            try connectStream(record, to: address, now: now)
        } catch {
            closeQueryStream(i, now: now)
            return false
        }
        timers.set(.query(i), at: now + ResolverTime.streamLimit)
        return true
    }

    /// Ends a query's connection, if it has one.
    mutating func closeQueryStream(_ i: Int, now: Instant) {
        guard let server = resolver.queries[i].streamServer else { return }
        resolver.queries[i].streamServer = nil
        let socket = querySocket(i, server)
        let record = stream(socket)
        sockets.close(socket)
        if let record { closeStream(record, now: now) }
    }

    /// What has become of a question over TCP; nil: nothing yet.
    mutating func streamVerdict(_ i: Int, _ server: Int, now: Instant) -> DNSVerdict? {
        let query = resolver.queries.ref(i)
        let socket = querySocket(i, server)
        guard let record = stream(socket) else { return .failure }
        let connection = tcp[record]
        if connection.value.state == .synSent || connection.value.state == .synReceived { return nil }
        if !query.value.hasAskedByStream {
            query.value.hasAskedByStream = true
            query.value.identifiers[server] = UInt16(truncatingIfNeeded: random.number())
            guard sendQuestion(i, server, over: socket, now: now) else { return .failure }
        }
        let mayGrow = connection.value.state.mayReceive && !connection.value.receiver.isFinished
        let available = connection.value.receiver.available
        guard available >= 2 else { return mayGrow ? nil : .failure }
        let length = connection.value.receiver.queue.firstLength
        guard length >= DNSField.headerCount, length <= DNSField.streamLimit else { return .failure }
        guard available >= 2 + length else { return mayGrow ? nil : .failure }
        guard let train = connection.value.receiver.readAll(available, pool, &sockets.share) else { return .failure }
        var at = -2
        train.forEachPart { part in
            for offset in 0..<part.byteCount {
                if at >= 0, at < length { resolver.answer[at] = part.byte(offset) }
                at += 1
            }
        }
        // What the datagram had stays when this has nothing.
        let partial = query.value.addresses
        // The table's memory lives as long as the stack, and nothing writes to it before the next answer.
        let message = unsafe RawSpan(_unsafeStart: resolver.answer.elements, byteCount: length)
        let verdict = DNSMessage.parseAnswer(
            message, identifier: query.value.identifiers[server], name: &query.value.current,
            addresses: &query.value.addresses, timeToLive: &query.value.timeToLive)
        if verdict == nil || verdict == .failure || verdict == .truncated { query.value.addresses = partial }
        return verdict ?? .failure
    }

    private mutating func sendQuestion(_ i: Int, _ server: Int, over socket: Int, now: Instant) -> Bool {
        guard var packet = pool.take(.own), packet.resize(to: TCPLimit.segmentHeadroom),
            packet.trimFront(TCPLimit.segmentHeadroom), packet.resize(to: 2 + DNSField.messageLimit)
        else { return false }
        var bytes = packet.mutableBytes
        let identifier = resolver.queries[i].identifiers[server]
        guard
            let length = DNSMessage.emitQuestion(
                resolver.queries[i].current, identifier: identifier, to: &bytes, at: 2)
        else { return false }
        bytes.setBE16(UInt16(truncatingIfNeeded: length), 0)
        packet.resize(to: 2 + length)
        var queue = PacketQueue()
        queue.append(packet)
        do throws(SocketError) { try sendStream(queue, on: socket, now: now) } catch { return false }
        return true
    }
}

extension PacketQueue {
    /// The number of two bytes in network order that the packets begin with; they have so many.
    fileprivate var firstLength: Int {
        var value = 0, count = 0
        forEach { packet in
            guard count < 2 else { return }
            packet.forEachPart { part in
                for i in 0..<part.byteCount where count < 2 {
                    value = value << 8 | Int(part.byte(i))
                    count += 1
                }
            }
        }
        return value
    }
}
