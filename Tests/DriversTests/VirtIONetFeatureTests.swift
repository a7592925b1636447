// What virtio-net negotiates beyond the simplest device: event index, indirect descriptors, merged buffers, the control
// queue; VirtIONetOffloadTests has large segments.

import Testing

@testable import Drivers
@testable import NetStack

@Suite(.bothQueueFormats) struct VirtIONetFeatureTests {
    enum Bit {
        static let basic: UInt64 = 1 << 5 | 1 << 16
        static let merged: UInt64 = 1 << 15
        static let control: UInt64 = 1 << 17 | 1 << 18
        static let anyLayout: UInt64 = 1 << 27
        static let indirect: UInt64 = 1 << 28
        static let eventIndex: UInt64 = 1 << 29
    }
    let memory = TestMemory()
    let pool: PacketPool

    init() {
        let bytes = 513 * PacketPool.bufferSize
        pool = unsafe PacketPool(memory: memory.allocate(bytes)!, byteCount: bytes)!
    }

    func start(_ model: NetModel, receiveBuffers: Int = 64) throws -> TestNet {
        try VirtIONet(
            VirtIOMMIO(TestRegisters(model: model)), in: TestDMA(memory: memory), pool: pool,
            receiveBuffers: receiveBuffers, random: 1)
    }

    func packet(_ bytes: [UInt8]) -> Packet {
        var packet = pool.take()!
        packet.resize(to: bytes.count)
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        return packet
    }

    func lent(_ bytes: [UInt8]) -> LentPacket { LentPacket(packet(bytes)) }

    /// Every combination, legacy and modern: frames of all sizes go both ways, through rings that wrap, and nothing is
    /// left over.
    @Test(arguments: [false, true], 0..<16)
    func framesGoBothWaysWhateverWasNegotiated(isLegacy: Bool, combination: Int) throws {
        var features = Bit.basic
        if combination & 1 != 0 { features |= Bit.merged }
        if combination & 2 != 0 { features |= Bit.anyLayout }
        if combination & 4 != 0 { features |= Bit.indirect }
        if combination & 8 != 0 { features |= Bit.eventIndex }
        let model = NetModel(memory, isLegacy: isLegacy, features: features, capacity: 32)
        do {
            var net = try start(model, receiveBuffers: 16)
            #expect(model.driverFeatures & ~(1 << 32 | VirtIOModel.queueForms) == features)
            for i in 0..<600 {
                let count = 14 + i * 7 % 1500
                model.deliver([frame(count, i)])
                check(copied(net.receive()) == frame(count, i))
                check(net.transmit(lent(frame(count, i + 1))) == nil)
                net.flush()
                net.reclaim(now: UInt64(i))
                check(!net.rearm())
            }
            #expect(model.sent.count == 600)
            for i in 0..<600 { #expect(model.sent[i] == frame(14 + i * 7 % 1500, i + 1)) }
        }
        #expect(model.complaints == [])
        #expect(pool.freeCount == 512)
    }

    /// NOTIFY_ON_EMPTY, HOST_USO, GUEST_USO4 and GUEST_USO6: offered, and not taken.
    @Test(arguments: [false, true]) func featuresThatAreLeftAloneDoNoHarm(isLegacy: Bool) throws {
        let alone: UInt64 = 1 << 24 | (isLegacy ? 0 : 1 << 54 | 1 << 55 | 1 << 56)
        let taken = Bit.basic | Bit.merged | 1 << 0 | 1 << 1 | 1 << 7 | 1 << 11
        let model = NetModel(memory, isLegacy: isLegacy, features: taken | alone)
        model.fill = 1400
        var net = try start(model)
        #expect(model.driverFeatures & alone == 0 && model.driverFeatures & taken == taken)
        // It interrupts for an empty queue all the same, and sends UDP segments, with sizes that are none.
        for (i, size) in [0, 1, 1472, 65_535].enumerated() {
            model.receiveKind = 5
            model.receiveSize = size
            model.deliver([frame(2000, i)])
            check(net.receive() == nil && net.counters.badHeaders == UInt64(i + 1))
            model.receiveKind = 0
            model.deliver([frame(60, i)])
            check(net.transmit(lent(frame(70, i))) == nil)
            net.flush()
            model.interrupt()
            net.reclaim(now: UInt64(i))
            check(copied(net.receive()) == frame(60, i))
            check(!net.rearm())
        }
        #expect(model.sent == (0..<4).map { frame(70, $0) } && model.complaints == [])
    }

    @Test func withTheEventIndexOneInterruptServesABurstAndNoneIsLost() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.eventIndex)
        var net = try start(model)
        check(!net.rearm())
        for round in 0..<50 {
            let before = model.interrupts
            model.deliver((0..<20).map { frame(60, $0) })
            #expect(model.interrupts == before + 1, "round \(round)")
            net.reclaim(now: 0)
            var seen = 0
            while net.receive() != nil { seen += 1 }
            model.deliver([frame(60, 20)])  // after the last look
            check(net.rearm())
            while net.receive() != nil { seen += 1 }
            net.reclaim(now: 0)
            check(!net.rearm())
            #expect(seen == 21)
        }
    }

    @Test func withTheEventIndexADeviceThatLooksByItselfIsNotNotified() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.eventIndex)
        var net = try start(model)
        check(net.transmit(lent(frame(60, 0))) == nil)
        net.flush()
        #expect(model.queues[1].notifications == 1)
        model.wantsNoNotifications = true
        for i in 1..<40 { check(net.transmit(lent(frame(60, i))) == nil) }
        net.flush()
        #expect(model.queues[1].notifications == 1)
        model.run(1)
        #expect(model.sent.count == 40)
    }

    @Test(arguments: [100, 200, 700, 1200]) func framesInSeveralBuffersArePutTogether(fill: Int) throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.merged)
        model.fill = fill
        var net = try start(model)
        for i in 0..<100 {
            let count = 60 + i * 14
            model.deliver([frame(count, i)])
            check(copied(net.receive()) == frame(count, i))
            net.reclaim(now: 0)
        }
        #expect(model.complaints == [] && net.counters.badLengths == 0)
    }

    @Test func frameLargerThanAPacketIsDroppedAndTheNextOneIsNot() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.merged)
        model.fill = 1000
        var net = try start(model)
        model.deliver([frame(4000, 0)])
        model.deliver([frame(600, 1)])
        check(copied(net.receive()) == frame(600, 1))
        #expect(net.counters.tooLarge == 1)
        net.reclaim(now: 0)
        #expect(model.pending(0) == 64)
    }

    /// A device with an MTU of 9,000 that spreads frames over its buffers.
    private func jumbo(_ extra: UInt64 = 0) -> NetModel {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.merged | 1 << 3 | extra)
        model.configuration[10...11] = [UInt8(9000 & 255), UInt8(9000 >> 8)]
        model.fill = 1854
        return model
    }

    @Test func largeFrameArrivesAsATrainAndNothingIsCopied() throws {
        let model = jumbo()
        var card = try start(model)
        check(card.mtu == 9000)
        for count in [1842, 1843, 4000, 9014] {
            model.deliver([frame(count, count)])
            guard let packet = card.receive() else { Issue.record("\(count) bytes did not arrive"); continue }
            check(packet.partCount == (count + 12 + 1853) / 1854)
            check(packet.totalCount == count && copy(packet) == frame(count, count))
            card.reclaim(now: 0)
        }
        model.deliver([frame(9019, 1)])
        check(card.receive() == nil && card.counters.tooLarge == 1)
        #expect(model.complaints == [])
    }

    @Test(arguments: [UInt64(0), 1 << 28]) func trainIsSentAsOneFrame(indirect: UInt64) throws {
        let model = jumbo(indirect)
        do {
            var card = try start(model)
            let before = pool.freeCount
            for i in 0..<300 {
                let whole = frame(9014, i)
                var train = packet(Array(whole[..<1001]))
                for start in stride(from: 1001, to: whole.count, by: 1777) {
                    train.append(part: packet(Array(whole[start..<min(whole.count, start + 1777)])))
                }
                check(card.transmit(LentPacket(train)) == nil)
                card.flush()
                check(model.sent.last == whole)
                card.reclaim(now: 0)
            }
            #expect(pool.freeCount == before && model.sent.count == 300)
        }
        #expect(model.complaints == [] && pool.freeCount == 512)
    }

    @Test func controlQueueIsToldWhatIsWantedAndOnlyTheNewestWaits() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.control)
        var net = try start(model)
        check(net.capabilities.contains(.receiveFilter))
        var filter = ReceiveFilter()
        net.accept(filter)
        #expect(
            model.orders == [
                [0, 0, 0], [0, 1, 0], [1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1],
            ])
        model.isPaused = true
        model.orders = []
        filter.isPromiscuous = true
        net.reclaim(now: 0)
        net.accept(filter)
        filter.takesAllGroups = true
        net.accept(filter)
        filter.isPromiscuous = false
        net.accept(filter)
        model.run(2)
        net.reclaim(now: 0)
        model.run(2)
        #expect(
            model.orders.map { $0.prefix(3) } == [
                [0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0],
            ])
        #expect(model.complaints == [])
    }

    @Test func deviceThatRefusesOrNeverAnswersIsNoTrouble() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.control)
        var net = try start(model)
        model.answer = 1
        net.accept(ReceiveFilter())
        net.reclaim(now: 0)
        model.isPaused = true
        for _ in 0..<1000 {
            net.accept(ReceiveFilter())
            net.reclaim(now: 0)
        }
        #expect(model.pending(2) == 3)
        model.toDeliver = [frame(60, 1)]
        model.run(0)
        check(copied(net.receive()) == frame(60, 1))
    }
}
