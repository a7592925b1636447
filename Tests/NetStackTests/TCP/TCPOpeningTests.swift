// How connections begin in the rarer ways: both sides at once, with oneself, again after TIME-WAIT.

import Testing

@testable import NetStack

@Suite struct TCPOpeningTests {
    @Test func bothSidesMayOpenAtOnce() throws {
        let bench = TCPBench()
        try bench.connect()
        let answer = bench.deliver(Segment(.syn, 5000))
        #expect(answer.map(\.flags) == [[.syn, .ack]] && bench.state == .synReceived)
        #expect(answer.first?.sequence == bench.una && answer.first?.acknowledgment == 5001)
        // The peer has done the same: its SYN and ACK cross ours (RFC 9293, 3.5, figure 8).
        let last = bench.deliver(Segment([.syn, .ack], 5000, bench.next))
        #expect(last.map(\.flags) == [.ack] && last.first?.sequence == bench.next)
        bench.deliver(Segment(.ack, 5001, bench.next))
        #expect(bench.state == .established)
    }

    @Test func aSocketMayConnectToItself() throws {
        let bench = TCPBench()
        bench.socket = try bench.host.stack.openStream()
        let own = Endpoint(.loopback, 7777)
        try bench.host.stack.bindSocket(bench.socket, to: own)
        try bench.host.stack.connectSocket(bench.socket, to: own, now: 0)
        bench.port = 7777
        bench.poll(at: 0)
        #expect(bench.state == .established)
        try bench.send([1, 2, 3])
        #expect(try bench.receive() == [1, 2, 3])
    }

    @Test func aConnectionInTimeWaitIsOpenedAgainByANewerSyn() throws {
        let bench = TCPBench()
        try bench.listen()
        let stamp: (UInt32) -> [UInt8] = { [1, 1, 8, 10, 0, 0, UInt8($0 >> 8), UInt8($0 & 255), 0, 0, 0, 0] }
        let answer = try #require(bench.deliver(Segment(.syn, 5000, options: stamp(10))).last)
        bench.deliver(Segment(.ack, 5001, answer.sequence &+ 1, options: stamp(11)))
        let listener = bench.socket
        bench.socket = try #require(try bench.accept())
        try bench.host.stack.shutdown(bench.socket, receiving: false, sending: true, now: 0)
        bench.sent()
        bench.deliver(Segment([.fin, .ack], 5001, answer.sequence &+ 2, options: stamp(12)))
        bench.host.stack.closeSocket(bench.socket)
        bench.socket = listener
        // An older SYN, and an old segment, are answered with where it stood (RFC 9293, 3.10.7.4).
        #expect(bench.deliver(Segment(.syn, 4000, options: stamp(9))).last?.flags == .ack)
        // A newer one opens anew, though its number is lower (RFC 6191).
        let again = bench.deliver(Segment(.syn, 4000, options: stamp(13)))
        #expect(again.last?.flags == [.syn, .ack] && again.last?.acknowledgment == 4001)
    }

    @Test func aFullBacklogTakesNoMoreUntilOneIsAccepted() throws {
        let bench = TCPBench()
        try bench.listen()  // four
        for port: UInt16 in 100..<104 {
            let answer = bench.host.deliver(Segment(.syn, 1).frame(port, 80), at: 0).compactMap { Segment($0) }
            let number = try #require(answer.last).sequence
            _ = bench.host.deliver(Segment(.ack, 2, number &+ 1).frame(port, 80), at: 0)
        }
        #expect(bench.deliver(Segment(.syn, 5000)).isEmpty)
        #expect(bench.counters.backlogFull == 1)
        #expect(try bench.accept() != nil)
        #expect(bench.deliver(Segment(.syn, 5000)).last?.flags == [.syn, .ack])
    }
}
