// What the side that opens takes from the answer to its SYN: the peer's numbers, its window, the first round trip.

import Testing

@testable import NetStack

@Suite struct TCPHandshakeTests {
    private let millisecond = Instant(nanoseconds: 1_000_000)

    @Test func aSynThatWasSentOnceIsTheFirstMeasurement() throws {
        let bench = TCPBench()
        try bench.establish(after: 300 * millisecond)
        #expect(bench.info.smoothedRoundTrip == .milliseconds(300))
        #expect(bench.info.roundTripVariation == .milliseconds(150))
        #expect(bench.info.retransmissionTimeout == .milliseconds(900))
    }

    /// The answer may be to either: no measurement (RFC 6298, 3), and three seconds for the data (5.7).
    @Test func aSynThatWasSentTwiceIsNotMeasured() throws {
        let bench = TCPBench()
        try bench.connect()
        #expect(bench.poll(at: second).map(\.sequence) == [bench.una])
        bench.now = 1100 * millisecond
        bench.deliver(Segment([.syn, .ack], 5000, bench.next))
        #expect(bench.state == .established)
        #expect(bench.info.smoothedRoundTrip == .zero && bench.info.retransmissionTimeout == .seconds(3))
    }

    /// They begin one number behind the SYN (RFC 9293, 3.10.7.3, fourth).
    @Test func bytesBehindTheSynAreTaken() throws {
        let bench = TCPBench()
        try bench.connect()
        let answer = bench.deliver(Segment([.syn, .ack], 5000, bench.next, payload: [1, 2, 3]))
        #expect(answer.map(\.flags) == [.ack] && answer.first?.acknowledgment == 5004)
        #expect(try bench.receive() == [1, 2, 3])
        bench.deliver(Segment(.ack, 5004, bench.next, payload: [4]))
        #expect(try bench.receive() == [4])
    }

    @Test func aFinBehindTheSynIsTaken() throws {
        let bench = TCPBench()
        try bench.connect()
        let answer = bench.deliver(Segment([.syn, .ack, .fin], 5000, bench.next, payload: [1]))
        #expect(answer.last?.acknowledgment == 5003 && bench.state == .closeWait)
    }

    /// SND.WL1 is the SYN's number: compared with any other, half of all peers could not change their window.
    @Test(arguments: [0, 0x5000_0000, 0x9000_0000, 0xf000_0000] as [UInt32])
    func theWindowIsChangedWhateverThePeersFirstNumber(first: UInt32) throws {
        let bench = TCPBench()
        try bench.connect()
        bench.deliver(Segment([.syn, .ack], first, bench.next, window: 500))
        #expect(bench.info.sendWindow == 500)
        bench.deliver(Segment(.ack, first &+ 1, bench.next, window: 2000))
        #expect(bench.info.sendWindow == 2000)
    }

    /// RFC 3168, 6.1.1: only ECE without CWR says that the peer understands congestion marks.
    @Test(arguments: [[], .ece, .cwr, [.ece, .cwr]] as [TCPFlags]) func marksAreUsedWhenTheAnswerSaysSo(
        flags: TCPFlags
    ) throws {
        let bench = TCPBench()
        try bench.establish(flags: flags.union([.syn, .ack]))
        #expect(bench.info.usesECN == (flags == .ece))
    }
}
