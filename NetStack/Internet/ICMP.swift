// ICMP (RFC 792; RFC 1122, 3.2.2): echo in both directions, and errors about our own echo requests and datagrams.

extension NetStack where Device: ~Copyable {
    /// Takes an ICMP message.
    @inline(__always)
    mutating func inputICMP(_ packet: consuming Packet, _ ip: IPv4Header, at i: Int, toGroup: Bool, now: UInt64) {
        guard let header = ICMPHeader(parsing: packet.bytes) else { return drop(.icmpTooShort, at: i) }
        guard Checksum.isRight(packet.bytes, to: packet.count) else { return drop(.icmpBadChecksum, at: i) }
        switch header.type {
        case ICMPType.echoRequest:
            // RFC 1122, 3.2.2.6: one to a group may be ignored.
            guard !toGroup else { return drop(.icmpEchoToBroadcast, at: i) }
            replyToEcho(packet, header, ip, now: now)
        case ICMPType.echoReply: inputEchoReply(header, ip, byteCount: packet.count, at: i, now: now)
        case ICMPType.destinationUnreachable, ICMPType.timeExceeded: inputError(packet.bytes, header, at: i)
        default: drop(.icmpUnknownType, at: i)
        }
    }

    /// Answers in the very buffer: type 8 becomes 0, and the checksum follows (RFC 1624).
    @inline(__always)
    private mutating func replyToEcho(_ packet: consuming Packet, _ header: ICMPHeader, _ ip: IPv4Header, now: UInt64) {
        guard let route = route(to: ip.source) else { return drop(.noRoute, at: Self.loopbackIndex) }
        let code = UInt16(header.code)
        var bytes = packet.mutableBytes
        bytes.setByte(ICMPType.echoReply, 0)
        bytes.setBE16(
            Checksum.update(
                header.checksum, from: UInt16(ICMPType.echoRequest) << 8 | code, to: UInt16(ICMPType.echoReply) << 8 | code), 2)
        output(packet, IPProtocol.icmp, from: ip.destination, to: ip.source, by: route, now: now)
    }

    private mutating func inputEchoReply(_ header: ICMPHeader, _ ip: IPv4Header, byteCount: Int, at i: Int, now: UInt64) {
        guard let slot = echoes.find(header.identifier, header.sequence, ip.source),
            byteCount == echoes.slots[slot].payloadCount + ICMPHeader.byteCount
        else { return drop(.icmpUnexpectedReply, at: i) }
        let sentAt = echoes.slots[slot].sentAt
        echoes.complete(
            slot,
            .reply(
                EchoReply(
                    roundTrip: now > sentAt ? now - sentAt : 0, timeToLive: ip.timeToLive, byteCount: byteCount,
                    sequence: header.sequence)))
    }

    /// An error quotes the header of the packet it is about, and eight bytes more.
    private mutating func inputError(_ bytes: RawSpan, _ header: ICMPHeader, at i: Int) {
        guard bytes.byteCount >= 8 + 20 + 8 else { return drop(.icmpTooShort, at: i) }
        let quotedLength = Int(bytes.byte(8) & 15) * 4
        guard bytes.byte(8) >> 4 == 4, quotedLength >= 20, 8 + quotedLength + 8 <= bytes.byteCount else {
            return drop(.icmpTooShort, at: i)
        }
        let quoted = 8 + quotedLength
        let destination = IPv4Address(bits: bytes.be32(8 + 16))
        if bytes.byte(8 + 9) == IPProtocol.udp {
            let remote = SocketAddress(destination, bytes.be16(quoted + 2))
            if !sockets.report(Self.socketError(header), local: bytes.be16(quoted), remote: remote) {
                drop(.icmpUnexpectedReply, at: i)
            }
            return
        }
        guard bytes.byte(8 + 9) == IPProtocol.icmp, bytes.byte(quoted) == ICMPType.echoRequest,
            let slot = echoes.find(bytes.be16(quoted + 4), bytes.be16(quoted + 6), destination)
        else { return drop(.icmpUnexpectedReply, at: i) }
        echoes.complete(slot, .failed(Self.error(header)))
    }

    private static func socketError(_ header: ICMPHeader) -> SocketError {
        switch error(header) {
        case .networkUnreachable: .networkUnreachable
        case .tooLarge: .tooLarge
        case .unreachable: .refused
        default: .hostUnreachable
        }
    }

    private static func error(_ header: ICMPHeader) -> EchoError {
        if header.type == ICMPType.timeExceeded { return .timeExceeded }
        switch header.code {
        case 0, 6, 9, 11: return .networkUnreachable
        case 1, 7, 8, 10, 12, 13: return .hostUnreachable
        case 4: return .tooLarge
        default: return .unreachable
        }
    }

    // MARK: Echo requests of our own

    /// Sends an echo request.
    /// - Parameters:
    ///   - payloadCount: bytes after the ICMP header.
    ///   - sequence: the caller's number, seen in the reply.
    ///   - timeout: nanoseconds until it has failed.
    /// - Returns: the slot: poll reports it when it is complete (perhaps it is at once, by loopback); then `takeEcho`, always.
    public mutating func startEcho(
        to destination: IPv4Address, payloadCount: Int, sequence: UInt16, timeout: UInt64, now: UInt64
    ) throws(EchoError) -> Int {
        guard !destination.isMulticast, !destination.isBroadcast, !destination.isThisNetwork else { throw .badAddress }
        guard let route = route(to: destination) else { throw hasAddresses ? .noRoute : .noInterface }
        guard payloadCount >= 0, payloadCount + 28 <= mtu(of: route) else { throw .tooLarge }
        var slot = EchoSlot()
        if case .interface(let i, let nextHop) = route {
            guard !table[i].isBroadcast(destination) else { throw .badAddress }
            slot.nextHop = nextHop
        }
        guard var packet = pool.take() else { throw .noMemory }
        slot.destination = destination
        slot.sequence = sequence
        slot.payloadCount = payloadCount
        slot.sentAt = now
        slot.deadline = now.addingReportingOverflow(timeout).overflow ? .max - 1 : now + timeout
        guard let number = echoes.begin(slot) else { throw .tooManyRequests }
        packet.resize(to: ICMPHeader.byteCount + payloadCount)
        fill(&packet, echoes.slots[number])
        output(
            packet, IPProtocol.icmp, from: sourceAddress(for: route, to: destination), to: destination, by: route, now: now)
        drainLoopback(now: now)
        flush()
        return number
    }

    private func fill(_ packet: inout Packet, _ slot: EchoSlot) {
        var bytes = packet.mutableBytes
        for i in 0..<slot.payloadCount { bytes.setByte(UInt8(truncatingIfNeeded: i), ICMPHeader.byteCount + i) }
        ICMPHeader(type: ICMPType.echoRequest, identifier: slot.identifier, sequence: slot.sequence).emit(to: &bytes)
    }

    var hasAddresses: Bool {
        for i in 0..<interfaceCount where table[i].hasAddress { return true }
        return false
    }

    func mtu(of route: Route) -> Int {
        switch route {
        case .loopback: Packet.capacity - EthernetHeader.byteCount
        case .interface(let i, _): table[i].mtu
        }
    }

    /// What became of a request: nil while it is under way; else the slot is free again.
    public mutating func takeEcho(_ slot: Int) -> EchoOutcome? {
        guard slot >= 0, slot < EchoTable.capacity, case .done(let outcome) = echoes.slots[slot].state else { return nil }
        echoes.slots[slot].state = .free
        echoes.completed &= ~(1 << UInt32(slot))
        return outcome
    }

    /// Forgets a request, under way or complete: its caller is gone.
    public mutating func cancelEcho(_ slot: Int) {
        guard slot >= 0, slot < EchoTable.capacity else { return }
        echoes.slots[slot].state = .free
        echoes.completed &= ~(1 << UInt32(slot))
    }

    /// Slots that completed since the last look, bit i for slot i; `poll` reports the same.
    public mutating func takeCompletedEchoes() -> UInt32 {
        let completed = echoes.completed
        echoes.completed = 0
        return completed
    }
}
