// Lending: two halves of one packet, dropped in any order, on any thread, and freed once.

import Foundation
import Synchronization
import Storage
import Testing

@testable import NetStack

@Suite struct LendingTests {
    @Test(arguments: [false, true]) func isFreedByTheHalfThatIsDroppedSecond(deviceFirst: Bool) {
        let pool = TestPool(1)
        var queue = SegmentQueue()
        queue.append(pool.packet([1, 2, 3])!)
        var lent = queue.first!.lend()
        if deviceFirst { drop(lent.take()!) } else { queue.removeAll() }
        #expect(pool.pool.freeCount == 0)
        if deviceFirst { queue.removeAll() } else { drop(lent.take()!) }
        #expect(pool.pool.freeCount == 1)
    }

    private func drop(_ packet: consuming LentPacket) {}

    @Test func staysAsItWasWhateverTheDevicePutInFront() {
        let pool = TestPool(2)
        var queue = SegmentQueue()
        queue.append(pool.packet([1, 2, 3])!)
        let segment = queue.first!
        var device = segment.lend()!
        let hasRoom = device.prepend(2) { $0.setBE16(0x0809, 0) }
        let hasTooMuch = device.prepend(2000) { _ in }
        let count = device.count
        #expect(hasRoom && !hasTooMuch && count == 5)
        device.append(part: LentPacket(pool.packet([7])!))
        let isLentAgain = segment.lend() != nil
        #expect(segment.count == 3 && !segment.isHome && !isLentAgain)
        drop(device)
        #expect(pool.pool.freeCount == 1 && segment.isHome)
        do {
            let again = segment.lend()!
            let first = again.bytes.byte(0), count = again.count, hasRest = again.hasRest
            #expect(first == 1 && count == 3 && !hasRest)
        }
        queue.removeFirst()
        #expect(pool.pool.freeCount == 2)
    }

    @Test func partsOfAKeptPacketLeaveAndJoin() {
        let pool = TestPool(3)
        var queue = SegmentQueue()
        queue.append(pool.packet([1, 2, 3, 4])!)
        let first = queue.first!
        let rest = first.copied(from: pool.pool, for: .sending, from: 2)!
        check(copy(rest) == [3, 4])
        queue.insert(rest, after: first)
        first.truncate(to: 2)
        first.trimFront(1)
        let bytes = (first.count, first.bytes.byte(0), first.next!.bytes.byte(1))
        #expect(bytes == (1, 2, 4) && queue.count == 2 && queue.last! == first.next!)
        let takes = queue.last!.absorb(pool.packet([5])!, upTo: 3),
            takesMore = queue.last!.absorb(pool.packet([6])!, upTo: 3)
        #expect(takes && !takesMore)
        #expect(queue.last!.count == 3)
        queue.removeAll()
        #expect(pool.pool.freeCount == 3)
    }

    @Test func packetGivenForGoodReturnsWithAllItsParts() {
        let pool = TestPool(3)
        do {
            var packet = pool.packet([1])!
            packet.append(part: pool.packet([2])!)
            let lent = LentPacket(packet)
            check(lent.totalCount == 2 && lent.partCount == 2)
            #expect(pool.pool.freeCount == 1)
        }
        #expect(pool.pool.freeCount == 3)
    }

    @Test func keptPacketsQueueWhileTheDeviceQueuesThemToo() {
        let pool = TestPool(8)
        do {
            var queue = SegmentQueue()
            var device: LentPacket?
            for i in 0..<4 {
                queue.append(pool.packet([UInt8(i)])!)
                let lent = queue.last!.lend()
                if var train = device.take() {
                    train.append(part: lent!)
                    device = consume train
                } else {
                    device = lent
                }
            }
            let sent = device.take()!
            let parts = sent.partCount
            #expect(queue.count == 4 && parts == 4)
            let first = queue.first!
            let byte = first.bytes.byte(0)
            let isAway = first.lend() == nil && !first.isHome
            drop(sent)
            #expect(byte == 0 && isAway && first.isHome)
            queue.removeFirst()
            #expect(queue.count == 3 && queue.first!.bytes.byte(0) == 1)
        }
        #expect(pool.pool.freeCount == 8)
    }

    /// Places that two threads take turns with; `turn` and `done` say whose they are.
    @safe private final class Cells: @unchecked Sendable {
        let kept: Table<SegmentQueue>, lent: Table<LentPacket?>
        let turn = Atomic<Int>(-1), done = Atomic<Int>(-1)
        init(_ count: Int) {
            // Never given back, as tables want it.
            let keptPlaces = UnsafeMutablePointer<SegmentQueue>.allocate(capacity: count)
            let lentPlaces = UnsafeMutablePointer<LentPacket?>.allocate(capacity: count)
            for i in 0..<count {
                unsafe (keptPlaces + i).initialize(to: SegmentQueue())
                unsafe (lentPlaces + i).initialize(to: nil)
            }
            kept = unsafe Table(unsafe: keptPlaces, count: count)
            lent = unsafe Table(unsafe: lentPlaces, count: count)
        }
    }

    /// A device's thread drops what it has while the owner drops its half, or lends it again: each packet returns once.
    @Test func twoThreadsFreeEachPacketOnce() {
        let count = 32, rounds = 4000
        let pool = TestPool(count)
        let cells = Cells(count)
        let device = Thread {
            for round in 0..<rounds {
                while cells.turn.load(ordering: .acquiring) < round {}
                for i in 0..<count { cells.lent[i] = nil }
                cells.done.store(round, ordering: .releasing)
            }
        }
        device.start()
        var lentAgain = 0
        for round in 0..<rounds {
            for i in 0..<count {
                cells.kept[i].append(pool.packet([UInt8(i)])!)
                cells.lent[i] = cells.kept[i].first!.lend()
            }
            cells.turn.store(round, ordering: .releasing)
            // In every eighth round the device is first, for certain; in the others nothing says which side is.
            if round % 8 == 0 { while cells.done.load(ordering: .acquiring) < round {} }
            for i in 0..<count {
                if (i + round) % 3 == 0, let again = cells.kept[i].first!.lend() {
                    lentAgain += 1
                    if again.bytes.byte(0) != UInt8(i) { Issue.record("another packet came home") }
                }
                cells.kept[i].removeAll()
            }
            while cells.done.load(ordering: .acquiring) < round {}
            if pool.pool.freeCount != count {
                Issue.record("\(count - pool.pool.freeCount) packets are lost in round \(round)"); return
            }
        }
        #expect(lentAgain >= rounds / 8 * (count / 3))
    }
}
