// ICMP errors (RFC 792; RFC 1122, 3.2.2): those that we send, never about a broadcast, a later fragment or another
// error, and not many; and those that others send about our packets.

/// The errors that a host sends.
struct ICMPError {
    let type: UInt8
    let code: UInt8
    static let protocolUnreachable = ICMPError(type: ICMPType.destinationUnreachable, code: 2)
    static let portUnreachable = ICMPError(type: ICMPType.destinationUnreachable, code: 3)
    static let reassemblyTimeExceeded = ICMPError(type: ICMPType.timeExceeded, code: 1)
}

/// How many errors may go out: a burst, refilled at a steady rate (RFC 1812, 4.3.2.8).
struct ErrorLimiter {
    static var burst: UInt64 { 10 }
    /// The time for one more.
    static var interval: Duration { .milliseconds(100) }

    /// The instant at which the bucket would be full again.
    private var full = Instant.start

    mutating func allows(now: Instant) -> Bool {
        full = max(full, now)
        guard full - now <= Self.interval * (Self.burst - 1) else { return false }
        full = full + Self.interval
        return true
    }
}

/// What an ICMP error says about a packet of ours.
struct ICMPComplaint {
    let error: EchoError
    /// Type × 256 + code.
    let code: UInt16
    /// The router, or the destination, that says so.
    let reporter: IPv4Address
    /// Bytes that the next link takes; 0: not said (RFC 1191).
    let nextHopMTU: Int
    /// The packet that it is about.
    let source: IPv4Address
    let destination: IPv4Address
    let protocolNumber: UInt8
    let dontFragment: Bool
    /// Where in the message the packet's own transport header is; eight bytes of it are there.
    let quoted: Int

    /// nil when the message quotes no IPv4 header and eight bytes more.
    init?(_ bytes: RawSpan, _ header: ICMPHeader, from reporter: IPv4Address) {
        let start = ICMPHeader.byteCount
        guard bytes.byteCount >= start + 20 + 8 else { return nil }
        let quotedLength = Int(bytes.byte(start) & 15) * 4
        guard bytes.byte(start) >> 4 == 4, quotedLength >= 20, start + quotedLength + 8 <= bytes.byteCount else {
            return nil
        }
        error = Self.error(header)
        code = UInt16(header.type) << 8 | UInt16(header.code)
        nextHopMTU = Int(header.sequence)
        self.reporter = reporter
        source = IPv4Address(bits: bytes.be32(start + 12))
        destination = IPv4Address(bits: bytes.be32(start + 16))
        protocolNumber = bytes.byte(start + 9)
        dontFragment = bytes.byte(start + 6) & 0x40 != 0
        quoted = start + quotedLength
    }

    private static func error(_ header: ICMPHeader) -> EchoError {
        if header.type == ICMPType.timeExceeded { return .timeExceeded }
        if header.type == ICMPType.parameterProblem { return .unreachable }
        switch header.code {
        case 0, 6, 9, 11: return .networkUnreachable
        case 1, 7, 8, 10, 12, 13: return .hostUnreachable
        case 4: return .tooLarge
        default: return .unreachable
        }
    }

    var socketError: SocketError {
        switch error {
        case .networkUnreachable: .networkUnreachable
        case .tooLarge: .tooLarge
        case .unreachable: .refused
        default: .hostUnreachable
        }
    }
}

extension NetStack where Device: ~Copyable {
    // MARK: Out

    /// Tells the sender of a unicast datagram what is wrong with it, in the very buffer. The packet starts behind its
    /// IPv4 header, whose bytes still stand in front of it.
    @inline(never)
    mutating func sendError(
        _ error: ICMPError, about packet: consuming Packet, _ ip: IPv4Header, _ arrival: Arrival, now: Instant
    ) {
        guard !ip.destination.isMulticast, !ip.destination.isBroadcast, ip.source.isUnicast || ip.source.isLoopback
        else { return }
        guard errorLimiter.allows(now: now) else { return drop(.icmpErrorLimited, at: arrival.interface) }
        guard let route = route(backTo: IPAddress(ip.source), arrival), packet.prepend(ip.headerLength) else { return }
        // The header and the first 8 bytes of what it carries (RFC 792).
        packet.truncate(to: min(packet.totalCount, ip.headerLength + 8))
        guard packet.prepend(ICMPHeader.byteCount) else { return }
        var bytes = packet.mutableBytes
        ICMPHeader(type: error.type, code: error.code).emit(to: &bytes)
        output(
            packet, Envelope(protocolNumber: IPProtocol.icmp, source: ip.destination, destination: ip.source),
            by: route, now: now)
    }

    // MARK: In

    /// Takes an error message. Returns the echo socket that is to get it, if it is about a request of one.
    mutating func inputError(
        _ bytes: RawSpan, _ header: ICMPHeader, _ ip: IPv4Header, at i: InterfaceID, now: Instant
    ) -> Int? {
        guard let complaint = ICMPComplaint(bytes, header, from: ip.source) else {
            drop(.icmpTooShort, at: i)
            return nil
        }
        guard isOwn(IPAddress(complaint.source)) else {
            drop(.icmpUnexpectedReply, at: i)
            return nil
        }
        var echo: Int?
        let first = bytes.be16(complaint.quoted), second = bytes.be16(complaint.quoted + 2)
        // What we send may be fragmented: that it was too large ends nothing (RFC 1191, 3).
        let isError = complaint.error != .tooLarge || complaint.dontFragment
        var isOurs = false
        switch complaint.protocolNumber {
        case IPProtocol.udp:
            isOurs = report(
                isError ? complaint.socketError : nil, by: complaint.reporter, complaint.code, local: first,
                remote: Endpoint(complaint.destination, second))
        case IPProtocol.tcp:
            isOurs = reportToConnection(
                isError && complaint.error != .tooLarge ? complaint.socketError : nil,
                by: IPAddress(complaint.reporter),
                complaint.code, local: Endpoint(complaint.source, first),
                remote: Endpoint(complaint.destination, second),
                sequence: SequenceNumber(bytes.be32(complaint.quoted + 4)), now: now)
        case IPProtocol.icmp where bytes.byte(complaint.quoted) == ICMPType.echoRequest:
            let identifier = bytes.be16(complaint.quoted + 4), sequence = bytes.be16(complaint.quoted + 6)
            if let slot = echoes.find(identifier, sequence, IPAddress(complaint.destination)) {
                isOurs = true
                if isError { echoes.complete(slot, .failed(complaint.error), &timers, &completions) }
            } else if let socket = sockets.findEcho(identifier) {
                isOurs = true
                if isError { echo = socket }
            }
        default: break
        }
        guard isOurs else {
            drop(.icmpUnexpectedReply, at: i)
            return nil
        }
        // Believed only about what was sent a moment ago: a host that cannot see our packets cannot shrink them.
        if complaint.error == .tooLarge, complaint.nextHopMTU > 0 {
            pathMTUs.lower(IPAddress(complaint.destination), to: complaint.nextHopMTU, now: now, &timers)
            if complaint.protocolNumber == IPProtocol.tcp {
                pathShrank(
                    local: Endpoint(complaint.source, first), remote: Endpoint(complaint.destination, second), now: now)
            }
        }
        return echo
    }

    /// A neighbour did not answer: what waited for it did not get through, which its sockets report.
    mutating func reportUndelivered(_ packets: consuming PacketQueue, at i: InterfaceID, now: Instant) {
        while let packet = packets.removeFirst() {
            drop(.neighbourSilent, at: i)
            reportUndelivered(packet, at: i, now: now)
        }
    }

    private mutating func reportUndelivered(_ packet: consuming Packet, at i: InterfaceID, now: Instant) {
        let ip: IPv4Header
        do { ip = try IPv4Header(parsing: packet.bytes, frameCount: packet.totalCount) } catch { return }
        guard ip.fragment & 0x1fff == 0, packet.count >= ip.headerLength + 8 else { return }
        let first = packet.bytes.be32(ip.headerLength), second = packet.bytes.be16(ip.headerLength + 4)
        switch ip.protocolNumber {
        case IPProtocol.udp:
            _ = report(
                .hostUnreachable, by: ip.source, 0, local: UInt16(truncatingIfNeeded: first >> 16),
                remote: Endpoint(ip.destination, UInt16(truncatingIfNeeded: first)))
        case IPProtocol.tcp:
            _ = reportToConnection(
                .hostUnreachable, by: IPAddress(ip.source), 0,
                local: Endpoint(ip.source, UInt16(truncatingIfNeeded: first >> 16)),
                remote: Endpoint(ip.destination, UInt16(truncatingIfNeeded: first)),
                sequence: SequenceNumber(packet.bytes.be32(ip.headerLength + 4)), now: now)
        case IPProtocol.icmp where first >> 24 == UInt32(ICMPType.echoRequest):
            if let socket = sockets.findEcho(second) { deliverUndelivered(packet, ip, to: socket, at: i) }
        default: break
        }
    }

    /// Notes an error, unless it is nil, at the socket that it is about. False when there is no such socket.
    private mutating func report(
        _ error: SocketError?, by reporter: IPv4Address, _ code: UInt16, local port: UInt16, remote: Endpoint
    ) -> Bool {
        guard let socket = sockets.report(error, by: IPAddress(reporter), code, local: port, remote: remote) else {
            return false
        }
        if error != nil { arrived(at: socket) }
        return true
    }
}
