// The random generator: RFC 8439's vectors, and what can be guessed of the fields on the wire.

import Testing

@testable import NetStack

@Suite struct RandomTests {
    /// RFC 8439, 2.1.1.
    @Test func quarterRoundOfTheRFC() {
        var state = [16 of UInt32](repeating: 0)
        (state[0], state[1], state[2], state[3]) = (0x1111_1111, 0x0102_0304, 0x9b8d_6f43, 0x0123_4567)
        ChaCha20.quarterRound(&state, 0, 1, 2, 3)
        #expect(
            state[0] == 0xea2a_92f4 && state[1] == 0xcb1c_f8ce && state[2] == 0x4581_472e && state[3] == 0x5881_c4bb)
    }

    /// RFC 8439, 2.3.2: key 00 01 … 1f, counter 1, nonce 00 00 00 09 00 00 00 4a 00 00 00 00.
    @Test func blockOfTheRFC() {
        let key: [8 of UInt32] = [
            0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c, 0x1312_1110, 0x1716_1514, 0x1b1a_1918, 0x1f1e_1d1c,
        ]
        let block = ChaCha20.block(key: key, counter: 1, nonce: [0x0900_0000, 0x4a00_0000, 0])
        let wanted: [UInt32] = [
            0xe4e7_f110, 0x1559_3bd1, 0x1fdd_0f50, 0xc471_20a3, 0xc7f4_d1c7, 0x0368_c033, 0x9aaa_2204, 0x4e6c_d4c3,
            0x4664_82d2, 0x09aa_9f07, 0x05d7_c214, 0xa202_8bd9, 0xd19c_12b5, 0xb94e_16de, 0xe883_d0cb, 0x4e3c_50a2,
        ]
        #expect((0..<16).map { block[$0] } == wanted)
    }

    /// RFC 8439, A.1, vector 1: all zeros. The generator gives out its second half, and takes the first for its next
    /// key.
    @Test func generatorErasesItsKey() {
        var random = RandomGenerator(key: [0, 0, 0, 0])
        let zero: [3 of UInt32] = [0, 0, 0]
        let first = ChaCha20.block(key: [0, 0, 0, 0, 0, 0, 0, 0], counter: 0, nonce: zero)
        #expect(first[0] == 0xade0_b876)
        for i in 0..<4 { #expect(random.number() == UInt64(first[8 + 2 * i]) | UInt64(first[9 + 2 * i]) << 32) }
        var key = [8 of UInt32](repeating: 0)
        for i in 0..<8 { key[i] = first[i] }
        let second = ChaCha20.block(key: key, counter: 0, nonce: zero)
        #expect(random.number() == UInt64(second[8]) | UInt64(second[9]) << 32)
    }

    @Test func forksHaveNothingInCommon() {
        var random = RandomGenerator(seed: 1)
        var numbers: Set<UInt64> = []
        for _ in 0..<10 {
            var fork = random.fork()
            for _ in 0..<100 { numbers.insert(fork.number()) }
            for _ in 0..<100 { numbers.insert(random.number()) }
        }
        #expect(numbers.count == 2000)
    }

    // MARK: What the wire shows (once: one DHCPDISCOVER and one echo request gave the next DNS identifiers and ports
    // away)

    /// The generator that the fields were drawn from before, run on from a state that the wire showed.
    @Test func echoIdentifiersAndTransactionsDoNotFollowTheOldGenerator() throws {
        let host = TestHost.bare(seed: 77)
        host.stack.startDHCP(.card(0), now: 0)
        let discover = try #require(ClientMessage(host.wire.takeOutgoing()[0]))
        var state: UInt64 = 77
        for _ in 0..<1000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            #expect(UInt32(truncatingIfNeeded: state >> 32) != discover.transaction)
        }
    }

    /// Two destinations in different sets: the identifications to one say nothing of those to the other.
    @Test func identificationsAreCountedByDestination() {
        let byteCount = Identifications.memoryNeeded
        var memory = unsafe TableMemory(unsafe: .allocate(byteCount: byteCount, alignment: 16), byteCount: byteCount)
        var random = RandomGenerator(seed: 5)
        var table = Identifications(&memory, &random)
        let first = table.next(for: peerAddress)
        var others: Set<UInt16> = []
        for i: UInt8 in 10..<200 { others.insert(table.next(for: IPv4Address(10, 1, 2, i)) &- first) }
        #expect(others.count { $0 > 1000 } > 100)  // not the next numbers of one counter
        #expect(
            (1...1000).allSatisfy { _ in
                let id = table.next(for: peerAddress)
                return table.next(for: peerAddress) == id &+ 1
            })
    }

    @Test func portsAndEchoIdentifiersAreSpread() throws {
        let host = TestHost()
        var ports: Set<UInt16> = []
        var identifiers: Set<UInt16> = []
        for _ in 0..<50 {
            let socket = try host.stack.openSocket()
            try host.stack.bindSocket(socket, to: Endpoint(.any, 0))
            ports.insert(host.stack.localAddress(ofSocket: socket).port)
            host.stack.closeSocket(socket)
            host.learn()
            let slot = try host.stack.startEcho(to: peerAddress, payloadCount: 0, sequence: 1, timeout: 1, now: 0)
            host.stack.cancelEcho(slot)
            let frame = host.wire.takeOutgoing()[0]
            identifiers.insert(UInt16(frame[38]) << 8 | UInt16(frame[39]))
        }
        #expect(ports.count > 45 && ports.allSatisfy { $0 >= 49152 })
        #expect(zip(ports.sorted(), ports.sorted().dropFirst()).contains { $1 - $0 > 100 })
        #expect(identifiers.count > 45)
    }
}
