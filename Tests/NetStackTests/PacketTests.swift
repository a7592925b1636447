// Packets: one owner, bounds, and a pool that neither leaks nor loses count.

import Testing

@testable import NetStack

@Suite struct PacketTests {
    @Test func droppingAPacketReturnsItToThePool() {
        let pool = TestPool(3)
        do {
            let a = pool.pool.take(), b = pool.pool.take(), c = pool.pool.take(), none = pool.pool.take()
            check(a != nil && b != nil && c != nil && none == nil)
            #expect(pool.pool.freeCount == 0)
            #expect(pool.pool.failures == 1)
        }
        #expect(pool.pool.freeCount == 3)
        #expect(pool.pool.lowWater == 0)
    }

    @Test func headersGoOnAndComeOffWithoutMovingBytes() {
        let pool = TestPool()
        var packet = pool.packet([1, 2, 3, 4])!
        let place = unsafe UInt(bitPattern: packet.firstByte)  // a number: nothing is read there
        check(place % 4 == 2)
        check(packet.trimFront(2))
        check(copy(packet) == [3, 4])
        check(packet.prepend(14))
        check(packet.count == 16)
        check(unsafe UInt(bitPattern: packet.firstByte) == place - 12)
        check(packet.resize(to: 12) && packet.count == 12)
    }

    @Test func movesBeyondTheBufferAreRefused() {
        let pool = TestPool()
        var packet = pool.packet([1, 2, 3])!
        check(!packet.trimFront(4))
        check(!packet.trimFront(-1))
        check(!packet.prepend(79))
        check(packet.prepend(78))
        check(packet.headroom == 0)
        check(!packet.resize(to: PacketPool.bufferSize - 127))
        check(packet.resize(to: PacketPool.bufferSize - 128))
        check(packet.tailroom == 0)
    }

    @Test func queuesKeepOrderAndDropWhatTheyHold() {
        let pool = TestPool(8)
        do {
            var queue = PacketQueue()
            for i in 0..<5 { queue.append(pool.packet([UInt8(i)])!) }
            check(queue.count == 5)
            for i in 0..<2 {
                let packet = queue.removeFirst()!
                check(copy(packet) == [UInt8(i)])
            }
            #expect(pool.pool.freeCount == 5)
        }
        #expect(pool.pool.freeCount == 8)
    }

    @Test func poolNeverHandsOutABufferTwiceAmongThreads() async {
        let pool = TestPool(16)
        let shared = pool.pool
        await withTaskGroup(of: Bool.self) { group in
            for worker in 0..<4 {
                group.addTask {
                    for round in 0..<20_000 {
                        guard var packet = shared.take(), packet.resize(to: 16) else { continue }
                        let mark = UInt32(worker << 24 | round)
                        var bytes = packet.mutableBytes
                        bytes.setBE32(mark, 0)
                        bytes.setBE32(mark, 12)
                        if packet.bytes.be32(0) != mark || packet.bytes.be32(12) != mark { return false }
                    }
                    return true
                }
            }
            for await fine in group { #expect(fine) }
        }
        #expect(pool.pool.freeCount == 16)
    }
}
