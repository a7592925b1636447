// What IPv4 and Ethernet ask of a host by the letter: priority tags, options, groups, datagrams that wait for ARP.

import Testing

@testable import NetStack

@Suite struct IPv4LetterTests {
    private func host() -> TestHost {
        let host = TestHost()
        host.learn()
        return host
    }

    private func tagged(_ frame: [UInt8], _ control: UInt16) -> [UInt8] {
        Array(frame[0..<12]) + [0x81, 0x00, UInt8(control >> 8), UInt8(control & 255)] + frame[12...]
    }

    /// A frame with IPv4 options behind the header, which fill whole words.
    private func with(_ options: [UInt8], _ frame: [UInt8]) -> [UInt8] {
        var bytes = frame
        bytes.insert(contentsOf: options, at: 34)
        bytes[14] = 0x45 + UInt8(options.count / 4)
        bytes[17] += UInt8(options.count)
        (bytes[24], bytes[25]) = (0, 0)
        let sum = ~naiveSum(Array(bytes[14..<34 + options.count]))
        (bytes[24], bytes[25]) = (UInt8(sum >> 8), UInt8(sum & 255))
        return bytes
    }

    // MARK: IEEE 802.1Q

    @Test(arguments: [UInt16(0), 0x2000, 0xe000, 0x1000]) func priorityTaggedFramesAreAnsweredUntagged(control: UInt16)
    {
        let host = host()
        let reply = host.deliver(tagged(echoRequest([1, 2]), control))
        #expect(reply.count == 1 && reply[0][12...13] == [8, 0])
        #expect(host.deliver(tagged(Captured.arpReply, control)).isEmpty)
        #expect(host.drops(.arpUnsolicited) == 1)
    }

    @Test(arguments: [UInt16(1), 0xe005, 0xfff]) func framesOfAVLANAreNotOurs(control: UInt16) {
        let host = host()
        #expect(host.deliver(tagged(echoRequest([1, 2]), control)).isEmpty)
        #expect(host.drops(.otherVLAN) == 1)
    }

    @Test func tagThatIsCutIsTooShort() {
        let host = host()
        #expect(host.deliver(Array(tagged(echoRequest([]), 0).prefix(17))).isEmpty)
        #expect(host.drops(.frameTooShort) == 1)
        // A tag in a tag is no type that we know.
        #expect(host.deliver(tagged(tagged(echoRequest([]), 0), 0)).isEmpty)
        #expect(host.drops(.unknownEtherType) == 1)
    }

    // MARK: Options (RFC 791, 3.1; RFC 1122, 3.2.1.8)

    @Test(
        arguments: [
            [131, 7, 4, 1, 2, 3, 4, 0], [137, 7, 4, 1, 2, 3, 4, 0],  // a source route that does not end here
            [7, 0, 4, 0], [7, 1, 4, 0], [7, 2, 0, 0], [7, 9, 4, 0], [1, 1, 1, 7],  // lengths that cannot be
            [7, 7, 3, 0, 0, 0, 0, 0],  // a pointer into the option's own head
            [68, 8, 4, 0, 0, 0, 0, 0], [68, 3, 5, 0], [68, 8, 5, 2, 0, 0, 0, 0], [68, 8, 5, 1, 0, 0, 0, 0],
        ] as [[UInt8]])
    func badOptionsAreNotAnswered(options: [UInt8]) {
        let host = host()
        #expect(host.deliver(with(options, echoRequest([9]))).isEmpty)
        #expect(host.drops(.ipBadOption) == 1)
    }

    @Test(
        arguments: [
            [131, 7, 8, 1, 2, 3, 4, 0], [148, 4, 0, 0], [0, 7, 0, 0], [1, 1, 0, 9], [99, 2, 1, 1],
        ] as [[UInt8]])
    func otherOptionsAreSkippedAndNotReturned(options: [UInt8]) {
        let host = host()
        let reply = host.deliver(with(options, echoRequest([9])))
        #expect(reply.count == 1 && reply[0][14] == 0x45 && reply[0].count == 43)
    }

    @Test func recordRouteIsFilledInAndReturned() {
        let host = host()
        let reply = host.deliver(with([7, 15, 8, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], echoRequest([9])))
        #expect(reply.count == 1)
        let bytes = reply.first ?? []
        #expect(bytes.count == 14 + 36 + 9 && bytes[14] == 0x49)
        #expect(Array(bytes[34..<50]) == [7, 15, 12, 1, 1, 1, 1, 10, 0, 2, 15, 0, 0, 0, 0, 0])
        #expect(naiveSum(Array(bytes[14..<50])) == 0xffff)
        #expect(naiveSum(Array(bytes[50...])) == 0xffff)
        #expect(Array(bytes[26..<34]) == [10, 0, 2, 15, 10, 0, 2, 2] && bytes[22] == 64)
    }

    @Test func fullRecordRouteIsReturnedAsItIs() {
        let host = host()
        let reply = host.deliver(with([7, 7, 8, 1, 2, 3, 4, 0], echoRequest([9])))
        #expect(reply.count == 1 && Array(reply[0][34..<42]) == [7, 7, 8, 1, 2, 3, 4, 0])
    }

    @Test func timestampsAreFilledIn() {
        let host = host()
        let now = Instant(nanoseconds: 5_000_000_000)
        // Milliseconds since start stand there with the top bit set: not the time of day (RFC 791, 3.1).
        let stamp: [UInt8] = [0x80, 0, 0x13, 0x88]
        var reply = host.deliver(with([68, 8, 5, 0, 0, 0, 0, 0], echoRequest([9])), at: now)
        #expect(reply.count == 1 && Array(reply[0][34..<42]) == [68, 8, 9, 0] + stamp)
        // With addresses; then with addresses that were given.
        reply = host.deliver(with([68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0], echoRequest([9])), at: now)
        #expect(reply.count == 1 && Array(reply[0][34..<46]) == [68, 12, 13, 1, 10, 0, 2, 15] + stamp)
        reply = host.deliver(with([68, 12, 5, 3, 10, 0, 2, 15, 0, 0, 0, 0], echoRequest([9])), at: now)
        #expect(reply.count == 1 && Array(reply[0][34..<46]) == [68, 12, 13, 3, 10, 0, 2, 15] + stamp)
        reply = host.deliver(with([68, 12, 5, 3, 10, 0, 2, 77, 0, 0, 0, 0], echoRequest([9])), at: now)
        #expect(reply.count == 1 && Array(reply[0][34..<46]) == [68, 12, 5, 3, 10, 0, 2, 77, 0, 0, 0, 0])
        // No room: counted in the option, up to 15 hosts.
        reply = host.deliver(with([68, 8, 9, 0x10, 1, 1, 1, 1], echoRequest([9])), at: now)
        #expect(reply.count == 1 && Array(reply[0][34..<42]) == [68, 8, 9, 0x20, 1, 1, 1, 1])
        #expect(host.deliver(with([68, 8, 9, 0xf0, 1, 1, 1, 1], echoRequest([9])), at: now).isEmpty)
        #expect(host.drops(.ipBadOption) == 1)
    }

    // MARK: Waiting for ARP

    private func datagram(_ host: TestHost, _ count: Int, to address: IPv4Address = peerAddress) throws {
        let socket = try host.stack.openSocket()
        defer { host.stack.closeSocket(socket) }
        var payload = host.pool.packet([UInt8](repeating: 1, count: FragmentSize.ethernet - 8))!
        for _ in 1..<(count + FragmentSize.ethernet - 1) / FragmentSize.ethernet {
            payload.append(part: host.pool.packet([UInt8](repeating: 2, count: FragmentSize.ethernet))!)
        }
        try host.stack.send(payload, from: socket, to: Endpoint(address, 7), now: 0)
    }

    @Test func datagramWaitsForItsNeighbourWhole() throws {
        let host = TestHost(packets: 256)
        try datagram(host, 24_000)
        #expect(host.wire.takeOutgoing().count == 1)
        let frames = host.deliver(Captured.arpReply)
        #expect(frames.count == 17)
        for (i, frame) in frames.enumerated() {
            #expect(frame.count <= 1514)
            #expect(UInt16(frame[20] & 0x1f) << 8 | UInt16(frame[21]) == UInt16(i * 185))
        }
        #expect(host.drops(.neighbourQueueFull) == 0)
        check(host.pool.pool.freeCount == 256)
    }

    @Test func datagramThatMakesRoomLeavesWhole() throws {
        let host = TestHost(packets: 512)
        for _ in 0..<4 { try datagram(host, 40_000) }  // 28 packets each: two of them fit
        let frames = host.deliver(Captured.arpReply).filter { $0[12...13] == [8, 0] }
        #expect(frames.count == 56)
        #expect(frames.count { $0[20] & 0x1f == 0 && $0[21] == 0 } == 2)
        #expect(host.drops(.neighbourQueueFull) == 2)
        check(host.pool.pool.freeCount == 512)
    }

    @Test func datagramForWhichThePoolHasNoPacketsLeavesWholeOrNotAtAll() throws {
        let host = TestHost(packets: 4)
        host.learn()
        let socket = try host.stack.openSocket()
        // One packet that must be cut in two, and no packet left for the second.
        var payload = host.pool.packet([UInt8](repeating: 1, count: 1700))!
        payload.append(part: host.pool.packet([UInt8](repeating: 1, count: 1700))!)
        let held = host.pool.pool.take()
        try host.stack.send(payload, from: socket, to: Endpoint(peerAddress, 7), now: 0)
        #expect(host.wire.takeOutgoing().isEmpty)
        #expect(host.drops(.noPacket) == 1)
        check(held != nil)
    }

    // MARK: Sockets

    @Test func connectedSocketWhoseAddressWentAwayReportsIt() throws {
        let host = host()
        let socket = try host.stack.openSocket(), server = try host.stack.openSocket()
        try host.stack.connectSocket(socket, to: Endpoint(peerAddress, 7))
        try host.stack.bindSocket(server, to: Endpoint(guestAddress, 8))
        host.stack.configure(.card(0), address: IPv4Address(10, 0, 2, 99), prefixLength: 24, gateway: peerAddress)
        #expect(host.completions().contains(.socket(socket)))
        #expect(throws: SocketError.notOurAddress) { try host.stack.receive(from: socket) == nil }
        for each in [socket, server] {
            #expect(throws: SocketError.notOurAddress) {
                try host.stack.send(host.pool.packet([1])!, from: each, to: Endpoint(peerAddress, 7), now: 0)
            }
        }
        // With the address back it works again.
        host.stack.configure(.card(0), address: guestAddress, prefixLength: 24, gateway: peerAddress)
        host.learn()
        try host.stack.send(host.pool.packet([1])!, from: socket, to: nil, now: 0)
    }

    @Test func groupsHaveATimeToLiveOfTheirOwnAndHearOurselves() throws {
        let host = host()
        let group = Endpoint(IPv4Address(239, 1, 2, 3), 7)
        let sender = try host.stack.openSocket(), listener = try host.stack.openSocket()
        try host.stack.bindSocket(listener, to: group)
        try host.stack.send(host.pool.packet([5])!, from: sender, to: group, now: 0)
        var sent = host.wire.takeOutgoing().filter { $0[12...13] == [8, 0] && $0[23] == 17 }
        #expect(sent.count == 1 && sent[0][22] == 1)
        check(host.stack.isReadable(listener))
        check(copy(try host.stack.receive(from: listener)!.payload) == [5])
        host.stack.setTimeToLive(sender, 9)
        host.stack.setGroupTimeToLive(sender, 3)
        try host.stack.send(host.pool.packet([5])!, from: sender, to: group, now: 0)
        try host.stack.send(host.pool.packet([5])!, from: sender, to: Endpoint(peerAddress, 7), now: 0)
        sent = host.wire.takeOutgoing().filter { $0[12...13] == [8, 0] && $0[23] == 17 }
        #expect(sent.map { $0[22] } == [3, 9])
        // No socket of ours is in this group: nothing comes back, and nothing is dropped.
        try host.stack.send(
            host.pool.packet([5])!, from: sender, to: Endpoint(IPv4Address(239, 9, 9, 9), 7), now: 0)
        check(host.stack.withInterface(.loopback) { $0.counters[.udpNoSocket] } == 0)
        host.stack.closeSocket(listener)
        check(host.pool.pool.freeCount == 64)
    }

    /// "Fragmentation needed" about a datagram that may be fragmented is a router's slip, or a forgery.
    @Test func tooBigWithoutDontFragmentIsNoError() throws {
        let host = host()
        let socket = try host.stack.openSocket()
        try host.stack.connectSocket(socket, to: Endpoint(peerAddress, 7))
        try host.stack.send(host.pool.packet([UInt8](repeating: 1, count: 1000))!, from: socket, to: nil, now: 0)
        let quoted = Array(host.wire.takeOutgoing()[0][14..<42])
        let message = emitted(over: [UInt8](repeating: 0, count: 8) + quoted) {
            ICMPHeader(type: 3, code: 4, sequence: 600).emit(to: &$0)
        }
        _ = host.deliver(frame(message, protocolNumber: IPProtocol.icmp))
        check(!host.stack.readiness(socket).contains(.error))
        // It is obeyed all the same.
        try host.stack.send(host.pool.packet([UInt8](repeating: 1, count: 1000))!, from: socket, to: nil, now: 0)
        #expect(host.wire.takeOutgoing().count == 2)
        let slot = try host.stack.startEcho(
            to: peerAddress, payloadCount: 500, sequence: 1, timeout: 1 * second, now: 0)
        let request = Array(host.wire.takeOutgoing()[0][14..<42])
        let about = emitted(over: [UInt8](repeating: 0, count: 8) + request) {
            ICMPHeader(type: 3, code: 4, sequence: 576).emit(to: &$0)
        }
        _ = host.deliver(frame(about, protocolNumber: IPProtocol.icmp))
        check(host.stack.takeEcho(slot) == nil)
    }
}
