// Packet rings: what goes through, and what a program can do wrong.

import FuzzTargets
import Simulator
import Storage
import SystemInterface
import Testing

@testable import NetStack

@Suite struct PacketRingTests {
    private let pool = TestPool(32)

    private func region(_ transmit: UInt32 = 4, _ receive: UInt32 = 4, host: UInt32 = 2) -> TestRegion {
        var request = PacketRingsRequest()
        (request.transmitSlots, request.receiveSlots, request.hostSlots) = (transmit, receive, host)
        return TestRegion(request)
    }

    private func taken(_ region: TestRegion) -> [UInt8]? {
        switch region.rings.take(from: pool.pool, for: .sending) {
        case .packet(let frame):
            region.rings.pass()
            return copy(frame)
        default: return nil
        }
    }

    @Test func framesLeaveTheTransmitRingInOrderRoundAndRound() {
        let region = region()
        #expect(region.tail(.transmit) == 3 && region.tail(.receive) == 0)
        var head = 0
        for number in 0..<50 {
            let buffer = region.slot(.transmit, head).buffer
            region[PacketRingLayout.buffers + 2048 * buffer] = UInt64(number)
            region.set(.transmit, head, PacketSlot(buffer: buffer, length: 60))
            head = (head + 1) % 4
            region.setHead(.transmit, head)
            check(region.rings.takeHeads(.transmit))
            let frame = taken(region)
            #expect(frame?.count == 60 && frame?[0] == UInt8(number))
            #expect(taken(region) == nil)
            region.rings.publishRoom()
            #expect(region.tail(.transmit) == (head + 3) % 4)
        }
        #expect(region[PacketRingLayout.frames] == 50)
    }

    @Test func framesThatComeWaitUntilTheyAreRead() {
        let region = region()
        for number in 0..<6 { region.rings.put(pool.packet([UInt8](repeating: UInt8(number), count: 100))!) }
        #expect(region.tail(.receive) == 0)
        region.rings.publishReceived()
        // One slot is always the kernel's: three of six have room.
        #expect(region.tail(.receive) == 3)
        for index in 0..<3 {
            let slot = region.slot(.receive, index)
            #expect(slot.length == 100)
            #expect(region.bytes(slot.buffer, 100) == [UInt8](repeating: UInt8(index), count: 100))
        }
        region.setHead(.receive, 2)
        check(region.rings.takeHeads(.receive))
        #expect(region.rings.receive.dropped == 3)
        region.rings.put(pool.packet([9, 9])!)
        region.rings.publishReceived()
        #expect(region.tail(.receive) == 0 && region.rings.receive.frames == 4)
    }

    @Test func aFrameInPiecesBecomesOneAndOneThatIsTooLongNone() {
        let region = region()
        var frame = pool.packet([UInt8](repeating: 1, count: 1000))!
        frame.append(part: pool.packet([UInt8](repeating: 2, count: 500))!)
        region.rings.put(frame)
        region.rings.publishReceived()
        let slot = region.slot(.receive, 0)
        #expect(slot.length == 1500)
        #expect(
            region.bytes(slot.buffer, 1500) == [UInt8](repeating: 1, count: 1000) + [UInt8](repeating: 2, count: 500))
        var long = pool.packet([UInt8](repeating: 1, count: 1500))!
        long.append(part: pool.packet([UInt8](repeating: 2, count: 1500))!)
        region.rings.put(long)
        region.rings.publishReceived()
        #expect(region.tail(.receive) == 1 && region.rings.receive.refused == 1)
    }

    /// A head beyond the ring, a receive head beyond the tail: refused, and nothing changes.
    @Test func aHeadIsBelievedOnlyWhereItMayBe() {
        let region = region()
        for head in [4, 5, 1 << 20, 0xffff_ffff] {
            region.setHead(.transmit, head)
            check(!region.rings.takeHeads(.transmit))
        }
        region.setHead(.transmit, 0)
        region.rings.put(pool.packet([1, 2])!)
        region.rings.publishReceived()
        region.setHead(.receive, 2)
        check(!region.rings.takeHeads(.receive))
        region.setHead(.receive, 1)
        check(region.rings.takeHeads(.receive))
        region.setHead(.receive, 0)  // back
        check(!region.rings.takeHeads(.receive))
        #expect(taken(region) == nil)
    }

    @Test func aSlotThatNamesNoBufferOrNoLengthIsLeftOut() {
        let region = region()
        region.set(.transmit, 0, PacketSlot(buffer: 0xffff_ffff, length: 60))
        region.set(.transmit, 1, PacketSlot(buffer: 0, length: 13))
        region.set(.transmit, 2, PacketSlot(buffer: 0, length: 2049))
        region.setHead(.transmit, 3)
        check(region.rings.takeHeads(.transmit))
        #expect(taken(region) == nil)
        #expect(region.rings.transmit.refused == 3 && region.rings.transmit.frames == 0)
        region.set(.receive, 0, PacketSlot(buffer: 12, length: 0))
        region.rings.put(pool.packet([1, 2])!)
        region.rings.publishReceived()
        #expect(region.rings.receive.refused == 1 && region.tail(.receive) == 0)
        #expect(pool.pool.freeCount == 32)
    }

    @Test func aPipeMovesWhatTheOtherEndHasRoomFor() {
        let one = region(8, 4), other = region(4, 4)
        for index in 0..<7 { one.set(.transmit, index, PacketSlot(buffer: index, length: 60 + index)) }
        one.setHead(.transmit, 7)
        check(one.rings.takeHeads([.transmit, .receive]))
        check(one.rings.forward(to: &other.rings))
        one.rings.publishRoom()
        #expect(other.tail(.receive) == 3 && one.tail(.transmit) == 2)
        #expect((0..<3).map { other.slot(.receive, $0).length } == [60, 61, 62])
        check(!one.rings.forward(to: &other.rings))
        other.setHead(.receive, 2)
        check(other.rings.takeHeads(.receive) && one.rings.forward(to: &other.rings))
        #expect(other.rings.receive.frames == 5 && other.rings.receive.dropped == 0)
    }

    /// A region of slots alone, with the buffers of `lender` from this number on.
    private func borrower(_ lender: TestRegion, _ first: UInt16) -> TestRegion {
        var request = PacketRingsRequest()
        (request.transmitSlots, request.receiveSlots, request.hostSlots) = (4, 4, 0)
        (request.buffersOf, request.firstBuffer) = (1, first)
        return TestRegion(request, buffersOf: lender.region)
    }

    /// What came to one card leaves by the other in the same buffer, in both directions.
    @Test func slotsOfTwoRegionsExchangeTheBuffersOfOne() {
        let one = region(4, 4, host: 4), two = borrower(one, 8)
        #expect((0..<4).map { two.slot(.transmit, $0).buffer } == [8, 9, 10, 11])
        #expect((0..<4).map { two.slot(.receive, $0).buffer } == [12, 13, 14, 15])
        for (from, to) in [(one, two), (two, one)] {
            for index in 0..<3 {
                from.rings.put(pool.packet([UInt8](repeating: UInt8(index), count: 90 + index))!)
                from.rings.publishReceived()
                let received = from.slot(.receive, index)
                #expect(one.bytes(received.buffer, received.length).allSatisfy { $0 == index })
                from.set(.receive, index, PacketSlot(buffer: to.slot(.transmit, index).buffer, length: 0))
                to.set(.transmit, index, received)
            }
            from.setHead(.receive, 3)
            to.setHead(.transmit, 3)
            check(from.rings.takeHeads(.receive) && to.rings.takeHeads(.transmit))
            for index in 0..<3 { #expect(taken(to) == [UInt8](repeating: UInt8(index), count: 90 + index)) }
            #expect(taken(to) == nil)
        }
        #expect(Set((0..<4).flatMap { [two.slot(.transmit, $0).buffer, two.slot(.receive, $0).buffer] }).count == 8)
    }

    /// The buffers that a slot may name are those of the region that has them, whichever region the slot is in.
    @Test func aSlotBeyondTheBuffersOfTheOtherRegionIsLeftOut() {
        let one = region(4, 4, host: 4), two = borrower(one, 8)
        two.set(.transmit, 0, PacketSlot(buffer: 15, length: 60))
        two.set(.transmit, 1, PacketSlot(buffer: 16, length: 60))
        two.setHead(.transmit, 2)
        check(two.rings.takeHeads(.transmit))
        #expect(taken(two)?.count == 60)
        #expect(taken(two) == nil && two.rings.transmit.refused == 1)
        two.set(.receive, 0, PacketSlot(buffer: 16, length: 0))
        two.rings.put(pool.packet([1, 2])!)
        two.rings.publishReceived()
        #expect(two.rings.receive.refused == 1 && two.tail(.receive) == 0)
    }

    /// Both ends of a pipe with the buffers of one region: a frame may be moved onto itself.
    @Test func aPipeWithinOneRegionMovesFrames() {
        let one = region(4, 4, host: 4), two = borrower(one, 8)
        for (index, byte) in [0x11, 0x22].enumerated() {
            one[PacketRingLayout.buffers + 2048 * index] = UInt64(byte)
            one.set(.transmit, index, PacketSlot(buffer: index, length: 60))
        }
        two.set(.receive, 0, PacketSlot(buffer: 0, length: 0))
        one.setHead(.transmit, 2)
        check(one.rings.takeHeads(.transmit))
        check(one.rings.forward(to: &two.rings))
        #expect((0..<2).map { one.bytes(two.slot(.receive, $0).buffer, 1)[0] } == [0x11, 0x22])
    }

    @Test func aThousandHostileProgramsLoseNothing() {
        for seed in UInt64(1)...1000 {
            var random = SeededRandom(seed: seed)
            _ = FuzzTarget.rings.run((0..<2200).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        }
    }
}
