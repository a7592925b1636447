// ICMP's timestamp (RFC 792, page 16; RFC 1122, 3.2.2.8) as lab 16 suggests it, in literal bytes. Labs/16-open/README.md
// has the contract.

import Testing

@testable import NetStack

@Suite struct TimestampTests {
    /// A frame with a timestamp message in it: originate 0x01020304, and zeros where the host that answers writes.
    private func request(
        type: UInt8 = 13, code: UInt8 = 0, count: Int = 20, destination: IPv4Address = guestAddress,
        hardware: EthernetAddress = guestHardware, isDamaged: Bool = false
    ) -> [UInt8] {
        var message = Array(
            ([type, code, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4] + [UInt8](repeating: 0, count: 60)).prefix(count))
        let sum = ~naiveSum(message)
        (message[2], message[3]) = (UInt8(sum >> 8), UInt8(sum & 255))
        if isDamaged { message[9] ^= 0x40 }
        return frame(message, protocolNumber: IPProtocol.icmp, destination: destination, hardware: hardware)
    }

    /// The ICMP message of a frame, without what pads the frame.
    private func message(of frame: [UInt8]) -> [UInt8] {
        Array(frame[34..<14 + Int(frame[16]) << 8 + Int(frame[17])])
    }

    private func answer(_ frame: [UInt8], at now: Instant = 0) -> [UInt8]? {
        let host = TestHost()
        host.learn()
        return host.deliver(frame, at: now).first.map(message)
    }

    @Test func timestampIsAnsweredWithWhatTheRequestCarried() throws {
        let reply = try #require(answer(request(), at: 5 * second))
        #expect(reply.count == 20)
        #expect(Array(reply[0..<2]) == [14, 0])
        #expect(Array(reply[4..<12]) == [0x12, 0x34, 0, 7, 1, 2, 3, 4])
    }

    @Test func timestampsAreMillisecondsSinceTheStartAndSaySo() throws {
        // 0x12345678 ms and a bit less than one more; no clock of the day: the highest bit is set.
        let reply = try #require(answer(request(), at: Instant(nanoseconds: 0x1234_5678 * 1_000_000 + 999_999)))
        #expect(Array(reply[12..<16]) == [0x92, 0x34, 0x56, 0x78], "receive")
        #expect(Array(reply[16..<20]) == [0x92, 0x34, 0x56, 0x78], "transmit")
    }

    @Test func timestampsOfMoreThanADayKeepTheirLowBits() throws {
        let reply = try #require(answer(request(), at: Instant(nanoseconds: 0x1_8000_0001 * 1_000_000)))
        #expect(Array(reply[12..<16]) == [0x80, 0, 0, 1])
    }

    @Test func replysChecksumIsRightAndItsHeaderIsOurs() throws {
        let host = TestHost()
        host.learn()
        var asked = request()
        asked[22] = 3  // its time to live is not the reply's
        (asked[24], asked[25]) = (0, 0)
        let sum = ~naiveSum(Array(asked[14..<34]))
        (asked[24], asked[25]) = (UInt8(sum >> 8), UInt8(sum & 255))
        let sent = try #require(host.deliver(asked, at: 77 * second).first)
        #expect(naiveSum(message(of: sent)) == 0xffff && naiveSum(Array(sent[14..<34])) == 0xffff)
        #expect(sent[22] == 64 && Array(sent[26..<34]) == [10, 0, 2, 15, 10, 0, 2, 2])
        #expect(Array(sent[0..<6]) == [0x52, 0x55, 0x0a, 0, 2, 2])
    }

    @Test func timestampReplyIsBuiltInTheBufferOfTheRequest() {
        let host = TestHost(packets: 1)
        host.learn()
        #expect(host.deliver(request()).count == 1)
        #expect(host.pool.pool.failures == 0 && host.pool.pool.freeCount == 1)
    }

    @Test func bytesBehindTheMessageAreNotReturned() throws {
        let reply = try #require(answer(request(count: 48)))
        #expect(reply.count == 20 && naiveSum(reply) == 0xffff)
    }

    @Test func timestampToAGroupIsNotAnswered() {
        let host = TestHost()
        host.learn()
        let all = EthernetAddress(255, 255, 255, 255, 255, 255)
        #expect(host.deliver(request(destination: IPv4Address(10, 0, 2, 255), hardware: all)).isEmpty)
        #expect(host.deliver(request(destination: IPv4Address(255, 255, 255, 255), hardware: all)).isEmpty)
        #expect(host.drops(.icmpUnknownType) == 2)
    }

    @Test(arguments: [8, 12, 16, 19]) func shortMessageIsNone(count: Int) {
        let host = TestHost()
        host.learn()
        #expect(host.deliver(request(count: count)).isEmpty)
        #expect(host.drops(.icmpUnknownType) == 1)
    }

    @Test func damagedTimestampIsDropped() {
        let host = TestHost()
        host.learn()
        #expect(host.deliver(request(isDamaged: true)).isEmpty)
        #expect(host.drops(.icmpBadChecksum) == 1)
    }

    @Test func timestampReplyThatComesIsAnsweredByNothing() {
        let host = TestHost()
        host.learn()
        #expect(host.deliver(request(type: 14)).isEmpty)
        #expect(host.pool.pool.freeCount == 64)
    }
}
