// A card that has no room: frames wait in order, programs that send wait before them, and nothing is lost.

import Testing

@testable import NetStack

@Suite struct BacklogTests {
    private let host = TestHost(packets: 800)
    private let peer = Endpoint(peerAddress, 9)

    init() { host.learn() }

    private func payload(_ i: Int) -> Packet { host.pool.packet([UInt8(i >> 8), UInt8(i & 255)])! }

    @Test func everyDatagramThatWasAcceptedReachesTheCardInOrder() throws {
        let socket = try host.stack.openSocket()
        host.wire.ringSize = 8
        var seen: [Int] = []
        for i in 0..<1000 {
            while host.stack.congestion(from: socket, toward: peer) != nil {
                seen += host.wire.takeOutgoing().map { Int($0[42]) << 8 | Int($0[43]) }
                _ = host.stack.poll(now: 0, budget: 100)
            }
            try host.stack.send(payload(i), from: socket, to: peer, now: 0)
        }
        for _ in 0..<3 {
            seen += host.wire.takeOutgoing().map { Int($0[42]) << 8 | Int($0[43]) }
            _ = host.stack.poll(now: 0, budget: 100)
        }
        #expect(seen == Array(0..<1000))
        #expect(host.drops(.transmitRingFull) == 0)
        check(host.stack.withInterface(.card(0)) { $0.counters.packetsOut } == 1000)
        #expect(host.wire.roomRequests > 0)
        #expect(host.pool.pool.freeCount == 800)
    }

    @Test func aDatagramInFragmentsWaitsWhole() throws {
        let socket = try host.stack.openSocket()
        host.wire.ringSize = 2
        let big = host.pool.packet([UInt8](repeating: 7, count: 1480))!
        var train = PacketQueue()
        train.append(big)
        for _ in 0..<43 { train.append(host.pool.packet([UInt8](repeating: 7, count: 1480))!) }
        let datagram = train.coupled()!
        try host.stack.send(datagram, from: socket, to: peer, now: 0)
        #expect(host.stack.congestion(from: socket, toward: peer) != nil)
        var frames = 0
        for _ in 0..<40 {
            frames += host.wire.takeOutgoing().count
            _ = host.stack.poll(now: 0, budget: 100)
        }
        #expect(frames == 45)
        #expect(host.stack.congestion(from: socket, toward: peer) == nil)
        #expect(host.drops(.transmitRingFull) == 0)
    }

    @Test func aCompletionSaysThatThereIsRoom() throws {
        let socket = try host.stack.openSocket()
        host.wire.ringSize = 1
        for i in 0..<2 { try host.stack.send(payload(i), from: socket, to: peer, now: 0) }
        #expect(host.stack.takeCompletion() == nil)
        #expect(host.stack.congestion(toward: peer.address) == .card(0))
        // Another way is not congested.
        #expect(host.stack.congestion(toward: IPAddress(.loopback)) == nil)
        _ = host.wire.takeOutgoing()
        _ = host.stack.poll(now: 0, budget: 100)
        #expect(host.stack.takeCompletion() == .room(.card(0)))
        #expect(host.stack.congestion(toward: peer.address) == nil)
    }

    @Test func repliesBeyondTheBacklogAreDroppedAndCounted() {
        host.wire.ringSize = 1
        for i in 0..<StackLimit.backlog + 3 {
            host.wire.incoming.append(echoRequest([UInt8(truncatingIfNeeded: i)]))
            _ = host.stack.poll(now: 0, budget: 1)
        }
        #expect(host.drops(.transmitRingFull) == 2)
        #expect(host.pool.pool.freeCount == 800 - StackLimit.backlog)
    }

    @Test func whatWaitsIsDroppedWithTheLink() throws {
        let socket = try host.stack.openSocket()
        host.wire.ringSize = 1
        for i in 0..<2 { try host.stack.send(payload(i), from: socket, to: peer, now: 0) }
        host.wire.isLinkUp = false
        _ = host.stack.poll(now: 0, budget: 100)
        #expect(host.drops(.linkDown) == 1)
        #expect(host.pool.pool.freeCount == 800)
        #expect(host.stack.congestion(toward: peer.address) == nil)
    }
}
