// Trains: several buffers that go and come as one packet.

import Testing

@testable import NetStack

@Suite struct TrainTests {
    private func train(_ pool: TestPool, _ parts: [UInt8]...) -> Packet {
        var packet = pool.packet(parts[0])!
        for part in parts.dropFirst() { packet.append(part: pool.packet(part)!) }
        return packet
    }

    @Test func countsAndReturnsAllItsParts() {
        let pool = TestPool(8)
        do {
            let packet = train(pool, [1, 2], [3], [4, 5, 6])
            check(packet.count == 2 && packet.totalCount == 6 && packet.partCount == 3)
            check(copy(packet) == [1, 2, 3, 4, 5, 6])
            #expect(pool.pool.freeCount == 5)
        }
        #expect(pool.pool.freeCount == 8)
    }

    @Test(arguments: 0...6) func isCutAtAnyByte(count: Int) {
        let pool = TestPool(8)
        var packet = train(pool, [1, 2], [3], [4, 5, 6])
        check(packet.truncate(to: count) && copy(packet) == Array([1, 2, 3, 4, 5, 6].prefix(count)))
        check(!packet.truncate(to: count + 1) && !packet.truncate(to: -1))
        #expect(pool.pool.freeCount == 8 - (count <= 2 ? 1 : count <= 3 ? 2 : 3))
    }

    @Test(arguments: 0...6) func losesAnyNumberOfBytesAtTheFront(count: Int) {
        let pool = TestPool(8)
        var packet = train(pool, [1, 2], [3], [4, 5, 6])
        check(packet.trimTrain(count) && copy(packet) == Array([1, 2, 3, 4, 5, 6].dropFirst(count)))
        check(!packet.trimTrain(7 - count))
    }

    @Test func wholeBuffersAreTakenOffTheFront() {
        let pool = TestPool(8)
        var packet = train(pool, [1, 2], [3], [4, 5, 6])
        check(packet.takeFront(upTo: 1) == nil && packet.takeFront(upTo: 6) == nil)
        guard let front = packet.takeFront(upTo: 5) else { Issue.record("nothing taken"); return }
        check(copy(front) == [1, 2, 3] && copy(packet) == [4, 5, 6] && !packet.hasRest)
        #expect(pool.pool.freeCount == 5)
    }

    @Test func queuesTakeATrainForOnePacketAndCoupleTheirPackets() {
        let pool = TestPool(8)
        var queue = PacketQueue()
        queue.append(train(pool, [1], [2]))
        queue.append(pool.packet([3])!)
        check(queue.count == 2)
        let first = queue.removeFirst()!
        check(copy(first) == [1, 2])
        queue.append(first)
        let whole = queue.coupled()!
        check(copy(whole) == [3, 1, 2] && whole.partCount == 3)
        #expect(pool.pool.freeCount == 5)
    }

    @Test func packetsAreInsertedWhereTheyBelong() {
        let pool = TestPool(8)
        var queue = PacketQueue()
        for value in [5, 1, 9, 3] as [UInt8] { queue.insert(pool.packet([value])!) { $0.bytes.byte(0) > value } }
        check(queue.withLast { $0.bytes.byte(0) } == 9)
        let sorted = queue.coupled()!
        check(copy(sorted) == [1, 3, 5, 9])
    }

    @Test func checksumDoesNotDependOnTheParts() {
        let pool = TestPool(64)
        let bytes = (0..<301).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        var whole = Checksum()
        let single = pool.packet(bytes)!
        whole.add(single, from: 3, to: 300)
        for cuts in [[1], [2, 3], [17, 1, 1, 1, 100], [150, 151]] {
            var packet = pool.packet(Array(bytes.prefix(cuts[0])))!
            var start = cuts[0]
            for length in cuts.dropFirst() + [.max] where start < bytes.count {
                let end = start + min(length, bytes.count - start)
                packet.append(part: pool.packet(Array(bytes[start..<end]))!)
                start = end
            }
            var sum = Checksum()
            sum.add(packet, from: 3, to: 300)
            check(sum.folded == whole.folded)
        }
    }

    @Test func copiesStopWhereTheRoomOrTheLimitEnds() {
        let pool = TestPool(8)
        let packet = train(pool, [1, 2], [3], [4, 5, 6])
        var some = pool.packet([9])!
        check(some.copyIn(packet, limit: 4) == 4 && copy(some) == [9, 1, 2, 3, 4])
        some.resize(to: some.count + some.tailroom - 2)
        check(some.copyIn(packet) == 2 && some.tailroom == 0)
    }

    @Test func offloadRequestKeepsItsPlaceWhenHeadersComeInFront() {
        let pool = TestPool()
        var packet = pool.packet(Array(repeating: 1, count: 100))!
        check(packet.offload == nil && !packet.isChecksumVerified)
        let segmentation = OffloadRequest.Segmentation(kind: .tcpIPv6, size: 1428, headerLength: 32)
        packet.offload = OffloadRequest(checksumStart: 0, checksumOffset: 16, segmentation: segmentation)
        packet.prepend(54)
        check(packet.offload == OffloadRequest(checksumStart: 54, checksumOffset: 16, segmentation: segmentation))
        check(!packet.isChecksumVerified)
        packet.isChecksumVerified = true
        check(packet.offload == nil && packet.isChecksumVerified)
    }

    @Test func checksumLeftToACardIsMadeInSoftwareWhereItCannot() {
        let pool = TestPool()
        var packet = train(pool, [0xde, 0xad, 1, 2, 0, 0, 7], [8, 9], [10])
        packet.offload = OffloadRequest(checksumStart: 2, checksumOffset: 2)
        packet.completeChecksum()
        // ~(0x0102 + 0x0000 + 0x0708 + 0x090a): by hand.
        check(copy(packet) == [0xde, 0xad, 1, 2, 0xee, 0xeb, 7, 8, 9, 10] && packet.offload == nil)
    }
}
