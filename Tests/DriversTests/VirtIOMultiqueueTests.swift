// Several pairs of queues (VIRTIO_NET_F_MQ): each processor sends through its own, frames are received of all, and what
// goes wrong in one does not reach the others.

import Testing

@testable import Drivers
@testable import NetStack

@Suite(.bothQueueFormats) struct VirtIOMultiqueueTests {
    private static let features: UInt64 = 1 << 5 | 1 << 16 | 1 << 17 | 1 << 22
    private let second: UInt64 = 1_000_000_000

    /// A card worked as the kernel works it, on a machine with several processors.
    private final class Rig {
        let memory = TestMemory()
        let model: NetModel
        let pool: PacketPool
        var card: TestNet
        var received: [[UInt8]] = []
        var now: UInt64 = 1

        init(
            pairs: Int, processors: Int = 2, isLegacy: Bool = false, features: UInt64 = features,
            _ change: (NetModel) -> Void = { _ in }
        ) throws {
            let bytes = 129 * PacketPool.bufferSize
            pool = unsafe PacketPool(memory: memory.allocate(bytes)!, byteCount: bytes)!
            model = NetModel(memory, isLegacy: isLegacy, features: features, capacity: 64, pairs: pairs)
            change(model)
            card = try VirtIONet(
                VirtIOMMIO(TestRegisters(model: model)), in: TestDMA(memory: memory), pool: pool, receiveBuffers: 32,
                mostPairs: processors, random: 1)
            poll()
            poll()
        }

        func poll() {
            card.reclaim(now: now)
            repeat {
                while let bytes = copied(card.receive()) { received.append(bytes) }
                card.reclaim(now: now)
            } while card.rearm()
        }

        func run(for nanoseconds: UInt64, step: UInt64 = 100_000_000) {
            let end = now + nanoseconds
            while now < end {
                now += step
                poll()
            }
        }

        func send(_ bytes: [UInt8], from processor: Int) -> Bool {
            memory.runningOn = processor
            guard var packet = pool.take() else { return false }
            packet.resize(to: bytes.count)
            var span = packet.mutableBytes
            for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
            let isTaken = card.transmit(LentPacket(packet)) == nil
            card.flush()
            return isTaken
        }

        /// Frames of each processor, and frames of each pair.
        func expectSound(pairs: Int, _ seed: Int = 1) {
            (model.sent, model.sentThrough, received) = ([], [:], [])
            for i in 0..<100 {
                #expect(send(frame(60 + i, seed + i), from: i % 4))
                model.deliver([frame(70 + i, seed + i)], through: i % pairs)
                poll()
            }
            #expect(model.sent.count == 100 && received == (0..<100).map { frame(70 + $0, seed + $0) })
            for pair in 1..<max(2, pairs) {
                let own = (0..<100).filter { $0 % 4 % pairs == pair }.map { frame(60 + $0, seed + $0) }
                #expect(model.sentThrough[pair] ?? [] == (pairs == 1 ? [] : own))
            }
            poll()
            #expect(pool.freeCount == 128 - 32 / pairs * pairs)
            #expect(model.complaints == [])
        }
    }

    @Test(arguments: [false, true], [2, 3, 4]) func eachProcessorHasItsPair(isLegacy: Bool, pairs: Int) throws {
        let rig = try Rig(pairs: pairs, processors: pairs, isLegacy: isLegacy)
        check(rig.card.pairsInUse == pairs && rig.model.pairsInUse == pairs)
        #expect(rig.model.orders == [[4, 0, UInt8(pairs), 0]])
        rig.expectSound(pairs: pairs)
        check(rig.card.counters.kicks > 100)
    }

    @Test(arguments: [(4, 2, 2), (2, 8, 2), (3, 1, 1), (1, 4, 1)])
    func thereAreNoMorePairsThanProcessorsOrThanTheDeviceHas(pairs: Int, processors: Int, used: Int) throws {
        let rig = try Rig(pairs: pairs, processors: processors)
        check(rig.card.pairsInUse == used && rig.card.takeFault() == nil)
        #expect(rig.model.orders == (used > 1 ? [[4, 0, UInt8(used), 0]] : []))
        // The place of the control queue depends on what was agreed on.
        rig.card.accept(ReceiveFilter())
        rig.expectSound(pairs: used)
    }

    @Test func aDeviceThatRefusesGoesOnWithOnePairAndAllBuffers() throws {
        let rig = try Rig(pairs: 2) { $0.answer = 1 }
        check(rig.card.pairsInUse == 1 && rig.card.takeFault() != nil)
        #expect(rig.model.queues[0].notifications > 0 && rig.model.pending(2) == 0)
        rig.expectSound(pairs: 1)
        // It may have more luck after a reset.
        rig.model.answer = 0
        rig.model.loseItself()
        rig.run(for: 2 * second)
        check(rig.card.pairsInUse == 2)
        rig.expectSound(pairs: 2)
    }

    @Test func aDeviceThatDoesNotAnswerGoesOnWithOnePair() throws {
        let rig = try Rig(pairs: 2) { $0.isPaused = true }
        for i in 0..<100 {
            #expect(rig.send(frame(60, i), from: i % 2))
            rig.model.deliver([frame(60, i)])
            rig.model.run(1)
            rig.poll()
        }
        check(rig.card.pairsInUse == 1)
        #expect(rig.model.sent.count == 100 && rig.received.count == 100 && rig.model.complaints == [])
        // Late is early enough.
        rig.model.isPaused = false
        rig.model.run(4)
        rig.poll()
        rig.expectSound(pairs: 2)
    }

    @Test(arguments: [0, 0x8001, 0xffff]) func anImpossibleNumberOfPairsIsNoMultiqueue(number: Int) throws {
        let rig = try Rig(pairs: 3) {
            $0.configuration[8] = UInt8(number & 255)
            $0.configuration[9] = UInt8(number >> 8)
        }
        #expect(rig.model.driverFeatures & 1 << 22 == 0)
        check(rig.card.pairsInUse == 1 && rig.card.takeFault() != nil)
        rig.expectSound(pairs: 1)
    }

    /// Queues that the number promises and that are not there.
    @Test func aPairWithoutQueuesIsNotUsed() throws {
        let rig = try Rig(pairs: 4, processors: 4) { $0.queues[5].capacity = 0 }
        check(rig.card.pairsInUse == 2)
        rig.expectSound(pairs: 2)
    }

    @Test func withoutAControlQueueThereIsOnePair() throws {
        let rig = try Rig(pairs: 2, features: 1 << 5 | 1 << 16 | 1 << 22)
        #expect(rig.model.driverFeatures & 1 << 22 == 0)
        rig.expectSound(pairs: 1)
    }

    /// The other pair's frames that are under way, and those that come, get through; one that fails again within ten
    /// seconds waits for its reset, and its processor uses the other meanwhile.
    @Test(arguments: [2, 3], [0, 1]) func aFaultInOnePairDoesNotStopTheOther(queue: Int, first: Int) throws {
        let rig = try Rig(pairs: 2, features: Self.features | VirtIOModel.ringReset)
        let faulty = first == 0 ? queue : queue - 2
        let (bad, good) = (faulty / 2, 1 - faulty / 2)
        func fail() {
            rig.model.isPaused = true
            for i in 0..<5 { #expect(rig.send(frame(100, i), from: bad)) }
            for i in 0..<5 { #expect(rig.send(frame(101, i), from: good)) }
            rig.model.isPaused = false
            rig.model.faults = [rig.model.isStrict ? .usedID(999) : .usedIndexJump(5000)]
            if faulty % 2 == 1 { rig.model.run(faulty) } else { rig.model.deliver([frame(60, 1)], through: bad) }
            rig.poll()
        }
        rig.model.statusHistory = []
        fail()
        rig.model.run(2 * good + 1)
        #expect(rig.model.sent.suffix(5) == (0..<5).map { frame(101, $0) })
        check(!rig.card.isBroken && rig.card.counters.queueResets == 1)
        check(!rig.model.isStrict || rig.card.badUsedIDs == 1)
        rig.run(for: second / 10)
        rig.model.run(2 * bad + 1)
        rig.poll()
        rig.expectSound(pairs: 2)

        fail()
        check(!rig.card.isBroken && rig.card.counters.queueResets == 1)
        rig.model.run(2 * good + 1)
        (rig.received, rig.model.sent) = ([], [])
        for i in 0..<40 {
            rig.model.deliver([frame(80, i)], through: good)
            #expect(rig.send(frame(60, i), from: good))
            rig.poll()
        }
        #expect(rig.received.suffix(40) == (0..<40).map { frame(80, $0) } && rig.model.sent.count == 40)
        if faulty % 2 == 1 { #expect(rig.send(frame(60, 1), from: bad) && rig.model.sent.count == 41) }
        rig.run(for: 12 * second)
        rig.model.run(2 * bad + 1)
        rig.poll()
        check(rig.card.counters.queueResets == 2 && rig.card.counters.restarts == 0)
        rig.expectSound(pairs: 2)
        #expect(rig.model.statusHistory == [])
    }

    /// The command is given again; until it is answered there is one pair.
    @Test func aDeviceThatWasResetIsToldItsPairsAgain() throws {
        let rig = try Rig(pairs: 3, processors: 3)
        for round in 0..<3 {
            rig.model.orders = []
            if round == 1 { rig.model.resetByOthers() } else { rig.model.loseItself() }
            rig.run(for: 12 * second)
            check(!rig.card.isBroken && rig.card.pairsInUse == 3)
            #expect(rig.model.orders == [[4, 0, 3, 0]])
            rig.expectSound(pairs: 3, round)
        }
        rig.model.loseItself()
        rig.model.isPaused = true
        rig.run(for: 12 * second)
        check(!rig.card.isBroken && rig.card.pairsInUse == 1)
        rig.model.isPaused = false
        rig.model.run(6)
        rig.poll()
        rig.expectSound(pairs: 3)
    }

    /// With fewer pairs than before its control queue is elsewhere: it is another device.
    @Test func aDeviceThatComesBackWithOtherPairsStaysGivenUp() throws {
        let rig = try Rig(pairs: 3, processors: 3)
        rig.model.configuration[8] = 2
        rig.model.loseItself()
        rig.run(for: 12 * second)
        check(rig.card.isBroken)
        #expect(rig.pool.freeCount == 128)
        rig.model.configuration[8] = 3
        rig.run(for: 12 * second)
        rig.expectSound(pairs: 3)
    }

    /// A flood into one pair leaves the other its turn.
    @Test func framesAreTakenOfAllPairsInTurn() throws {
        let rig = try Rig(pairs: 2)
        rig.model.deliver((0..<16).map { frame(60, $0) })
        rig.model.deliver([frame(70, 1)], through: 1)
        rig.card.reclaim(now: rig.now)
        var taken = 0
        while let bytes = copied(rig.card.receive()), bytes.count != 70 { taken += 1 }
        #expect(taken <= 2)
    }

    /// Room is asked for where the frames are; a pair that is full does not take the other's place.
    @Test func aFullPairAsksForRoomItself() throws {
        let rig = try Rig(pairs: 2)
        rig.model.isPaused = true
        var count = 0
        while rig.send(frame(60, count), from: 1) { count += 1 }
        #expect(count == 64)
        #expect(rig.send(frame(60, 1), from: 0))
        check(!rig.card.requestRoomInterrupt())
        let before = rig.model.interrupts
        rig.model.isPaused = false
        rig.model.run(3)
        #expect(rig.model.interrupts > before)
        rig.poll()
        #expect(rig.send(frame(60, 1), from: 1))
    }

    /// Each pair interrupts for what comes, once it was looked at, and is silent meanwhile.
    @Test(arguments: [0, 1]) func eachPairInterruptsForWhatComes(pair: Int) throws {
        let rig = try Rig(pairs: 2)
        for i in 0..<3 {
            var before = rig.model.interrupts
            rig.model.deliver([frame(70, i)], through: pair)
            #expect(rig.model.interrupts > before)
            rig.card.reclaim(now: rig.now)
            before = rig.model.interrupts
            rig.model.deliver([frame(71, i)], through: pair)
            #expect(rig.model.interrupts == before)
            rig.poll()
        }
        #expect(rig.received == (0..<3).flatMap { [frame(70, $0), frame(71, $0)] })
    }

    /// A pair without buffers does not interrupt: the card is looked at soon.
    @Test(arguments: [0, 1]) func aPairWithoutBuffersIsLookedAtSoon(pair: Int) throws {
        let rig = try Rig(pairs: 2)
        check(rig.card.patience == second)
        rig.model.deliver((0..<16).map { frame(60, $0) }, through: pair)
        while copied(rig.card.receive()) != nil {}
        check(rig.card.patience == second / 100)
        rig.poll()
        check(rig.card.patience == second)
    }

    /// What was sent through each pair comes back to the pool.
    @Test func packetsOfAllPairsAreCollected() throws {
        let rig = try Rig(pairs: 2)
        let before = rig.pool.freeCount
        for i in 0..<20 { #expect(rig.send(frame(60, i), from: i % 2)) }
        rig.card.collectSent()
        #expect(rig.model.sent.count == 20 && rig.pool.freeCount == before)
    }
}

extension VirtIONet where Queue: ~Copyable {
    fileprivate mutating func takeFault() -> StaticString? {
        defer { recovery.message = nil }
        return recovery.message
    }
}
