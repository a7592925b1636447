// What the tests of TCP share: a peer made of literal segments, and a connection in each state.

import Testing

@testable import NetStack

/// A segment of the peer's, or of ours, with relative numbers taken out.
struct Segment: Equatable {
    var flags: TCPFlags
    var sequence: UInt32
    var acknowledgment: UInt32 = 0
    var window: UInt16 = 30_000
    var options: [UInt8] = []
    var payload: [UInt8] = []
    var service: UInt8 = 0

    /// A frame from the peer to the guest, or the other way round.
    func frame(
        from source: IPv4Address = peerAddress, _ sourcePort: UInt16, to destination: IPv4Address = guestAddress,
        _ destinationPort: UInt16
    ) -> [UInt8] {
        func be16(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 255)] }
        func be32(_ value: UInt32) -> [UInt8] { be16(UInt16(value >> 16)) + be16(UInt16(value & 0xffff)) }
        var tcp = be16(sourcePort) + be16(destinationPort) + be32(sequence) + be32(acknowledgment)
        tcp +=
            [UInt8((20 + options.count) / 4) << 4, flags.rawValue] + be16(window) + [0, 0, 0, 0] + options + payload
        let pseudo = be32(source.bits) + be32(destination.bits) + [0, 6] + be16(UInt16(tcp.count))
        let sum = Self.checksum(pseudo + tcp)
        tcp[16] = UInt8(sum >> 8)
        tcp[17] = UInt8(sum & 255)
        var ip: [UInt8] = [0x45, service] + be16(UInt16(20 + tcp.count)) + [0, 0, 0x40, 0, 64, 6, 0, 0]
        ip += be32(source.bits) + be32(destination.bits)
        let ipSum = Self.checksum(ip)
        ip[10] = UInt8(ipSum >> 8)
        ip[11] = UInt8(ipSum & 255)
        let mac: [UInt8] = [0x52, 0x54, 0, 0x73, 0x77, 0x66, 0x52, 0x55, 0x0a, 0, 2, 2]
        return mac + [8, 0] + ip + tcp
    }

    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for i in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[i]) << 8 | (i + 1 < bytes.count ? UInt32(bytes[i + 1]) : 0)
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return ~UInt16(sum)
    }

    /// A TCP segment of a frame, its checksums looked at; nil for anything else.
    init?(_ frame: [UInt8]) {
        guard frame.count >= 54, frame[12] == 8, frame[13] == 0, frame[23] == 6 else { return nil }
        let length = Int(frame[16]) << 8 | Int(frame[17])
        let tcp = Array(frame[34..<14 + length])
        let pseudo = Array(frame[26..<34]) + [0, 6, UInt8(tcp.count >> 8), UInt8(tcp.count & 255)]
        #expect(Self.checksum(pseudo + tcp) == 0, "a wrong TCP checksum")
        #expect(Self.checksum(Array(frame[14..<34])) == 0, "a wrong IP checksum")
        func be32(_ at: Int) -> UInt32 { tcp[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        flags = TCPFlags(rawValue: tcp[13])
        sequence = be32(4)
        acknowledgment = be32(8)
        window = UInt16(tcp[14]) << 8 | UInt16(tcp[15])
        let header = Int(tcp[12] >> 4) * 4
        options = Array(tcp[20..<header])
        payload = Array(tcp[header...])
        service = frame[15]
    }

    init(
        _ flags: TCPFlags, _ sequence: UInt32, _ acknowledgment: UInt32 = 0, window: UInt16 = 30_000,
        options: [UInt8] = [], payload: [UInt8] = [], service: UInt8 = 0
    ) {
        self.flags = flags
        self.sequence = sequence
        self.acknowledgment = acknowledgment
        self.window = window
        self.options = options
        self.payload = payload
        self.service = service
    }
}

/// A guest with one connection to a peer that the test plays. The peer's port is 9, its first number 5000.
final class TCPBench {
    let host: TestHost
    var socket = -1
    var port: UInt16 = 0
    /// RCV.NXT, SND.UNA and SND.NXT as the peer knows them.
    var r: UInt32 = 5001
    var una: UInt32 = 0
    var next: UInt32 = 0
    var window: UInt32 = 0
    var now: Instant = 0
    static let peerPort: UInt16 = 9

    init(packets: Int = 256) {
        host = TestHost(packets: packets)
        host.learn()
        host.stack.neighbours.entries[host.stack.neighbours.find(IPAddress(peerAddress), on: .card(0))!]
            .reachableUntil = .never
    }

    /// Delivers a segment of the peer's, and returns what goes out.
    @discardableResult
    func deliver(_ segment: Segment) -> [Segment] {
        note(host.deliver(segment.frame(Self.peerPort, port), at: now).compactMap { Segment($0) })
    }

    /// What goes out at an instant.
    @discardableResult
    func poll(at instant: Instant) -> [Segment] {
        now = instant
        _ = host.stack.poll(now: now, budget: 100)
        return sent()
    }

    /// What has gone out.
    @discardableResult
    func sent() -> [Segment] { note(host.wire.takeOutgoing().compactMap { Segment($0) }) }

    private func note(_ segments: [Segment]) -> [Segment] {
        for segment in segments where segment.flags.contains(.ack) && !segment.flags.contains(.rst) {
            window = UInt32(segment.window)
        }
        return segments
    }

    /// The state of the one connection.
    var state: TCPState {
        var listens = false
        for i in 0..<host.stack.connectionCount {
            guard let report = host.stack.connectionReport(i), report.local.port == port else { continue }
            if report.info.state != .listen { return report.info.state }
            listens = true
        }
        return listens ? .listen : .closed
    }

    // MARK: Ways into the states

    /// SYN-SENT.
    func connect(_ options: [(StreamOption, Int)] = []) throws {
        socket = try host.stack.openStream()
        for (option, value) in options { _ = host.stack.setStream(socket, option, value, now: now) }
        try host.stack.connectSocket(socket, to: Endpoint(peerAddress, Self.peerPort), now: now)
        let syn = try #require(sent().last)
        port = host.stack.localAddress(ofSocket: socket).port
        una = syn.sequence
        next = syn.sequence &+ 1
    }

    /// ESTABLISHED, with a peer that has these options.
    @discardableResult
    func establish(
        options: [UInt8] = [], window: UInt16 = 30_000, flags: TCPFlags = [.syn, .ack], after roundTrip: Instant = 0
    ) throws -> [Segment] {
        try connect()
        now = roundTrip
        let answer = deliver(Segment(flags, 5000, next, window: window, options: options))
        una = next
        return answer
    }

    func shut() throws {
        try host.stack.shutdown(socket, receiving: false, sending: true, now: now)
        sent()
        next &+= 1
    }

    func finish() {
        deliver(Segment([.fin, .ack], r, una))
        r &+= 1
    }

    func acknowledgeAll() {
        deliver(Segment(.ack, r, next))
        una = next
    }

    func listen() throws {
        socket = try host.stack.openStream()
        port = 80
        try host.stack.bindSocket(socket, to: Endpoint(.any, 80))
        try host.stack.listen(socket, backlog: 4)
        r = 5000
    }

    /// Puts payload into the stream.
    @discardableResult
    func send(_ bytes: [UInt8]) throws -> [Segment] {
        var queue = PacketQueue()
        var rest = bytes[...]
        let size = try host.stack.streamRoom(socket).segment
        while !rest.isEmpty, var packet = host.pool.pool.take(.sending) {
            packet.resize(to: TCPLimit.segmentHeadroom)
            packet.trimFront(TCPLimit.segmentHeadroom)
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            packet.resize(to: piece.count)
            var span = packet.mutableBytes
            for (i, byte) in piece.enumerated() { span.setByte(byte, i) }
            queue.append(packet)
        }
        try host.stack.sendStream(queue, on: socket, now: now)
        return sent()
    }

    func receive(_ limit: Int = 100_000) throws -> [UInt8]? {
        switch try host.stack.receiveStream(socket, limit: limit, now: now) {
        case .data(let packet): return copy(packet)
        case .end: return []
        case .nothing: return nil
        }
    }

    // MARK: What the program sees

    var info: StreamInfo { host.stack.streamInfo(socket) ?? StreamInfo() }
    var error: SocketError? { host.stack.takeStreamError(socket) }
    var counters: TCPCounters { host.stack.tcpCounters }
    func set(_ option: StreamOption, _ value: Int) -> Bool { host.stack.setStream(socket, option, value, now: now) }
    func accept() throws -> Int? { try host.stack.accept(socket) }
}

extension Segment: CustomStringConvertible {
    /// A line: a failure does not print the payload.
    var description: String {
        "[flags \(flags.rawValue)] \(sequence)+\(payload.count) ack \(acknowledgment) win \(window) options \(options)"
    }
}
