// The network driver against the model: legacy and modern, rings that wrap, full rings, lies, interrupts; and no packet
// lost on the way.

import Drivers
import Testing

@testable import NetStack

/// Which of the kinds of device that this driver meets.
enum Kind: CaseIterable { case modern, legacy, legacyWithoutLayout }

/// Pages that are never given back.
private var testPages: TablePages {
    unsafe TablePages(unsafe: { _ in .allocate(byteCount: 4096, alignment: 4096) })  // as long as the tests
}

@Suite(.bothQueueFormats) struct VirtIONetTests {
    let memory = TestMemory()
    let pool: PacketPool

    init() {
        let bytes = 513 * PacketPool.bufferSize
        pool = unsafe PacketPool(memory: memory.allocate(bytes)!, byteCount: bytes)!
    }

    func model(_ kind: Kind, capacity: UInt32 = 256) -> NetModel {
        NetModel(
            memory, isLegacy: kind != .modern,
            features: 1 << 5 | 1 << 16 | (kind == .legacyWithoutLayout ? 0 : 1 << 27),
            capacity: capacity)
    }

    func start(_ model: NetModel, receiveBuffers: Int = 64) throws -> TestNet {
        try VirtIONet(
            VirtIOMMIO(TestRegisters(model: model)), in: TestDMA(memory: memory), pool: pool,
            receiveBuffers: receiveBuffers,
            random: 0x1122_3344_5566_7788)
    }

    func packet(_ bytes: [UInt8]) -> Packet {
        var packet = pool.take()!
        packet.resize(to: bytes.count)
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        return packet
    }

    func lent(_ bytes: [UInt8]) -> LentPacket { LentPacket(packet(bytes)) }

    @Test(arguments: Kind.allCases) func startsAndFillsTheReceiveRing(kind: Kind) throws {
        let model = model(kind)
        do {
            let net = try start(model)
            check(net.hardwareAddress == EthernetAddress(0x52, 0x54, 0, 0x73, 0x77, 0x66))
            check(net.isLinkUp)
            #expect(model.pending(0) == 64)
            #expect(pool.freeCount == 512 - 64)
            #expect(model.complaints == [])
        }
        #expect(model.status == 0)
        #expect(pool.freeCount == 512)
    }

    @Test func deviceWithoutAnAddressGetsALocalOne() throws {
        let net = try start(NetModel(memory, isLegacy: false, features: 0))
        check(net.hardwareAddress.isUnicast && net.hardwareAddress[0] & 2 == 2)
        check(net.isLinkUp)
    }

    @Test func linkStatusFollowsTheConfiguration() throws {
        let model = model(.modern)
        var net = try start(model)
        model.configuration[6] = 0
        net.reclaim(now: 0)
        check(net.isLinkUp)  // no configuration interrupt
        check(!net.rearm())
        model.interruptStatus = 2
        net.reclaim(now: 0)
        check(!net.isLinkUp)
        // So does that of a card which was not armed since, for a program looks at it: it asks once in each poll.
        model.configuration[6] = 1
        model.interruptStatus = 2
        net.reclaim(now: 0)
        check(!net.isLinkUp)
        net.reclaim(now: 1)
        check(net.isLinkUp && model.interruptStatus == 0)
    }

    @Test func mtuIsTheDevicesAsFarAsOurBuffersReach() throws {
        check(try start(model(.modern)).mtu == 1500)
        let model = NetModel(memory, isLegacy: false, features: 1 << 3)
        check(try start(model).mtu == 1400)
        model.configuration[11] = 0xff
        check(try start(model).mtu == Packet.capacity - 14)
        (model.configuration[10], model.configuration[11]) = (0, 0)
        check(try start(model).mtu == 68)
    }

    /// A stack whose socket 0 is connected to 10.0.2.2:7, a neighbour that it knows.
    private func stack(_ model: NetModel) throws -> NetStack<TestNet> {
        let tables = UnsafeMutableRawPointer.allocate(
            byteCount: NetStack<TestNet>.memoryNeeded(sockets: 64), alignment: 16)
        var stack = unsafe NetStack<TestNet>(
            pool: pool, memory: tables, sockets: 64, pages: testPages,
            random: RandomGenerator(seed: 1))
        _ = stack.addInterface(try start(model))
        stack.configure(.card(0), address: IPv4Address(10, 0, 2, 15), prefixLength: 24, gateway: nil)
        model.deliver([arpRequest])
        _ = stack.poll(now: Instant(nanoseconds: 1), budget: 64)
        let socket = try stack.openSocket()
        try stack.bindSocket(socket, to: Endpoint(.any, 9))
        try stack.connectSocket(socket, to: Endpoint(IPv4Address(10, 0, 2, 2), 7), now: .start)
        return stack
    }

    @Test(arguments: [false, true], Kind.allCases) func checksumsAreRightWhoeverMakesThem(offload: Bool, kind: Kind)
        throws
    {
        let model = model(kind)
        model.features |= offload ? 3 : 0
        var stack = try stack(model)
        for count in [0, 1, 2, 63, 64, 1471, 1472] {
            try stack.send(packet(frame(count, count)), from: 0, to: nil, now: Instant(nanoseconds: 2))
            let sent = try #require(model.sent.last)
            let datagram = Array(sent[34...])
            let isRight = unsafe datagram.withUnsafeBytes {
                unsafe UDPHeader(
                    parsing: RawSpan(_unsafeBytes: $0), source: IPv4Address(10, 0, 2, 15),
                    destination: IPv4Address(10, 0, 2, 2)) != nil
            }
            #expect(isRight && (datagram[6] != 0 || datagram[7] != 0), "\(count) bytes")
        }
        #expect(model.complaints == [])
        #expect(model.driverFeatures & 3 == (offload ? 3 : 0))
    }

    @Test(arguments: [UInt8(0), 1, 2]) func checksumThatTheDeviceVouchesForIsNotLookedAt(flags: UInt8) throws {
        for offload in [false, true] {
            let model = model(.modern)
            model.features |= offload ? 2 : 0
            model.receiveFlags = flags
            var stack = try stack(model)
            // From 10.0.2.2:7 to port 9, one byte, with a wrong checksum.
            let wrong =
                Array(echoRequest.prefix(14)) + [
                    0x45, 0, 0, 29, 0, 1, 0, 0, 64, 17, 0x62, 0xbf, 10, 0, 2, 2, 10, 0, 2, 15, 0, 7, 0, 9, 0, 9, 0x12,
                    0x34, 0x55,
                ]
            model.deliver([wrong])
            _ = stack.poll(now: Instant(nanoseconds: 2), budget: 64)
            check(stack.readiness(0).contains(.readable) == (offload && flags != 0))
        }
    }

    @Test(arguments: Kind.allCases) func framesOfEverySizeArriveWhole(kind: Kind) throws {
        let model = model(kind)
        var net = try start(model)
        for size in [14, 15, 42, 60, 61, 98, 590, 1513, 1514] {
            model.deliver([frame(size, size)])
            let packet = net.receive()
            check(copied(packet) == frame(size, size), "\(size) bytes")
            net.reclaim(now: 0)
        }
        #expect(model.complaints == [])
    }

    @Test(arguments: Kind.allCases) func framesOfEverySizeLeaveWhole(kind: Kind) throws {
        let model = model(kind)
        var net = try start(model)
        for size in [14, 42, 98, 1513, 1514] {
            check(net.transmit(lent(frame(size, size))) == nil)
            net.flush()
            #expect(model.sent.last == frame(size, size))
        }
        net.reclaim(now: 0)
        #expect(pool.freeCount == 512 - 64)
        #expect(model.complaints == [])
    }

    @Test(arguments: Kind.allCases) func indexesWrapAndNoPacketLeaks(kind: Kind) throws {
        let model = model(kind, capacity: 16)
        do {
            var net = try start(model)
            for i in 0..<70_000 {
                model.deliver([frame(20, i)])
                guard let packet = net.receive() else {
                    Issue.record("receive ring stalled at frame \(i)")
                    return
                }
                let byte = copy(packet)[5]
                if byte != UInt8(truncatingIfNeeded: 35 &+ i) { Issue.record("frame \(i) is another") }
                let back = net.transmit(LentPacket(packet))
                guard back == nil else {
                    Issue.record("transmit ring stalled at frame \(i)")
                    return
                }
                net.flush()
                guard model.sent.count == 1 else {
                    Issue.record("frame \(i) was not sent")
                    return
                }
                model.sent.removeAll()
                net.reclaim(now: 0)
            }
            #expect(model.complaints == [])
        }
        #expect(pool.freeCount == 512)
    }

    @Test func fullTransmitRingGivesThePacketBackAndRecovers() throws {
        let places = 8
        let model = model(.modern, capacity: UInt32(places))
        do {
            var net = try start(model)
            model.isPaused = true
            for i in 0..<places { check(net.transmit(lent(frame(60, i))) == nil) }
            let back = net.transmit(lent(frame(60, 99)))
            check(copied(back) == frame(60, 99))
            net.flush()
            model.run(1)
            #expect(model.sent == (0..<places).map { frame(60, $0) })
            check(net.transmit(lent(frame(60, 100))) == nil)
            net.flush()
            #expect(model.complaints == [])
        }
        #expect(pool.freeCount == 512)
    }

    @Test func burstBeyondTheRingGoesOnAfterRefilling() throws {
        let model = model(.legacy)
        var net = try start(model)
        model.deliver((0..<200).map { frame(60, $0) })
        #expect(model.toDeliver.count == 136)
        var seen = 0
        for _ in 0..<10 {
            while let packet = net.receive() {
                check(copy(packet) == frame(60, seen))
                seen += 1
            }
            net.reclaim(now: 0)
        }
        #expect(seen == 200)
    }

    @Test func emptyPoolStarvesTheRingOnlyForAsLongAsItIsEmpty() throws {
        let model = model(.modern)
        var net = try start(model)
        var held = PacketQueue()
        while let packet = pool.take() { held.append(packet) }
        model.deliver((0..<64).map { frame(60, $0) })
        while let packet = net.receive() { held.append(packet) }
        net.reclaim(now: 0)
        #expect(model.pending(0) == 0)
        held.removeAll()
        net.reclaim(now: 0)
        #expect(model.pending(0) == 64)
        check(net.counters.emptyPool >= 1)
    }

    @Test func falseLengthsAndIDsAreCountedAndNothingLeaks() throws {
        let model = model(.modern)
        do {
            var net = try start(model)
            for fault: Fault in [
                .usedLength(0xffff_ffff), .usedLength(0), .usedLength(25), .usedID(999), .usedID(0xffff_0001),
            ] {
                if model.isStrict, case .usedID = fault { continue }
                model.faults = [fault]
                model.deliver([frame(60, 1)])
                let packet = net.receive()
                check(packet == nil)
                net.reclaim(now: 0)
            }
            check(net.counters.badLengths == 3)
            check(net.badUsedIDs == (model.isStrict ? 0 : 2))
            model.deliver([frame(60, 2)])
            let packet = net.receive()
            check(copied(packet) == frame(60, 2))
            // A packed ring has no index; without the true id, its next place is unknown.
            model.faults = [model.isPacked ? .usedID(999) : .usedIndexJump(5000)]
            model.deliver([frame(60, 3)])
            check(net.receive() == nil)
            if model.isPacked { check(net.badUsedIDs == 1) }
            net.collectSent()  // where the card is looked at, as by each poll
            check(net.isBroken)
            check(!net.rearm())
        }
        #expect(pool.freeCount == 512)
    }

    @Test func oneInterruptServesABurstAndNoneIsLost() throws {
        let model = model(.legacy)
        var net = try start(model)
        check(!net.rearm())
        model.deliver([frame(60, 0)])
        #expect(model.interrupts == 1)
        net.reclaim(now: 0)
        #expect(model.interruptStatus == 0)
        model.deliver((1..<20).map { frame(60, $0) })
        #expect(model.interrupts == 1)
        var seen = 0
        while net.receive() != nil { seen += 1 }
        model.deliver([frame(60, 20)])  // after the last look, before the interrupt is back
        check(net.rearm())
        while net.receive() != nil { seen += 1 }
        check(!net.rearm())
        #expect(seen == 21)
        model.deliver([frame(60, 21)])
        #expect(model.interrupts == 2)
    }

    @Test func sendingRaisesNoInterruptAndABatchIsOneNotification() throws {
        let model = model(.modern)
        var net = try start(model)
        for i in 0..<10 { check(net.transmit(lent(frame(60, i))) == nil) }
        #expect(model.queues[1].notifications == 0)
        net.flush()
        net.flush()
        #expect(model.queues[1].notifications == 1)
        #expect(model.sent.count == 10)
        #expect(model.interrupts == 0)
    }

    @Test(arguments: [false, true]) func aFullRingIsToldOfRoomByOneInterrupt(usesEventIndex: Bool) throws {
        let model = NetModel(
            memory, isLegacy: false, features: 1 << 5 | 1 << 16 | (usesEventIndex ? 1 << 29 : 0), capacity: 64)
        var net = try start(model, receiveBuffers: 8)
        check(!net.rearm())
        model.isPaused = true
        var taken = 0
        while net.transmit(lent(frame(60, taken))) == nil { taken += 1 }
        #expect(taken == 64)
        net.flush()
        check(!net.requestRoomInterrupt())
        model.isPaused = false
        model.run(1)
        // Without the event index each chain may raise the line.
        #expect(usesEventIndex ? model.interrupts == 1 : model.interrupts >= 1)
        // Sent already when the interrupt is asked for: the answer says so, since none may come.
        net.reclaim(now: 0)
        for i in 0..<64 { check(net.transmit(lent(frame(60, i))) == nil) }
        net.flush()
        check(net.requestRoomInterrupt())
        net.reclaim(now: 0)
        let before = model.interrupts
        for i in 0..<40 { check(net.transmit(lent(frame(60, i))) == nil) }
        net.flush()
        #expect(model.interrupts == before)
    }

    @Test func noNotificationWhenTheDeviceLooksByItself() throws {
        let model = model(.modern)
        var net = try start(model)
        model.wantsNoNotifications = true
        check(net.transmit(lent(frame(60, 1))) == nil)
        net.flush()
        #expect(model.queues[1].notifications == 0)
        model.run(1)
        #expect(model.sent.count == 1)
    }

    @Test func stackLooksAgainAtACardThatRanOutOfPackets() throws {
        let model = model(.modern)
        let tables = UnsafeMutableRawPointer.allocate(
            byteCount: NetStack<TestNet>.memoryNeeded(sockets: 64), alignment: 16)
        var stack = unsafe NetStack<TestNet>(
            pool: pool, memory: tables, sockets: 64, pages: testPages,
            random: RandomGenerator(seed: 1))
        _ = stack.addInterface(try start(model, receiveBuffers: 4))
        var held = PacketQueue()
        while let packet = pool.take() { held.append(packet) }
        // The card's four packets go out as waiting frames would: the ring runs dry.
        _ = stack.withDevice(.card(0)) { device in
            model.deliver((0..<4).map { frame(60, $0) })
            while let packet = device.receive() { held.append(packet) }
        }
        #expect(stack.poll(now: Instant(nanoseconds: 5), budget: 64).nextDeadline == Instant(nanoseconds: 10_000_005))
        held.removeAll()
        #expect(
            stack.poll(now: Instant(nanoseconds: 10_000_005), budget: 64).nextDeadline
                == Instant(nanoseconds: 1_010_000_005))
        #expect(model.pending(0) == 4)
    }

    @Test(arguments: Kind.allCases) func wholeStackAnswersARPAndPingThroughTheDriver(kind: Kind) throws {
        let model = model(kind)
        do {
            let tables = UnsafeMutableRawPointer.allocate(
                byteCount: NetStack<TestNet>.memoryNeeded(sockets: 64), alignment: 16)
            var stack = unsafe NetStack<TestNet>(
                pool: pool, memory: tables, sockets: 64, pages: testPages,
                random: RandomGenerator(seed: 1))
            _ = stack.addInterface(try start(model))
            stack.configure(.card(0), address: IPv4Address(10, 0, 2, 15), prefixLength: 24, gateway: nil)
            model.deliver([arpRequest])
            #expect(!stack.poll(now: Instant(nanoseconds: 1), budget: 64).hasMore)
            #expect(model.sent.count == 2)  // the answer, and the announcement of our address
            for i in 0..<1000 {
                model.deliver([echoRequest])
                _ = stack.poll(now: Instant(nanoseconds: UInt64(i)), budget: 64)
            }
            #expect(model.sent.count == 1002)
            #expect(model.sent.filter { $0[0] != 0xff }.count == 1001)
            #expect(model.sent.allSatisfy { $0[0] == 0xff || $0.prefix(6).elementsEqual([0x52, 0x55, 0x0a, 0, 2, 2]) })
            #expect(model.sent[1001][34] == 0)
            #expect(model.complaints == [])
        }
        #expect(pool.freeCount == 512)
    }

    let arpRequest: [UInt8] = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x55, 0x0a, 0, 2, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1,
        0x52, 0x55, 0x0a, 0, 2, 2, 10, 0, 2, 2, 0, 0, 0, 0, 0, 0, 10, 0, 2, 15,
    ]
    /// 10.0.2.2 to 10.0.2.15, no payload.
    let echoRequest: [UInt8] = [
        0x52, 0x54, 0, 0x73, 0x77, 0x66, 0x52, 0x55, 0x0a, 0, 2, 2, 8, 0,
        0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0x62, 0xd0, 10, 0, 2, 2, 10, 0, 2, 15,
        8, 0, 0xf7, 0xfe, 0, 0, 0, 1,
    ]
}
