// UDP and its sockets: on frames as they come from the wire, and between two sockets of one host.

import Testing

@testable import NetStack

@Suite struct UDPTests {
    /// A frame with a datagram from the peer.
    private func frame(
        _ payload: [UInt8], from port: UInt16 = 4000, to destination: Endpoint, badChecksum: Bool = false,
        protocolNumber: UInt8 = IPProtocol.udp
    ) -> [UInt8] {
        let datagram = emitted(over: [UInt8](repeating: 0, count: 8) + payload) { bytes in
            UDPHeader(sourcePort: port, destinationPort: destination.port, payloadCount: payload.count)
                .emit(to: &bytes, source: peerAddress, destination: destination.address.ipv4!)
            if badChecksum { bytes.setByte(bytes.bytes.byte(6) ^ 1, 6) }
        }
        let packet = emitted(over: [UInt8](repeating: 0, count: 20) + datagram) { bytes in
            IPv4Header(
                payloadCount: datagram.count, identification: 7, protocolNumber: protocolNumber, source: peerAddress,
                destination: destination.address.ipv4!
            ).emit(to: &bytes)
        }
        let toAll = destination.address.isBroadcast
        return emitted(over: [UInt8](repeating: 0, count: 14) + packet) { bytes in
            EthernetHeader(destination: toAll ? .broadcast : guestHardware, source: peerHardware, type: EtherType.ipv4)
                .emit(to: &bytes)
        }
    }

    private func receive(_ host: TestHost, _ socket: Int) throws -> (payload: [UInt8], source: Endpoint)? {
        guard let datagram = try host.stack.receive(from: socket) else { return nil }
        return (copy(datagram.payload), datagram.source)
    }

    private func send(_ host: TestHost, _ payload: [UInt8], from socket: Int, to address: Endpoint? = nil) throws {
        let packet = host.pool.packet(payload)!
        try host.stack.send(packet, from: socket, to: address, now: 0)
    }

    @Test func datagramReachesTheSocketOfItsPortAndIsReadWithItsSource() throws {
        let host = TestHost()
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 7))
        check(!host.stack.isReadable(socket))
        host.wire.incoming = [frame([1, 2, 3], to: Endpoint(guestAddress, 7))]
        check(host.completions(at: 0) == [.socket(socket)])
        check(host.stack.isReadable(socket))
        let got = try receive(host, socket)
        #expect(got?.payload == [1, 2, 3])
        #expect(got?.source == Endpoint(peerAddress, 4000))
        #expect(try receive(host, socket) == nil)
        check(host.pool.pool.freeCount == 64)
    }

    @Test func sentDatagramIsTheLiteralFrame() throws {
        let host = TestHost()
        host.learn()
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 0x1234))
        try send(host, Array("hello".utf8), from: socket, to: Endpoint(peerAddress, 9))
        let sent = host.wire.takeOutgoing()
        #expect(sent.count == 1)
        // Ethernet, IPv4 and UDP as RFC 894, 791 and 768 lay them out; identification is random, so is its checksum.
        #expect(Array(sent[0][0..<18]) == hex("52550a000202 525400737766 0800 4500 0021"))
        #expect(Array(sent[0][20..<24]) == hex("0000 4011"))
        #expect(Array(sent[0][26..<42]) == hex("0a00020f 0a000202 1234 0009 000d 91b4"))
        #expect(Array(sent[0][42...]) == Array("hello".utf8))
    }

    @Test func wrongChecksumAndMissingSocketAreCountedAndOnlyTheLatterIsAnswered() throws {
        let host = TestHost()
        host.learn()
        #expect(host.deliver(frame([1], to: Endpoint(guestAddress, 7), badChecksum: true)).isEmpty)
        #expect(host.drops(.udpMalformed) == 1)
        let answer = host.deliver(frame([1], to: Endpoint(guestAddress, 7)))
        #expect(host.drops(.udpNoSocket) == 1)
        #expect(answer.count == 1)
        // ICMP destination unreachable, port; it quotes the IPv4 header and 8 bytes: ports 4000 and 7.
        #expect(answer[0].count == 14 + 20 + 8 + 20 + 8)
        #expect(Array(answer[0][34..<36]) == [3, 3])
        #expect(Array(answer[0][62..<66]) == hex("0fa0 0007"))
        #expect(withBytes(Array(answer[0][34...])) { Checksum.isRight($0, to: $0.byteCount) })
        // No error is sent about a broadcast.
        #expect(host.deliver(frame([1], to: Endpoint(.broadcast, 7))).isEmpty)
        check(host.pool.pool.freeCount == 64)
    }

    @Test func errorsThatWeSendAreLimited() throws {
        let host = TestHost()
        host.learn()
        var answers = 0
        for _ in 0..<50 { answers += host.deliver(frame([1], to: Endpoint(guestAddress, 7)), at: 0).count }
        #expect(answers == 10)
        #expect(host.deliver(frame([1], to: Endpoint(guestAddress, 7)), at: second).count == 1)
    }

    @Test func queueIsBoundedAndDropsAreCounted() throws {
        let host = TestHost(packets: 2048)
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 7))
        for _ in 0..<300 { _ = host.deliver(frame([1], to: Endpoint(guestAddress, 7))) }
        check(host.stack.socketReport(socket)!.dropped == 44)
        #expect(host.drops(.udpQueueFull) == 44)
        check(host.pool.pool.freeCount == 2048 - 256)
        host.stack.closeSocket(socket)
        check(host.pool.pool.freeCount == 2048)
    }

    @Test func connectedSocketHearsOnlyItsPeerAndTheErrorsAboutIt() throws {
        let host = TestHost()
        host.learn()
        let wide = try host.stack.openSocket()
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(wide, to: Endpoint(guestAddress, 8))
        try host.stack.connectSocket(socket, to: Endpoint(peerAddress, 4000))
        let port = host.stack.localAddress(ofSocket: socket).port
        #expect(port >= 49152)
        _ = host.deliver(frame([1], from: 4000, to: Endpoint(guestAddress, port)))
        _ = host.deliver(frame([2], from: 4001, to: Endpoint(guestAddress, port)))
        #expect(try receive(host, socket)?.payload == [1])
        #expect(try receive(host, socket) == nil)
        _ = host.wire.takeOutgoing()
        try send(host, [9], from: socket)
        // The peer answers: port unreachable, quoting what we sent.
        let ours = Array(host.wire.takeOutgoing()[0][14...])
        let quoted = Array(ours[0..<28])
        let icmp = emitted(over: [3, 3, 0, 0, 0, 0, 0, 0] + quoted) { bytes in
            ICMPHeader(type: 3, code: 3).emit(to: &bytes)
        }
        let ip = emitted(over: [UInt8](repeating: 0, count: 20) + icmp) { bytes in
            IPv4Header(
                payloadCount: icmp.count, identification: 1, protocolNumber: 1, source: peerAddress,
                destination: guestAddress
            )
            .emit(to: &bytes)
        }
        _ = host.deliver(Array(frame([], to: Endpoint(guestAddress, 1))[0..<14]) + ip)
        check(host.stack.isReadable(socket))
        #expect(throws: SocketError.refused) { try host.stack.receive(from: socket) == nil }
        check(!host.stack.isReadable(socket))
    }

    /// An ICMP error about a datagram to 0.0.0.0:0 matched every socket that was not connected, and ended servers.
    @Test(arguments: [IPv4Address(0, 0, 0, 0), peerAddress], [UInt16(0), 4000])
    func forgedErrorsDoNotReachASocketThatIsNotConnected(
        address: IPv4Address, port: UInt16
    ) throws {
        let host = TestHost()
        host.learn()
        let server = try host.stack.openSocket()
        try host.stack.bindSocket(server, to: Endpoint(.any, 5001))
        let quoted = emitted(28) { bytes in
            IPv4Header(
                payloadCount: 8, identification: 7, protocolNumber: IPProtocol.udp, source: guestAddress,
                destination: address
            )
            .emit(to: &bytes)
            bytes.setBE16(5001, 20)
            bytes.setBE16(port, 22)
            bytes.setBE32(8 << 16, 24)
        }
        let icmp = emitted(over: [UInt8](repeating: 0, count: 8) + quoted) {
            ICMPHeader(type: 3, code: 3).emit(to: &$0)
        }
        let ip = emitted(over: [UInt8](repeating: 0, count: 20) + icmp) { bytes in
            IPv4Header(
                payloadCount: icmp.count, identification: 1, protocolNumber: 1, source: IPv4Address(10, 0, 2, 77),
                destination: guestAddress
            )
            .emit(to: &bytes)
        }
        _ = host.deliver(Array(frame([], to: Endpoint(guestAddress, 1))[0..<14]) + ip)
        #expect(host.drops(.icmpUnexpectedReply) == 1)
        check(!host.stack.readiness(server).contains(.error) && !host.stack.isReadable(server))
    }

    @Test func portsAreTakenOnceAndFreedByClose() throws {
        let host = TestHost()
        let first = try host.stack.openSocket()
        let second = try host.stack.openSocket()
        try host.stack.bindSocket(first, to: Endpoint(.any, 7))
        #expect(throws: SocketError.addressInUse) { try host.stack.bindSocket(second, to: Endpoint(guestAddress, 7)) }
        #expect(throws: SocketError.notOurAddress) { try host.stack.bindSocket(second, to: Endpoint(peerAddress, 8)) }
        host.stack.closeSocket(first)
        try host.stack.bindSocket(second, to: Endpoint(guestAddress, 7))
        for _ in 1..<host.stack.socketCount { _ = try host.stack.openSocket() }
        #expect(throws: SocketError.tooManySockets) { try host.stack.openSocket() }
    }

    @Test func loopbackCarriesDatagramsBetweenSocketsOfOneHost() throws {
        let host = TestHost()
        let client = try host.stack.openSocket()
        let server = try host.stack.openSocket()
        try host.stack.bindSocket(server, to: Endpoint(.any, 7))
        for target in [IPv4Address(127, 0, 0, 1), guestAddress] {
            try send(host, [1, 2], from: client, to: Endpoint(target, 7))
            let got = try receive(host, server)
            #expect(got?.payload == [1, 2])
            try send(host, [3], from: server, to: got!.source)
            #expect(try receive(host, client)?.payload == [3])
        }
        #expect(host.wire.takeOutgoing().isEmpty)
        // A port without a socket: the error comes back the same way.
        try host.stack.connectSocket(client, to: Endpoint(guestAddress, 9))
        try send(host, [4], from: client)
        #expect(throws: SocketError.refused) { try receive(host, client) == nil }
    }

    @Test func broadcastMustBeAllowedAndGoesToAll() throws {
        let host = TestHost()
        let socket = try host.stack.openSocket()
        let all = Endpoint(IPv4Address(10, 0, 2, 255), 9)
        #expect(throws: SocketError.broadcastNotAllowed) { try send(host, [1], from: socket, to: all) }
        host.stack.setBroadcast(socket, allowed: true)
        try send(host, [1], from: socket, to: all)
        try send(host, [1], from: socket, to: Endpoint(.broadcast, 9))
        for sent in host.wire.takeOutgoing() { #expect(Array(sent[0..<6]) == [UInt8](repeating: 0xff, count: 6)) }
        check(host.pool.pool.freeCount == 64)
    }
}
