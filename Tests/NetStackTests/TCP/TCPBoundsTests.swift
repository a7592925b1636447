// What a peer, a program or an accident cannot do to the rest: bounds, shares and sums.

import Testing

@testable import NetStack

@Suite struct TCPBoundsTests {
    /// The authors' own vector: key 00 to 0f, message 00 to 17.
    @Test func theHashIsSipHash() {
        let hash = KeyedHash(key: (0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908))
        #expect(hash(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908, 0x1716_1514_1312_1110) == 0xb8ad_50c6_f649_af94)
    }

    /// A frame that a card merged is read in pieces: every buffer is given back to the share.
    @Test func partsOfATrainAreGivenBackAsTheyAreRead() {
        let pool = TestPool(16)
        var share = ReceiveShare(limit: 16)
        var receiver = TCPReceiver()
        receiver.start(at: SequenceNumber(99))
        _ = receiver.windowField(limit: 10_000)
        for round in 0..<3 {
            var train = pool.packet([1, 2, 3])!
            train.append(part: pool.packet([4, 5])!)
            train.append(part: pool.packet([6, 7, 8])!)
            _ = receiver.take(train, at: receiver.next, isLast: false, now: 0, &share)
            #expect(share.taken == 3 && receiver.held == 3, "round \(round)")
            var bytes: [UInt8] = []
            for limit in [4, 1, 9] {
                guard let piece = receiver.readAll(limit, pool.pool, &share) else { continue }
                bytes += copy(piece)
            }
            #expect(bytes == [1, 2, 3, 4, 5, 6, 7, 8])
            #expect(share.taken == 0 && receiver.held == 0 && receiver.available == 0, "round \(round)")
        }
        #expect(pool.pool.freeCount == 16)
    }

    /// netstat -m: what a connection keeps is counted, and gone with it.
    @Test func memoryIsCountedByUse() throws {
        let bench = TCPBench()
        let before = bench.host.stack.memoryUse()
        #expect(before.connections.held == 0 && before.sockets.held == 0 && before.neighbours.held == 1)
        #expect(before.fixedBytes == TestStack.memoryNeeded(sockets: 64))
        try bench.establish()
        _ = try bench.send([UInt8](repeating: 1, count: 700))
        bench.deliver(Segment(.ack, bench.r, bench.una, payload: [1, 2, 3]))
        bench.deliver(Segment(.ack, bench.r &+ 10, bench.una, payload: [4, 5]))
        let memory = bench.host.stack.memoryUse()
        #expect(memory.sendBytes == 700 && memory.receiveBytes == 3 && memory.earlyBytes == 2)
        #expect(memory.waiting.held == 2 && memory.waiting.limit == before.waiting.limit)
        #expect(memory.states[Int(TCPState.established.rawValue)] >= 1 && memory.connections.held >= 1)
        #expect(memory.sockets.held >= 1 && memory.grownBytes >= 4096)
        bench.host.stack.closeSocket(bench.socket, now: bench.now)
        #expect(bench.host.stack.memoryUse().waiting.held == 0)
    }

    /// SO_LINGER: what close is to wait for.
    @Test func closeWaitsForWhatIsNotAcknowledged() throws {
        let bench = TCPBench()
        try bench.establish()
        #expect(bench.host.stack.lingerTime(bench.socket) == 0)
        #expect(bench.host.stack.streamOption(bench.socket, .linger) == Int(Int32.max))  // off
        #expect(bench.set(.linger, Int(Int32.max)) && bench.host.stack.lingerTime(bench.socket) == 0)
        #expect(bench.set(.linger, 500) && !bench.set(.linger, -2))
        #expect(bench.host.stack.streamOption(bench.socket, .linger) == 500)
        _ = try bench.send([1, 2, 3])
        check(!bench.host.stack.hasPeerAll(bench.socket))
        #expect(bench.host.stack.lingerTime(bench.socket) == 500)
        try bench.host.stack.shutdown(bench.socket, receiving: false, sending: true, now: bench.now)
        bench.deliver(Segment(.ack, bench.r, bench.una &+ 3))
        check(!bench.host.stack.hasPeerAll(bench.socket))
        bench.deliver(Segment(.ack, bench.r, bench.una &+ 4))
        check(bench.host.stack.hasPeerAll(bench.socket))
        #expect(bench.host.stack.lingerTime(bench.socket) == 0)
    }

    /// Two ends that disagree must not answer each other's bare segments for ever.
    @Test func bareSegmentsOutsideTheWindowAreAnsweredTwiceASecond() throws {
        let bench = TCPBench()
        try bench.establish()
        bench.now = 1_000_000
        let bare = Segment(.ack, bench.r &- 1, bench.una)
        #expect(bench.deliver(bare).count == 1)
        #expect(bench.deliver(bare).isEmpty)
        bench.now = 500_000_000
        #expect(bench.deliver(bare).isEmpty)
        bench.now = 501_000_000
        #expect(bench.deliver(bare).count == 1)
        // One with data is a retransmission: it is answered each time.
        for _ in 0..<3 { #expect(bench.deliver(Segment(.ack, bench.r &- 1, bench.una, payload: [7])).count == 1) }
    }

    @Test func aConnectionThatIsResetIsCounted() throws {
        let bench = TCPBench()
        try bench.establish()
        bench.deliver(Segment(.rst, bench.r &+ 1))
        #expect(bench.counters.resetsReceived == 0)
        bench.deliver(Segment(.rst, bench.r))
        #expect(bench.counters.resetsReceived == 1 && bench.error == .connectionReset)
    }

    /// Peers that acknowledge nothing pin what their connections took, and leave a part of the share to all else.
    @Test func silentPeersLeavePacketsToOthers() throws {
        let host = TestHost(packets: 512)
        host.learn()
        host.stack.neighbours.entries[host.stack.neighbours.find(IPAddress(peerAddress), on: .card(0))!]
            .reachableUntil =
            .never
        let listener = try host.stack.openStream()
        try host.stack.bindSocket(listener, to: Endpoint(.any, 80))
        try host.stack.listen(listener, backlog: 128)
        for port: UInt16 in 1000..<1040 {
            let answers = host.deliver(Segment(.syn, 1, window: 60_000).frame(port, 80), at: 0).compactMap {
                Segment($0)
            }
            let number = try #require(answers.last).sequence
            _ = host.deliver(Segment(.ack, 2, number &+ 1, window: 60_000).frame(port, 80), at: 0)
            let socket = try #require(try host.stack.accept(listener))
            while try host.stack.streamRoom(socket).bytes >= 500, let packet = host.pool.pool.take(.sending) {
                var full = packet
                full.resize(to: 500)
                var queue = PacketQueue()
                queue.append(full)
                try host.stack.sendStream(queue, on: socket, now: 0)
            }
        }
        let limit = host.pool.pool.limit(.sending), held = host.pool.pool.held(.sending)
        #expect(held > limit / 2 && held <= limit * 7 / 8 + 1, "\(held) of \(limit)")
        // A datagram has its packet, and one more connection its first.
        let hasPacket = host.pool.pool.take(.sending) != nil
        #expect(hasPacket)
    }

    /// The window's right edge never moves back, whatever is rounded (RFC 9293, 3.8.6).
    @Test(arguments: [0, 3, 6, 14] as [UInt8]) func theWindowIsNeverTakenBack(shift: UInt8) {
        var receiver = TCPReceiver()
        receiver.windowShift = shift
        receiver.start(at: SequenceNumber(0xffff_ff00))
        var random = SeededRandom(seed: UInt64(shift) + 1)
        var promised = receiver.next
        for _ in 0..<2000 {
            let field = receiver.windowField(limit: Int.random(in: 0...100_000, using: &random))
            let edge = receiver.next + Int(field) << Int(shift)
            if shift > 0 { #expect(edge >= promised) }
            #expect(edge <= receiver.edge || shift == 0, "more is announced than is taken")
            promised = edge
            let came = Int.random(in: 0...max(0, min(3000, receiver.window)), using: &random)
            receiver.next = receiver.next + came
            receiver.available = Bool.random(using: &random) ? 0 : min(receiver.bufferLimit, receiver.available + came)
        }
    }

    /// Two ends that disagree about numbers, or about clocks, do not answer each other for ever.
    @Test func acknowledgmentsOfNothingAreAnsweredTwiceASecond() throws {
        let options: [UInt8] = [2, 4, 5, 180, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 1]
        let bench = TCPBench()
        try bench.establish(options: options)
        func stamp(_ value: UInt8) -> [UInt8] { [1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, 0] }
        bench.now = 1_000_000
        var answers = 0
        for _ in 0..<100 { answers += bench.deliver(Segment(.ack, bench.r, bench.una, options: stamp(8))).count }
        #expect(answers == 1)
        bench.now = 600_000_000
        for _ in 0..<100 {
            answers += bench.deliver(Segment(.ack, bench.r, bench.next &+ 50, options: stamp(9))).count
        }
        #expect(answers == 2)
    }

    /// A closed window that is asked about says nothing of losses: when it opens, time-outs begin anew.
    @Test func probesOfAClosedWindowAreNoTimeOuts() throws {
        let bench = TCPBench()
        let options: [UInt8] = [2, 4, 5, 180]
        try bench.establish(options: options, window: 0)
        #expect(try bench.send([UInt8](repeating: 1, count: 3000)).isEmpty)
        var tick: UInt64 = 0
        var probes = 0
        while probes < 6 {
            tick += 10
            for _ in bench.poll(at: Instant(nanoseconds: tick * 1_000_000)) {
                probes += 1
                bench.deliver(Segment(.ack, bench.r, bench.una, window: 0))
            }
        }
        #expect(bench.deliver(Segment(.ack, bench.r, bench.una, window: 30_000)).count == 2)  // the rest waits (Nagle)
        let start = tick
        var again: [UInt64] = []
        while again.count < 2 {
            tick += 10
            if !bench.poll(at: Instant(nanoseconds: tick * 1_000_000)).isEmpty { again.append(tick - start) }
        }
        #expect(again == [200, 600])
        #expect(bench.info.segmentSize == 1460)
    }
}
