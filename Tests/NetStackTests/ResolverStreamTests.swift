// The resolver over TCP (RFC 7766): what did not fit a datagram, from a server that is a stack of its own, in virtual
// time.

import Testing

@testable import NetStack

@Suite struct ResolverStreamTests {
    /// A host that asks, and a name server at 10.0.2.2, both with whole stacks, and the time.
    @safe private final class Pair {
        let host = TestHost(packets: 512)
        let server = TestHost(peerAddress, peerHardware, gateway: nil, packets: 512, seed: 77)
        var now: Instant = 20 * second
        let datagrams: Int
        let listener: Int
        var listens = true
        var connection: Int?
        /// What the server got over its connection, and whether the host has ended it.
        var received: [UInt8] = []
        var hasEnded = false

        init() throws {
            datagrams = try server.stack.openSocket()
            try server.stack.bindSocket(datagrams, to: Endpoint(IPAddress.unspecified, 53))
            listener = try server.stack.openStream()
            try server.stack.bindSocket(listener, to: Endpoint(IPAddress.unspecified, 53))
            try server.stack.listen(listener, backlog: 8)
            check(host.stack.addNameServer(peerAddress))
            host.learn(peerAddress, peerHardware, now: now)
            server.learn(guestAddress, guestHardware, now: now)
        }

        /// Carries frames both ways until there are none, and takes what the server gets.
        func settle() throws {
            for _ in 0..<200 {
                let out = host.wire.takeOutgoing(), back = server.wire.takeOutgoing()
                server.wire.incoming += out
                host.wire.incoming += back
                _ = host.stack.poll(now: now, budget: 1000)
                _ = server.stack.poll(now: now, budget: 1000)
                if connection == nil, listens { connection = try server.stack.accept(listener) }
                if let connection, !hasEnded {
                    do {
                        switch try server.stack.receiveStream(connection, limit: 4096, now: now) {
                        case .data(let packet): received += copy(packet)
                        case .end: hasEnded = true
                        case .nothing: break
                        }
                    } catch {
                        hasEnded = true  // reset
                    }
                }
                if host.wire.outgoing.isEmpty, server.wire.outgoing.isEmpty, out.isEmpty, back.isEmpty { return }
            }
            Issue.record("the frames have no end")
        }

        /// Lets time pass in tenths of a second.
        func wait(_ tenths: Int) throws {
            for _ in 0..<tenths {
                now += tenth
                try settle()
            }
        }

        func ask(_ text: String = "big.example") throws -> Int {
            // bytes have no padding
            let query = try unsafe host.stack.startQuery(Array(text.utf8).span.bytes, now: now)
            try settle()
            return query
        }

        /// The question that came in a datagram.
        func question() throws -> (bytes: [UInt8], source: Endpoint) {
            guard let datagram = try server.stack.receive(from: datagrams) else { throw SocketError.noMemory }
            let source = datagram.source
            return (copy(datagram.payload), source)
        }

        func answerByDatagram(_ message: [UInt8], to source: Endpoint) throws {
            try server.stack.send(
                server.pool.packet(message)!, from: datagrams, to: source, now: now)
            try settle()
        }

        func send(_ bytes: [UInt8]) throws {
            let connection = try #require(connection)
            for start in stride(from: 0, to: bytes.count, by: 1000) {
                var packet = server.pool.pool.take(.sending)!
                check(packet.resize(to: TCPLimit.segmentHeadroom) && packet.trimFront(TCPLimit.segmentHeadroom))
                let piece = Array(bytes[start..<min(bytes.count, start + 1000)])
                check(packet.resize(to: piece.count))
                var span = packet.mutableBytes
                for (i, byte) in piece.enumerated() { span.setByte(byte, i) }
                var queue = PacketQueue()
                queue.append(packet)
                try server.stack.sendStream(queue, on: connection, now: now)
            }
            try settle()
        }

        func close() throws {
            server.stack.closeSocket(try #require(connection), now: now)
            connection = nil
            listens = false
            try settle()
        }

        /// "error", or the addresses.
        func outcome(_ query: Int) -> String? {
            guard let result = host.stack.takeQuery(query) else { return nil }
            if let error = result.error { return "\(error)" }
            return (0..<result.addresses.count).map { String(result.addresses[$0].bits & 0xff) }.joined(separator: ",")
        }

        /// Nothing is left of the query: no socket, no packet, no connection that is not on its way out.
        func checkNothingIsLeft() throws {
            for i in 0..<host.stack.allSocketCount { check(host.stack.socketReport(i) == nil) }
            if let connection { server.stack.closeSocket(connection, now: now) }
            connection = nil
            try wait(30)
            check(host.pool.pool.freeCount == 512)
            for i in 0..<host.stack.tcp.connections.count { check(!host.stack.tcp[i].value.isUsed) }
        }
    }

    /// An answer to a question with so many addresses, 10.0.0.1 and on.
    private func answer(_ question: [UInt8], _ addresses: Int, isTruncated: Bool = false) -> [UInt8] {
        var message = Array(question[0..<2]) + [isTruncated ? 0x83 : 0x81, 0x80, 0, 1]
        message += [UInt8(addresses >> 8), UInt8(addresses & 255), 0, 0, 0, 0] + question[12...]
        for i in 0..<addresses {
            message += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, UInt8((i + 1) >> 8), UInt8((i + 1) & 255)]
        }
        return message
    }

    private func withLength(_ message: [UInt8]) -> [UInt8] {
        [UInt8(message.count >> 8), UInt8(message.count & 255)] + message
    }

    /// A pair whose server has answered by a datagram that the answer does not fit, and has the question over TCP.
    private func truncated(_ addresses: Int = 0) throws -> (Pair, query: Int, question: [UInt8]) {
        let pair = try Pair()
        let query = try pair.ask()
        let (question, source) = try pair.question()
        try pair.answerByDatagram(answer(question, addresses, isTruncated: true), to: source)
        #expect(pair.outcome(query) == nil)
        let length = pair.received.count
        try #require(length > 14)
        #expect(pair.received[0..<2] == [UInt8((length - 2) >> 8), UInt8((length - 2) & 255)])
        // The same question, with an identifier of its own.
        #expect(pair.received[4...] == question[2...])
        return (pair, query, Array(pair.received[2...]))
    }

    @Test(arguments: [1, 250, 1000]) func largeAnswerComesOverTCP(addresses: Int) throws {
        let (pair, query, question) = try truncated()
        try pair.send(withLength(answer(question, addresses)))
        try pair.wait(2)  // the last, small segment waits for an ACK
        #expect(pair.outcome(query) == (1...min(8, addresses)).map { String($0) }.joined(separator: ","))
        check(pair.hasEnded)
        try pair.checkNothingIsLeft()
    }

    @Test func answerComesByteByByte() throws {
        let (pair, query, question) = try truncated()
        for byte in withLength(answer(question, 3)) {
            #expect(pair.outcome(query) == nil)
            try pair.send([byte])
            if pair.now < 24 * second { try pair.wait(1) }
        }
        try pair.wait(3)  // what Nagle's algorithm kept back
        #expect(pair.outcome(query) == "1,2,3")
        try pair.checkNothingIsLeft()
    }

    /// What the datagram has is better than nothing when the server does not do its part.
    @Test(arguments: ["closed early", "cut", "wrong identifier", "too short", "too long", "truncated again", "silent"])
    func serverThatDoesNotAnswerOverTCP(how: String) throws {
        for addresses in [0, 2] {
            let (pair, query, question) = try truncated(addresses)
            let whole = withLength(answer(question, 100))
            switch how {
            case "closed early": try pair.close()
            case "cut":
                try pair.send(Array(whole.dropLast(1)))
                try pair.close()
            case "wrong identifier":
                var message = whole
                message[2] ^= 1
                try pair.send(message)
            case "too short": try pair.send([0, 11] + whole[2...])
            case "too long": try pair.send([0xff, 0xff] + whole[2...])
            case "truncated again": try pair.send(withLength(answer(question, 0, isTruncated: true)))
            default: try pair.wait(60)
            }
            if addresses > 0 {
                #expect(pair.outcome(query) == "1,2")
                try pair.checkNothingIsLeft()
                continue
            }
            // The next question goes out by a datagram, as after any failure; it ends in bounded time.
            let again = pair.outcome(query)
            check(again == nil || again == "truncated", "\(how): \(again ?? "")")
            for _ in 0..<60 where pair.host.stack.resolver.queries[query].state == .waiting { try pair.wait(10) }
            if again == nil { #expect(pair.outcome(query) == "truncated") }
            try pair.checkNothingIsLeft()
        }
    }

    @Test func serverThatRefusesTCP() throws {
        for addresses in [0, 2] {
            let pair = try Pair()
            pair.server.stack.closeSocket(pair.listener, now: pair.now)
            pair.listens = false
            let query = try pair.ask()
            var (question, source) = try pair.question()
            try pair.answerByDatagram(answer(question, addresses, isTruncated: true), to: source)
            if addresses > 0 {
                #expect(pair.outcome(query) == "1,2")
                continue
            }
            // It is asked once more, as after any failure; then that is all.
            (question, source) = try pair.question()
            try pair.answerByDatagram(answer(question, 0, isTruncated: true), to: source)
            #expect(pair.outcome(query) == "truncated")
        }
    }

    @Test func callerThatGivesUpEndsTheConnection() throws {
        let (pair, query, _) = try truncated()
        pair.host.stack.cancelQuery(query, now: pair.now)
        try pair.settle()
        check(pair.hasEnded)
        try pair.checkNothingIsLeft()
    }

    /// All of the users' connections are taken: the answer is as it was without TCP.
    @Test func noConnectionIsLeft() throws {
        let pair = try Pair()
        while pair.host.stack.tcp.take() != nil {}
        let query = try pair.ask()
        let (question, source) = try pair.question()
        try pair.answerByDatagram(answer(question, 2, isTruncated: true), to: source)
        #expect(pair.outcome(query) == "1,2")
    }
}
