// What virtio-net negotiates beyond the simplest device: event index, indirect descriptors, merged buffers, the control queue.

import Testing

@testable import Drivers
@testable import NetStack

@Suite struct VirtIONetFeatureTests {
    private enum Bit {
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
        pool = PacketPool(memory: memory.allocate(bytes)!, byteCount: bytes)!
    }

    private func start(_ model: NetModel, receiveBuffers: Int = 64) throws -> TestNet {
        try VirtIONet(
            VirtIOMMIO(TestRegisters(model: model)), in: TestDMA(memory: memory), pool: pool, receiveBuffers: receiveBuffers, random: 1)
    }

    private func packet(_ bytes: [UInt8]) -> Packet {
        var packet = pool.take()!
        packet.resize(to: bytes.count)
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        return packet
    }

    /// Every combination, legacy and modern: frames of all sizes go both ways, through rings that wrap, and nothing is left over.
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
            #expect(model.driverFeatures & ~(1 << 32) == features)
            for i in 0..<600 {
                let count = 14 + i * 7 % 1500
                model.deliver([frame(count, i)])
                check(copied(net.receive()) == frame(count, i))
                check(net.transmit(packet(frame(count, i + 1))) == nil)
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
        check(net.transmit(packet(frame(60, 0))) == nil)
        net.flush()
        #expect(model.queues[1].notifications == 1)
        model.wantsNoNotifications = true
        for i in 1..<40 { check(net.transmit(packet(frame(60, i))) == nil) }
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

    @Test func controlQueueIsToldWhatIsWantedAndOnlyTheNewestWaits() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.control)
        var net = try start(model)
        check(net.capabilities.contains(.receiveFilter))
        var filter = ReceiveFilter()
        net.accept(filter)
        #expect(model.orders == [
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
        #expect(model.orders.map { $0.prefix(3) } == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0]])
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
