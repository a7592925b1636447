// Echo sockets: replies of every kind, errors with their reporters, and what is found out here.

import Testing

@testable import NetStack

@Suite struct EchoSocketTests {
    private func request(
        _ host: TestHost, _ socket: Int, _ sequence: UInt16, to address: IPv4Address, payload: Int = 4, now: Instant = 0
    )
        throws -> [[UInt8]]
    {
        let message: [UInt8] =
            [9, 9, 9, 9, 9, 9, UInt8(sequence >> 8), UInt8(sequence & 255)] + [UInt8](repeating: 7, count: payload)
        try host.stack.send(host.pool.packet(message)!, from: socket, to: Endpoint(address, 0), now: now)
        return host.wire.takeOutgoing()
    }

    private func read(_ host: TestHost, _ socket: Int) throws -> (message: [UInt8], source: Endpoint)? {
        guard let datagram = try host.stack.receive(from: socket) else { return nil }
        return (copy(datagram.payload), datagram.source)
    }

    private func reply(to request: [UInt8], source: IPv4Address = peerAddress) -> [UInt8] {
        var icmp = Array(request[34...])
        icmp[0] = 0
        (icmp[2], icmp[3]) = (0, 0)
        let sum = ~naiveSum(icmp)
        (icmp[2], icmp[3]) = (UInt8(sum >> 8), UInt8(sum & 255))
        return frame(icmp, protocolNumber: 1, source: source)
    }

    @Test func requestsAreWellFormedAndHaveOneIdentifier() throws {
        let host = TestHost()
        host.learn()
        let socket = try host.stack.openEcho()
        let first = try #require(try request(host, socket, 1, to: peerAddress).first)
        let second = try #require(try request(host, socket, 2, to: peerAddress).first)
        #expect(Array(first[34..<36]) == [8, 0] && naiveSum(Array(first[34...])) == 0xffff)
        #expect(
            first[38..<40] == second[38..<40] && Array(first[40..<42]) == [0, 1] && Array(second[40..<42]) == [0, 2])
        let other = try host.stack.openEcho()
        let foreign = try #require(try request(host, other, 1, to: peerAddress).first)
        #expect(foreign[38..<40] != first[38..<40])
        #expect(throws: SocketError.badDestination) { try host.stack.bindSocket(socket, to: Endpoint(.any, 7)) }
        #expect(throws: SocketError.badDestination) {
            try host.stack.connectSocket(socket, to: Endpoint(peerAddress, 7))
        }
        #expect(throws: SocketError.broadcastNotAllowed) { try request(host, socket, 1, to: .broadcast).isEmpty }
        #expect(throws: SocketError.tooLarge) {
            try host.stack.send(host.pool.packet([8, 0, 0])!, from: socket, to: Endpoint(peerAddress, 0), now: 0)
        }
        host.stack.closeSocket(socket)
        _ = host.deliver(reply(to: first))
        #expect(host.drops(.icmpUnexpectedReply) == 1)
        check(host.pool.pool.freeCount == 64)
    }

    @Test func everyReplyIsSeenTheLateTheDoubleAndTheChanged() throws {
        let host = TestHost()
        host.learn()
        let socket = try host.stack.openEcho()
        let request = try #require(try request(host, socket, 1, to: peerAddress).first)
        var changed = request
        changed[43] = 99
        host.wire.incoming = [
            reply(to: request), reply(to: request), reply(to: changed), reply(to: Array(request.dropLast(2))),
        ]
        #expect(host.completions(at: 9 * second) == [.socket(socket)])
        let messages = try (0..<4).map { _ in try #require(try read(host, socket)) }
        #expect(messages.allSatisfy { $0.source == Endpoint(peerAddress, 64) && $0.message[0] == 0 })
        #expect(
            messages[0].message == messages[1].message && messages[2].message[9] == 99
                && messages[3].message.count == 10)
        #expect(host.drops(.icmpUnexpectedReply) == 0)
    }

    @Test func errorsComeWithTheirReporter() throws {
        let host = TestHost()
        host.learn()
        let socket = try host.stack.openEcho()
        let request = try #require(try request(host, socket, 1, to: IPv4Address(8, 8, 8, 8)).first)
        let router = IPv4Address(10, 0, 2, 77)
        let message = emitted(over: [UInt8](repeating: 0, count: 8) + request[14..<42]) {
            ICMPHeader(type: 11, code: 0).emit(to: &$0)
        }
        _ = host.deliver(frame(message, protocolNumber: 1, source: router))
        let read = try #require(try read(host, socket))
        #expect(
            read.source.address == IPAddress(router) && read.message[0] == 11
                && Array(read.message[8...]) == Array(request[14..<42]))
        // Reading goes on: nothing has ended.
        _ = host.deliver(reply(to: request, source: IPv4Address(8, 8, 8, 8)))
        #expect(try self.read(host, socket)?.message[0] == 0)
    }

    @Test func silentNeighbourIsReportedByOurselves() throws {
        let host = TestHost()
        let socket = try host.stack.openEcho()
        _ = try request(host, socket, 5, to: IPv4Address(10, 0, 2, 99))
        for i: UInt64 in 1...4 { _ = host.deliver(at: i * second) }
        let read = try #require(try read(host, socket))
        #expect(read.source == Endpoint(guestAddress, 0) && Array(read.message[0..<2]) == [3, 1])
        #expect(Array(read.message[34..<36]) == [0, 5])
        check(host.pool.pool.freeCount == 64)
    }

    @Test func loopbackAnswersEchoSocketsAndLargeOnesToo() throws {
        let host = TestHost(packets: 512)
        let socket = try host.stack.openEcho()
        _ = try request(host, socket, 1, to: .loopback)
        #expect(try read(host, socket)?.source.address == IPAddress(.loopback))
        var large = host.pool.packet([UInt8](repeating: 0, count: FragmentSize.ethernet - 8))!
        for _ in 0..<4 { large.append(part: host.pool.packet([UInt8](repeating: 1, count: FragmentSize.ethernet))!) }
        try host.stack.send(large, from: socket, to: Endpoint(guestAddress, 0), now: 0)
        #expect(try read(host, socket)?.message.count == 5 * FragmentSize.ethernet - 8)
        check(host.pool.pool.freeCount == 512)
    }

    @Test func errorsOfDatagramsSayTheirCode() throws {
        let host = TestHost()
        host.learn()
        let socket = try host.stack.openSocket()
        try host.stack.connectSocket(socket, to: Endpoint(peerAddress, 7))
        try host.stack.send(host.pool.packet([1])!, from: socket, to: nil, now: 0)
        let sent = Array(host.wire.takeOutgoing()[0][14..<42])
        let message = emitted(over: [UInt8](repeating: 0, count: 8) + sent) {
            ICMPHeader(type: 3, code: 13).emit(to: &$0)
        }
        _ = host.deliver(frame(message, protocolNumber: 1, source: IPv4Address(10, 0, 2, 77)))
        #expect(throws: SocketError.hostUnreachable) { try host.stack.receive(from: socket) == nil }
        #expect(host.stack.errorCode(ofSocket: socket) == 3 << 8 | 13)
        #expect(host.stack.errorReporter(ofSocket: socket) == IPAddress(IPv4Address(10, 0, 2, 77)))
    }
}
