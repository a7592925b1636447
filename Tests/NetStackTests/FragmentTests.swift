// Datagrams in pieces: cut and put together, in any order, within bounds, never mixed.

import Testing

@testable import NetStack

@Suite struct FragmentTests {
    /// A host with a pool that holds the largest datagram several times.
    private func roomyHost(_ address: IPv4Address = guestAddress, _ hardware: EthernetAddress = guestHardware)
        -> TestHost
    {
        let host = TestHost(address, hardware, packets: 512)
        if address != peerAddress { host.learn(peerAddress, peerHardware) }
        if address != guestAddress { host.learn(guestAddress, guestHardware) }
        return host
    }

    private func peer() -> TestHost { roomyHost(peerAddress, peerHardware) }

    /// Sends a payload as the kernel does: cut into packets.
    private func send(_ host: TestHost, _ bytes: [UInt8], from socket: Int, to: Endpoint) throws {
        let first = Array(bytes.prefix(FragmentSize.ethernet - 8))
        var payload = host.pool.packet(first)!
        for start in stride(from: first.count, to: bytes.count, by: FragmentSize.ethernet) {
            payload.append(
                part: host.pool.packet(Array(bytes[start..<min(bytes.count, start + FragmentSize.ethernet)]))!)
        }
        try host.stack.send(payload, from: socket, to: to, now: 0)
    }

    private func receive(_ host: TestHost, _ socket: Int) throws -> [UInt8]? {
        guard let datagram = try host.stack.receive(from: socket) else { return nil }
        return copy(datagram.payload)
    }

    /// A payload in parts of these lengths, with the last one taking what is left.
    private func train(_ host: TestHost, _ bytes: [UInt8], _ lengths: [Int]) -> Packet {
        var packet = host.pool.packet(Array(bytes.prefix(lengths[0])))!
        var start = lengths[0]
        for length in lengths.dropFirst() + [.max] where start < bytes.count {
            let end = start + min(length, bytes.count - start)
            packet.append(part: host.pool.packet(Array(bytes[start..<end]))!)
            start = end
        }
        return packet
    }

    @Test(arguments: [
        [1472], [9, 700, 1333], [1801, 1803, 11], [100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 1000],
    ])
    func trainsOfAnyPartsAreCutIntoFragments(lengths: [Int]) throws {
        let (host, peer) = (roomyHost(), peer())
        let socket = try host.stack.openSocket(), listener = try peer.stack.openSocket()
        try peer.stack.bindSocket(listener, to: Endpoint(.any, 7))
        let sent = pattern(lengths.reduce(0, +) + 1700)
        let free = host.pool.pool.freeCount
        try host.stack.send(train(host, sent, lengths), from: socket, to: Endpoint(peerAddress, 7), now: 0)
        let frames = host.wire.takeOutgoing()
        for frame in frames { #expect(frame.count <= 1514) }
        for frame in frames { #expect(peer.deliver(frame).isEmpty) }
        #expect(try receive(peer, listener) == sent)
        #expect(host.pool.pool.freeCount == free)
    }

    private func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) } }

    @Test(arguments: [1, 1472, 1473, 1800, 1878, 1879, 2952, 2953, 9000, 60_000, 65_507])
    func datagramOfAnySizeArrivesWhole(count: Int) throws {
        let (host, peer) = (roomyHost(), peer())
        let socket = try host.stack.openSocket(), listener = try peer.stack.openSocket()
        try peer.stack.bindSocket(listener, to: Endpoint(.any, 7))
        for order in 0..<3 {
            let sent = pattern(count)
            try send(host, sent, from: socket, to: Endpoint(peerAddress, 7))
            var frames = host.wire.takeOutgoing()
            #expect(frames.count == (count + 8 + 1479) / 1480)
            for frame in frames { #expect(frame.count <= 1514) }
            if order == 1 { frames.reverse() }
            if order == 2 {
                var random = SeededRandom(seed: UInt64(count))
                frames.shuffle(using: &random)
                frames += frames.dropLast()  // and twice, after it is complete: a new datagram that never is
            }
            for frame in frames { #expect(peer.deliver(frame).isEmpty) }
            let arrived = try #require(try receive(peer, listener))
            #expect(arrived == sent)
        }
        peer.stack.closeSocket(listener)
        _ = peer.deliver(at: 31 * second)
        check(peer.pool.pool.freeCount == 512)
        check(host.pool.pool.freeCount == 512)
    }

    /// Flags and offset of each fragment, as RFC 791, 3.1 has them: MF but in the last, and units of eight bytes.
    @Test func fragmentsSayTheirPlaceInEights() throws {
        let host = roomyHost()
        let socket = try host.stack.openSocket()
        try send(host, pattern(3992), from: socket, to: Endpoint(peerAddress, 7))
        let fields = host.wire.takeOutgoing().map { UInt16($0[20]) << 8 | UInt16($0[21]) }
        #expect(fields == [0x2000, 0x2000 | 185, 370])
    }

    @Test(arguments: [1473, 4000, 65_507]) func echoOfAnySizeIsAnswered(count: Int) throws {
        let (host, peer) = (roomyHost(), peer())
        let slot = try host.stack.startEcho(
            to: peerAddress, payloadCount: count, sequence: 1, timeout: 1 * second, now: 0)
        var replies: [[UInt8]] = []
        for frame in host.wire.takeOutgoing() { replies += peer.deliver(frame) }
        for frame in replies { _ = host.deliver(frame, at: 5) }
        guard case .reply(let reply) = host.stack.takeEcho(slot) else {
            Issue.record("no reply")
            return
        }
        #expect(reply.byteCount == count + 8)
        check(peer.pool.pool.freeCount == 512)
        check(host.pool.pool.freeCount == 512)
    }

    @Test func loopbackCarriesTheLargest() throws {
        let host = roomyHost()
        let socket = try host.stack.openSocket(), listener = try host.stack.openSocket()
        try host.stack.bindSocket(listener, to: Endpoint(.any, 7))
        try send(host, pattern(65_507), from: socket, to: Endpoint(.loopback, 7))
        #expect(try receive(host, listener) == pattern(65_507))
    }

    /// Fragments of one datagram of 40 bytes after the header, as (offset, count, more).
    private func fragment(_ offset: Int, _ count: Int, more: Bool, identification: UInt16 = 9, fill: UInt8 = 1)
        -> [UInt8]
    {
        var bytes = [UInt8](repeating: fill, count: 34 + count)
        unsafe bytes.withUnsafeMutableBytes { raw in
            var span = unsafe MutableRawSpan(_unsafeBytes: raw)  // does not outlive the bytes
            EthernetHeader(destination: guestHardware, source: peerHardware, type: EtherType.ipv4).emit(to: &span)
        }
        let header = emitted(20) {
            IPv4Header(
                payloadCount: count, identification: identification, fragment: UInt16(offset / 8) | (more ? 0x2000 : 0),
                protocolNumber: 17,
                source: peerAddress, destination: guestAddress
            ).emit(to: &$0)
        }
        bytes.replaceSubrange(14..<34, with: header)
        return bytes
    }

    @Test func piecesThatOverlapAreDropped() {
        let overlaps: [[(Int, Int, Bool)]] = [
            [(0, 16, true), (8, 16, true)],
            [(8, 16, true), (0, 16, true)],
            [(0, 32, true), (8, 8, true)],
            [(16, 8, false), (16, 16, true)],
            [(24, 8, true), (8, 8, false)],
            [(8, 8, false), (16, 8, true)],
            [(16, 8, false), (24, 8, false)],
        ]
        for pieces in overlaps {
            let host = TestHost()
            for (offset, count, more) in pieces { _ = host.deliver(fragment(offset, count, more: more)) }
            #expect(host.drops(.ipBadFragment) == 2, "\(pieces)")
            check(host.pool.pool.freeCount == 64, "\(pieces)")
        }
    }

    @Test func impossiblePiecesAreDropped() {
        let host = TestHost()
        _ = host.deliver(fragment(0, 12, more: true))
        _ = host.deliver(fragment(8, 0, more: true))
        _ = host.deliver(fragment(65_528, 8, more: false))
        #expect(host.drops(.ipBadFragment) == 3)
        check(host.pool.pool.freeCount == 64)
    }

    @Test func copiesAreIgnored() {
        let host = TestHost()
        for _ in 0..<5 { _ = host.deliver(fragment(0, 16, more: true)) }
        check(host.pool.pool.freeCount == 63)
        #expect(host.drops(.ipBadFragment) == 0)
    }

    @Test func missingPiecesEndAfterThirtySecondsWithAnErrorIfTheFirstCame() {
        let host = TestHost()
        host.learn(now: 29 * second)
        _ = host.deliver(fragment(0, 16, more: true), at: 0)
        _ = host.deliver(fragment(16, 16, more: true, identification: 10), at: 0)
        #expect(host.deliver(at: 30 * second - 1).isEmpty)
        let told = host.deliver(at: 30 * second)
        #expect(told.count == 1 && told[0][34] == ICMPType.timeExceeded && told[0][35] == 1)
        #expect(Array(told[0][42..<62]) == Array(fragment(0, 16, more: true)[14..<34]))
        check(host.pool.pool.freeCount == 64)
    }

    @Test func floodOfUnfinishedDatagramsHoldsABoundedShare() {
        let host = TestHost(packets: 400)
        var random = SeededRandom(seed: 1)
        for n in 0..<5000 {
            let offset = Int.random(in: 0..<200, using: &random) * 8
            _ = host.deliver(fragment(offset, 8, more: true, identification: UInt16(n % 40)))
            guard host.pool.pool.freeCount >= 300 else {
                Issue.record("\(400 - host.pool.pool.freeCount) packets are held")
                return
            }
        }
        host.learn(now: 31 * second)
        _ = host.deliver(at: 31 * second)
        check(host.pool.pool.freeCount == 400)
    }

    @Test func pathThatIsNarrowerGetsSmallerPieces() throws {
        let host = roomyHost()
        let socket = try host.stack.openSocket()
        try host.stack.connectSocket(socket, to: Endpoint(peerAddress, 7))
        try send(host, pattern(1000), from: socket, to: Endpoint(peerAddress, 7))
        let sent = host.wire.takeOutgoing()
        // Fragmentation needed, 576 bytes, about what was sent.
        var message = [UInt8](repeating: 0, count: 8) + sent[0][14..<42]
        unsafe message.withUnsafeMutableBytes { raw in
            var span = unsafe MutableRawSpan(_unsafeBytes: raw)  // does not outlive the bytes
            ICMPHeader(type: ICMPType.destinationUnreachable, code: 4, sequence: 576).emit(to: &span)
        }
        var error = emitted(20) {
            IPv4Header(
                payloadCount: message.count, identification: 1, protocolNumber: 1, source: peerAddress,
                destination: guestAddress
            )
            .emit(to: &$0)
        }
        error =
            emitted(14) {
                EthernetHeader(destination: guestHardware, source: peerHardware, type: EtherType.ipv4).emit(to: &$0)
            } + error
        _ = host.deliver(error + message)
        try send(host, pattern(1000), from: socket, to: Endpoint(peerAddress, 7))
        #expect(host.wire.takeOutgoing().map { $0.count - 14 } == [572, 476])
        _ = host.deliver(at: 601 * second)
        host.learn(now: 601 * second)
        try send(host, pattern(1000), from: socket, to: Endpoint(peerAddress, 7))
        #expect(host.wire.takeOutgoing().count == 1)
    }
}
