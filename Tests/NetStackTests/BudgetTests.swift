// The packet pool's budget: what runs out for one use does not run out for the others.

import Testing

@testable import NetStack

@Suite struct BudgetTests {
    private func frame(_ payload: [UInt8], to port: UInt16, from source: UInt16 = 4000, fragment: UInt16 = 0) -> [UInt8]
    {
        let datagram = emitted(over: [UInt8](repeating: 0, count: 8) + payload) {
            UDPHeader(sourcePort: source, destinationPort: port, payloadCount: payload.count)
                .emit(to: &$0, source: peerAddress, destination: guestAddress)
        }
        return NetStackTests.frame(datagram, protocolNumber: IPProtocol.udp, fragment: fragment)
    }

    @Test(arguments: [1, 12, 31, 32, 40, 64, 1000, 1024, 4096, 65_534]) func sharesAreNoMoreThanThePool(count: Int) {
        let budget = PacketBudget(pool: count)
        if count >= PacketBudget.leastDivided {
            #expect(budget.cards + budget.sockets + budget.reassembly + budget.sending + budget.own <= count)
        }
        for cards in 1...StackLimit.cards {
            #expect(budget.receiveBuffers(cards: cards) * cards <= max(cards, budget.cards))
        }
    }

    @Test func eachShareIsThereWhateverTheOthersTake() {
        let pool = TestPool(64).pool
        pool.divide(receiving: 40, sending: 16, own: 8)
        var taken = PacketQueue()
        for (share, limit) in [(PacketShare.receiving, 40), (.sending, 16), (.own, 8)] {
            for _ in 0..<100 { if let packet = pool.take(share) { taken.append(packet) } }
            #expect(pool.held(share) == limit)
        }
        #expect(pool.freeCount == 0 && pool.failures == 236)
        // A packet that changes its use counts to the new one, and comes back from there.
        taken.removeAll()
        #expect(pool.freeCount == 64 && (0..<3).allSatisfy { pool.held(PacketShare(index: $0)) == 0 })
        var train = pool.take(.sending)!
        train.append(part: pool.take(.sending)!)
        let isMoved = train.move(to: .own)
        #expect(isMoved && pool.held(.sending) == 0 && pool.held(.own) == 2)
        for _ in 0..<7 { if let packet = pool.take(.own) { taken.append(packet) } }
        #expect(pool.held(.own) == 8)
        let other = pool.take(.receiving)!
        let isRefused = !other.move(to: .own)
        #expect(isRefused && pool.held(.receiving) == 1)
    }

    /// Two readers that sleep starved every other socket, the resolver and captures.
    @Test(arguments: [1, 2, 5, 20]) func readersThatSleepLeaveRoomForOthers(sleepers: Int) throws {
        let host = TestHost(packets: 1024)
        for i in 0..<sleepers {
            let socket = try host.stack.openSocket()
            try host.stack.bindSocket(socket, to: Endpoint(.any, UInt16(6000 + i)))
        }
        for _ in 0..<400 { for i in 0..<sleepers { _ = host.deliver(frame([1], to: UInt16(6000 + i))) } }
        let reader = try host.stack.openSocket()
        try host.stack.bindSocket(reader, to: Endpoint(.any, 7))
        for _ in 0..<5 { _ = host.deliver(frame([1], to: 7)) }
        check(host.stack.socketReport(reader)!.queued >= 3)
        // There is a packet for everything else, too.
        #expect(host.pool.pool.take(.sending) != nil && host.pool.pool.take(.own) != nil)
        check(host.pool.pool.held(.receiving) <= host.pool.pool.limit(.receiving) - host.stack.budget.cards)
    }

    /// A sleeping socket, 300 datagrams and 256 tiny fragments left no packet to receive into.
    @Test func fragmentsAndSleepersLeaveTheCardsTheirShare() throws {
        let host = TestHost(packets: 1024)
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 6000))
        for _ in 0..<300 { _ = host.deliver(frame([1], to: 6000)) }
        for i in 0..<256 {
            let piece = NetStackTests.frame(
                [UInt8](repeating: 0, count: 8), protocolNumber: 17,
                source: IPv4Address(10, 0, 2, UInt8(100 + i / 16)), fragment: 0x2000 | UInt16(i % 16 * 2 + 1))
            _ = host.deliver(piece)
        }
        check(host.pool.pool.held(.receiving) <= host.stack.budget.sockets + host.stack.budget.reassembly)
        host.learn()
        #expect(host.deliver(echoRequest([1])).count == 1)
    }

    /// A program that sends to itself and does not read took all there is.
    @Test func loopbackDatagramsThatWaitCountToTheirReader() throws {
        let host = TestHost(packets: 1024)
        let socket = try host.stack.openSocket(), sender = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.loopback, 7))
        for _ in 0..<400 {
            guard var packet = host.pool.pool.take(.sending) else {
                Issue.record("no packet to send with")
                return
            }
            packet.resize(to: 10)
            try host.stack.send(packet, from: sender, to: Endpoint(.loopback, 7), now: 0)
        }
        #expect(host.pool.pool.held(.sending) == 0)
        check(host.pool.pool.held(.receiving) == host.stack.socketReport(socket)!.queued)
        check(host.stack.socketReport(socket)!.queued < host.stack.budget.sockets)
    }

    @Test func repliesTakeTheReserveWhenSendersHaveAllElse() throws {
        let host = TestHost(packets: 64)
        host.learn()
        var held = PacketQueue()
        while let packet = host.pool.pool.take(.sending) { held.append(packet) }
        #expect(host.deliver(echoRequest([1])).count == 1)
        let asked = host.deliver(
            emitted(over: Captured.arpRequest) { bytes in
                for (i, byte) in (Captured.arpRequest[0..<42]).enumerated() { bytes.setByte(byte, i) }
            })
        _ = asked
        #expect(throws: EchoError.noMemory) {
            try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: 0, timeout: 1, now: 0)
        }
        check(host.pool.pool.held(.own) == 0)
    }
}
