// A pool that grows page by page: nothing is taken before it is needed, all is given back, and when no page is free
// cards and the stack's own messages still have packets.

import Synchronization
import Testing

@testable import NetStack
@testable import Packets

/// The pages of one test's pool; functions without a context fill and empty it, so that the tests run one by one.
private enum TestPages {
    static let given = Atomic<Int>(0)
    static let limit = Atomic<Int>(.max)

    static var supply: PageSupply {
        PageSupply(
            take: {
                guard
                    TestPages.given.wrappingAdd(1, ordering: .relaxed).newValue
                        <= TestPages.limit.load(ordering: .relaxed)
                else {
                    TestPages.given.wrappingSubtract(1, ordering: .relaxed)
                    return 0
                }
                // Never given back to the system: a hart may still look at what was a free buffer.
                return UInt(bitPattern: UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096))
            },
            giveBack: { _ in TestPages.given.wrappingSubtract(1, ordering: .relaxed) })
    }

    static func pool(_ count: Int, limit most: Int = .max) -> PacketPool {
        given.store(0, ordering: .relaxed)
        limit.store(most, ordering: .relaxed)
        let words = UnsafeMutableRawPointer.allocate(byteCount: PacketPool.wordBytes(count), alignment: 64)
        return unsafe PacketPool(growing: words, count: count, supply: supply)  // outlives the test
    }

    static var count: Int { given.load(ordering: .relaxed) }
}

@Suite(.serialized) struct GrowthTests {
    @Test func aPoolTakesPagesAsPacketsAreNeededAndGivesThemBack() {
        let pool = TestPages.pool(1024)
        pool.divide(receiving: 640, sending: 320, own: 64)
        #expect(TestPages.count == 0 && pool.freeCount == 1024)
        var held = PacketQueue()
        for _ in 0..<300 { held.append(pool.take(.sending)!) }
        #expect(TestPages.count == 150 && pool.freeCount == 724 && pool.sparePages == 0)
        held.removeAll()
        #expect(pool.freeCount == 1024 && pool.sparePages > 100)
        while pool.giveBack() {}
        #expect(pool.sparePages == 0 && TestPages.count < 50 && pool.freeCount == 1024)
        // And again: the places in the pool that were given up are used anew.
        for _ in 0..<320 { held.append(pool.take(.sending)!) }
        for _ in 0..<640 { held.append(pool.take(.receiving)!) }
        for _ in 0..<64 { held.append(pool.take(.own)!) }
        #expect(pool.freeCount == 0 && TestPages.count == 512)
        let isMore = pool.take(.own) != nil
        #expect(!isMore && !pool.giveBack())
    }

    /// A page with one buffer in use stays, however many there are: asking for pages ends.
    @Test func pagesThatAreHalfInUseStay() {
        let pool = TestPages.pool(1024)
        pool.divide(receiving: 1024, sending: 0, own: 0)
        var odd = PacketQueue(), even = PacketQueue()
        for _ in 0..<400 {
            odd.append(pool.take()!)
            even.append(pool.take()!)
        }
        let pages = TestPages.count
        even.removeAll()
        #expect(pool.sparePages > 0 && !pool.giveBack() && TestPages.count == pages)
        odd.removeAll()
        while pool.giveBack() {}
        #expect(TestPages.count < 50 && pool.freeCount == 1024)
    }

    /// What is kept for the stack's own messages is there, whoever else finds no page.
    @Test func ownMessagesHaveTheirsWhenNoPageIsFree() {
        let pool = TestPages.pool(1024)
        pool.divide(receiving: 640, sending: 320, own: 64)
        pool.fill(own: 64)
        TestPages.limit.store(TestPages.count, ordering: .relaxed)
        var held = PacketQueue()
        while let packet = pool.take(.sending) { held.append(packet) }
        while let packet = pool.take(.receiving) { held.append(packet) }
        for _ in 0..<64 {
            guard let packet = pool.take(.own) else {
                Issue.record("no packet for the stack itself")
                return
            }
            held.append(packet)
        }
        #expect(!pool.canKeep)
    }

    /// Readers that sleep while no page is free: the card goes on receiving, and replies go out.
    @Test func sleepersDoNotDrainTheCardWhenNoPageIsFree() throws {
        let pool = TestPages.pool(1024)
        let host = TestHost(pool: pool)
        var ring = PacketQueue()  // what a card would have posted
        for _ in 0..<32 { if let packet = pool.take() { ring.append(packet) } }
        pool.fill(own: host.stack.budget.own)
        TestPages.limit.store(TestPages.count, ordering: .relaxed)
        let socket = try host.stack.openSocket()
        try host.stack.bindSocket(socket, to: Endpoint(.any, 6000))
        let datagram = emitted(over: [UInt8](repeating: 0, count: 9)) {
            UDPHeader(sourcePort: 4000, destinationPort: 6000, payloadCount: 1)
                .emit(to: &$0, source: peerAddress, destination: guestAddress)
        }
        for _ in 0..<300 {
            _ = host.deliver(NetStackTests.frame(datagram, protocolNumber: IPProtocol.udp, fragment: 0))
        }
        check(host.stack.socketReport(socket)!.queued > 0)
        for i in 0..<256 {
            let piece = NetStackTests.frame(
                [UInt8](repeating: 0, count: 8), protocolNumber: 17,
                source: IPv4Address(10, 0, 2, UInt8(100 + i / 16)), fragment: 0x2000 | UInt16(i % 16 * 2 + 1))
            _ = host.deliver(piece)
        }
        host.learn()
        #expect(host.deliver(echoRequest([1])).count == 1)
        for _ in 0..<32 { if let packet = pool.take() { ring.append(packet) } }
        check(ring.count == 64)
    }

    /// Threads that take and return while pages are given back: each packet is one thread's alone.
    @Test func givingBackWhileOthersTakeLosesNothing() async {
        let pool = TestPages.pool(512)
        pool.divide(receiving: 512, sending: 0, own: 0)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<3 {
                group.addTask {
                    for round in 0..<3000 {
                        var held = PacketQueue()
                        for _ in 0..<(round % 40) {
                            guard var packet = pool.take(), packet.resize(to: 4) else { continue }
                            var bytes = packet.mutableBytes
                            bytes.setByte(UInt8(number), 0)
                            held.append(packet)
                        }
                        while let packet = held.removeFirst() {
                            let owner = packet.bytes.byte(0)
                            if owner != UInt8(number) { Issue.record("a packet of two threads") }
                        }
                    }
                }
            }
            group.addTask { for _ in 0..<3000 { _ = pool.giveBack() } }
        }
        #expect(pool.freeCount == 512)
        while pool.giveBack() {}
        #expect(TestPages.count <= 64)
    }
}
