// Lending: two halves of one packet, dropped in any order, on any thread, and freed once.

import Foundation
import Synchronization
import Storage
import Testing

@testable import NetStack

@Suite struct LendingTests {
    @Test(arguments: [false, true]) func isFreedByTheHalfThatIsDroppedSecond(deviceFirst: Bool) {
        let pool = TestPool(1)
        var pair: Lending? = pool.packet([1, 2, 3])!.lend()
        var kept: KeptPacket?, lent: LentPacket?
        split(pair.take()!, &kept, &lent)
        if deviceFirst { lent = nil } else { kept = nil }
        #expect(pool.pool.freeCount == 0)
        if deviceFirst { kept = nil } else { lent = nil }
        #expect(pool.pool.freeCount == 1)
    }

    private func split(_ pair: consuming Lending, _ kept: inout KeptPacket?, _ lent: inout LentPacket?) {
        let k = pair.kept
        kept = consume k
        let l = pair.lent
        lent = consume l
    }

    private func drop(_ packet: consuming LentPacket) {}

    @Test func comesHomeAsItWasWhateverTheDevicePutInFront() {
        let pool = TestPool(2)
        var kept: KeptPacket?, lent: LentPacket?
        split(pool.packet([1, 2, 3])!.lend(), &kept, &lent)
        var device = lent.take()!
        let hasRoom = device.prepend(2) { $0.setBE16(0x0809, 0) }
        let hasTooMuch = device.prepend(2000) { _ in }
        let count = device.count
        #expect(hasRoom && !hasTooMuch && count == 5)
        device.append(part: LentPacket(pool.packet([7])!))
        let owner = kept.take()!
        #expect(owner.count == 3)
        guard case .away(let still) = owner.reclaim() else {
            return #expect(Bool(false), "home while the device has it")
        }
        drop(device)
        #expect(pool.pool.freeCount == 1)
        guard case .home(let packet) = still.reclaim() else {
            return #expect(Bool(false), "away after the device dropped it")
        }
        check(copy(packet) == [1, 2, 3] && !packet.hasRest)
        #expect(pool.pool.freeCount == 1)
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
        let kept: Table<KeptPacket?>, lent: Table<LentPacket?>
        let turn = Atomic<Int>(-1), done = Atomic<Int>(-1)
        init(_ count: Int) {
            // Never given back, as tables want it.
            let keptPlaces = UnsafeMutablePointer<KeptPacket?>.allocate(capacity: count)
            let lentPlaces = UnsafeMutablePointer<LentPacket?>.allocate(capacity: count)
            for i in 0..<count {
                unsafe (keptPlaces + i).initialize(to: nil)
                unsafe (lentPlaces + i).initialize(to: nil)
            }
            kept = unsafe Table(unsafe: keptPlaces, count: count)
            lent = unsafe Table(unsafe: lentPlaces, count: count)
        }
    }

    /// A device's thread drops what it has while the owner drops or reclaims its half: each packet returns once.
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
        var reclaimed = 0
        for round in 0..<rounds {
            for i in 0..<count { split(pool.packet([UInt8(i)])!.lend(), &cells.kept[i], &cells.lent[i]) }
            cells.turn.store(round, ordering: .releasing)
            // In every eighth round the device is first, for certain; in the others nothing says which side is.
            if round % 8 == 0 { while cells.done.load(ordering: .acquiring) < round {} }
            for i in 0..<count {
                guard (i + round) % 3 == 0, let kept = cells.kept[i].take() else {
                    cells.kept[i] = nil
                    continue
                }
                if case .home(let packet) = kept.reclaim() {
                    reclaimed += 1
                    if copy(packet) != [UInt8(i)] { Issue.record("another packet came home") }
                }
            }
            while cells.done.load(ordering: .acquiring) < round {}
            if pool.pool.freeCount != count {
                Issue.record("\(count - pool.pool.freeCount) packets are lost in round \(round)"); return
            }
        }
        #expect(reclaimed >= rounds / 8 * (count / 3))
    }
}
