// ICMP (RFC 792; RFC 1122, 3.2.2): echo requests are answered, replies and errors find the request that they are about.

import Storage

extension NetStack where Device: ~Copyable {
    /// Takes an ICMP message.
    @inline(__always)
    mutating func inputICMP(_ packet: consuming Packet, _ ip: IPv4Header, _ arrival: Arrival, now: Instant) {
        let i = arrival.interface
        guard let header = ICMPHeader(parsing: packet.bytes) else { return drop(.icmpTooShort, at: i) }
        let byteCount = packet.totalCount
        var sum = Checksum()
        sum.add(packet, to: byteCount)
        guard sum.folded == 0xffff else { return drop(.icmpBadChecksum, at: i) }
        switch header.type {
        case ICMPType.echoRequest:
            // RFC 1122, 3.2.2.6: one to a group may be ignored.
            guard !arrival.isToGroup else { return drop(.icmpEchoToBroadcast, at: i) }
            guard let route = route(backTo: IPAddress(ip.source), arrival) else { return drop(.noRoute, at: i) }
            Self.turnIntoReply(&packet, header)
            if ip.headerLength > IPv4Header.leastByteCount, returnOptions(in: &packet, ip, route, now: now) {
                return forward(packet, to: ip.source, by: route, now: now)
            }
            output(packet, Self.reply(to: ip), by: route, now: now)
        case ICMPType.echoReply:
            if inputEchoReply(header, ip, byteCount: byteCount, now: now) { return }
            guard let socket = sockets.findEcho(header.identifier) else { return drop(.icmpUnexpectedReply, at: i) }
            deliverEcho(packet, to: socket, from: ip.source, timeToLive: ip.timeToLive, at: i)
        case ICMPType.destinationUnreachable, ICMPType.timeExceeded, ICMPType.parameterProblem:
            if let socket = inputError(packet.bytes, header, ip, at: i, now: now) {
                deliverEcho(packet, to: socket, from: ip.source, timeToLive: ip.timeToLive, at: i)
            }
        default: drop(.icmpUnknownType, at: i)
        }
    }

    /// In the very buffer: type 8 becomes 0, and the checksum follows (RFC 1624).
    @inline(__always)
    private static func turnIntoReply(_ packet: inout Packet, _ header: ICMPHeader) {
        let code = UInt16(header.code)
        var bytes = packet.mutableBytes
        bytes.setByte(ICMPType.echoReply, 0)
        let checksum = Checksum.update(
            header.checksum, from: UInt16(ICMPType.echoRequest) << 8 | code,
            to: UInt16(ICMPType.echoReply) << 8 | code)
        // Both are zero in one's complement; of a message that is all zeros receivers take this one only.
        bytes.setBE16(checksum == 0 ? 0xffff : checksum, 2)
    }

    @inline(__always)
    private static func reply(to ip: IPv4Header) -> Envelope {
        Envelope(protocolNumber: IPProtocol.icmp, source: ip.destination, destination: ip.source)
    }

    /// Takes the reply to a request of the ping system call; false when it is none.
    private mutating func inputEchoReply(
        _ header: ICMPHeader, _ ip: IPv4Header, byteCount: Int, now: Instant
    ) -> Bool {
        guard let slot = echoes.find(header.identifier, header.sequence, IPAddress(ip.source)),
            byteCount == echoes.slots[slot].payloadCount + ICMPHeader.byteCount
        else { return false }
        let reply = EchoReply(
            roundTrip: now - echoes.slots[slot].sentAt, timeToLive: ip.timeToLive, byteCount: byteCount,
            sequence: header.sequence)
        echoes.complete(slot, .reply(reply), &timers, &completions)
        return true
    }
}
