// Frames between the card and a program's packet rings, on the model: buffers go to the device again at their places,
// and what the device says of them is checked as elsewhere.

import FuzzTargets
import SystemInterface
import Testing

@testable import Drivers
@testable import NetStack

@Suite(.bothQueueFormats) struct VirtIONetRingsTests {
    private let memory = TestMemory()
    private let pool: PacketPool
    private let region: TestRegion

    init() {
        let bytes = 513 * PacketPool.bufferSize
        pool = unsafe PacketPool(memory: memory.allocate(bytes)!, byteCount: bytes)!
        var request = PacketRingsRequest()
        (request.transmitSlots, request.receiveSlots) = (8, 8)
        region = TestRegion(request)
    }

    private func start(_ model: NetModel) throws -> TestNet {
        try VirtIONet(
            VirtIOMMIO(TestRegisters(model: model)), in: TestDMA(memory: memory), pool: pool, receiveBuffers: 16,
            random: 1)
    }

    /// Puts a frame into the next slot of the transmit ring.
    private func put(_ bytes: [UInt8], at head: inout Int) {
        let buffer = region.slot(.transmit, head).buffer
        for (index, byte) in bytes.enumerated() {
            let place = PacketRingLayout.buffers + 2048 * buffer + index & ~7
            let shift = UInt64(8 * (index & 7))
            region[place] = region[place] & ~(0xff << shift) | UInt64(byte) << shift
        }
        region.set(.transmit, head, PacketSlot(buffer: buffer, length: bytes.count))
        head = (head + 1) % 8
        region.setHead(.transmit, head)
        check(region.rings.takeHeads(.transmit))
    }

    /// What came into the receive ring.
    private func takeAll(_ head: inout Int) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while head != region.tail(.receive) {
            let slot = region.slot(.receive, head)
            frames.append(region.bytes(slot.buffer, slot.length))
            head = (head + 1) % 8
        }
        region.setHead(.receive, head)
        check(region.rings.takeHeads(.receive))
        return frames
    }

    private static let basic: UInt64 = 1 << 5 | 1 << 16

    /// Merged buffers, any layout, indirect descriptors, event index; legacy and modern.
    @Test(arguments: [false, true], 0..<16)
    func framesOfAllSizesGoBothWaysRoundAndRound(isLegacy: Bool, combination: Int) throws {
        var features = Self.basic
        for (bit, feature) in [15, 27, 28, 29].enumerated() where combination & 1 << bit != 0 {
            features |= 1 << feature
        }
        let model = NetModel(memory, isLegacy: isLegacy, features: features, capacity: 32)
        do {
            var net = try start(model)
            var head = 0, read = 0
            for i in 0..<300 {
                let count = 14 + i * 7 % 1500
                put(frame(count, i), at: &head)
                put(frame(1513 - count + 14, i + 1), at: &head)
                let traffic = net.transmit(from: &region.rings, atMost: .max, pool)
                check(traffic.frames == 2 && traffic.bytes == 1527 && !traffic.isBlocked)
                net.flush()
                region.rings.publishRoom()
                model.deliver([frame(count, i), frame(60, i), frame(61, i)])
                check(net.receive(into: &region.rings, atMost: 64).frames == 3)
                region.rings.publishReceived()
                #expect(takeAll(&read) == [frame(count, i), frame(60, i), frame(61, i)])
                // What was sent comes back here, or is used again by the next frames.
                guard i % 4 == 0 else { continue }
                net.reclaim(now: UInt64(i))
                check(!net.rearm())
            }
            #expect(model.sent.count == 600)
            for i in 0..<300 where model.sent.count == 600 {
                #expect(model.sent[2 * i] == frame(14 + i * 7 % 1500, i))
                #expect(model.sent[2 * i + 1] == frame(1513 - i * 7 % 1500, i + 1))
            }
            check(net.counters.emptyPool == 0)
        }
        #expect(model.complaints == [])
        #expect(pool.freeCount == 512)
    }

    /// What the stack sent before and sends beside it comes back as its own.
    @Test func framesOfTheStackGoBetweenThem() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic | 1 << 15 | 1 << 28)
        do {
            var net = try start(model)
            var head = 0
            for i in 0..<300 {
                var kept = pool.take()!
                kept.resize(to: 100)
                check(net.transmit(LentPacket(kept)) == nil)
                var first = pool.take(.sending)!
                first.resize(to: 80)
                var second = pool.take(.sending)!
                second.resize(to: 90)
                first.append(part: second)
                check(net.transmit(LentPacket(first)) == nil)
                put(frame(200, i), at: &head)
                check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 1)
                net.flush()
                region.rings.publishRoom()
            }
            #expect(model.sent.count == 900)
            #expect(model.sent.filter { $0.count == 200 } == (0..<300).map { frame(200, $0) })
            net.collectSent()
            #expect(pool.held(.sending) == 0)
            check(net.pairs[0].transmitQueue.freeCount == 256)  // all places
        }
        #expect(model.complaints == [])
        #expect(pool.freeCount == 512)
    }

    /// A packet that counted to what is received does not become one that a program sends.
    @Test func aPacketKeepsItsShare() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        var net = try start(model)
        var head = 0
        var received = pool.take()!
        received.resize(to: 60)
        check(net.transmit(LentPacket(received)) == nil)
        net.flush()
        put(frame(60, 2), at: &head)
        check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 1)
        #expect(pool.held(.sending) == 1)
        net.flush()
        #expect(model.sent.last == frame(60, 2))
    }

    /// A packet that its owner keeps, to send it again, is not written over when the card is done with it.
    @Test func whatTheStackKeepsIsNotWrittenOver() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        do {
            var net = try start(model)
            var head = 0
            var queue = SegmentQueue()
            var packet = pool.take(.sending)!
            packet.resize(to: 80)
            var span = packet.mutableBytes
            for i in 0..<80 { span.setByte(0x5a, i) }
            queue.append(packet)
            check(net.transmit(queue.first!.lend()!) == nil)
            net.flush()
            put(frame(200, 1), at: &head)
            check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 1)
            net.flush()
            net.collectSent()  // in order, nothing was used again
            let kept = queue.first!
            #expect(kept.isHome && kept.count == 80)
            for i in 0..<80 where kept.bytes.byte(i) != 0x5a { Issue.record("byte \(i) has changed") }
            #expect(model.sent.last == frame(200, 1))
            queue.removeAll()
        }
        #expect(model.complaints == [] && pool.freeCount == 512)
    }

    /// What a packet asked of the card is not asked again of the frame that is written over it.
    @Test func aRequestForAChecksumIsNotTheNextFrames() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic | 1)
        do {
            var net = try start(model)
            var head = 0
            for i in 0..<20 {
                var packet = pool.take(.sending)!
                packet.resize(to: 80)
                let asking = LentPacket(packet)
                asking.offload = OffloadRequest(checksumStart: 34, checksumOffset: 16)
                check(net.transmit(asking) == nil)
                net.flush()
                put(frame(200, i), at: &head)
                check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 1)
                net.flush()
                region.rings.publishRoom()
                #expect(model.sent.last == frame(200, i))
            }
        }
        #expect(model.complaints == [] && pool.freeCount == 512)
    }

    /// A place that came back, and that no frame uses again, gives its packet back at once.
    @Test func aRefusedFrameLeavesNoPacketBehind() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        var net = try start(model)
        var head = 0
        put(frame(60, 1), at: &head)
        check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 1)
        net.flush()
        put([1, 2, 3, 4, 5], at: &head)
        check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 0)
        if !net.pairs[0].transmitQueue.renewsChains { net.collectSent() }  // in order: nothing is used again
        #expect(region.rings.transmit.refused == 1 && pool.held(.sending) == 0)
    }

    @Test func aTrainArrivesWholeAndFalseLengthsAreCounted() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic | 1 << 15)
        do {
            var net = try start(model)
            var read = 0
            model.fill = 200
            model.deliver([frame(700, 1), frame(60, 2)])
            check(net.receive(into: &region.rings, atMost: 64).frames == 2)
            region.rings.publishReceived()
            #expect(takeAll(&read) == [frame(700, 1), frame(60, 2)])
            model.fill = .max
            net.reclaim(now: 0)
            model.deliver([frame(10, 3), frame(60, 4)])
            check(net.receive(into: &region.rings, atMost: 64).frames == 1)
            region.rings.publishReceived()
            #expect(takeAll(&read) == [frame(60, 4)])
            check(net.counters.badLengths == 1)
            net.reclaim(now: 0)
            #expect(model.pending(0) == 16)
        }
        #expect(model.complaints == [])
        #expect(pool.freeCount == 512)
    }

    /// The program reads nothing: its ring is full, and the device has all its buffers again.
    @Test func aFullRingCostsTheProgramAlone() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        var net = try start(model)
        for round in 0..<20 {
            model.deliver((0..<10).map { frame(100, $0) })
            check(net.receive(into: &region.rings, atMost: 64).frames == 10)
            region.rings.publishReceived()
            net.reclaim(now: 0)  // a device that keeps the order gets its buffers here
            #expect(model.pending(0) == 16, "round \(round)")
        }
        #expect(region.rings.receive.frames == 7 && region.rings.receive.dropped == 193)
        // Fewer buffers are wanted: those that come back stay.
        net.receive(intoAtMost: 4)
        model.deliver((0..<16).map { frame(100, $0) })
        _ = net.receive(into: &region.rings, atMost: 64)
        region.rings.publishReceived()
        #expect(model.pending(0) == (net.pairs[0].renewsReceived ? 4 : 0))
        net.reclaim(now: 0)
        #expect(model.pending(0) == 4 && pool.held(.receiving) == 4)
    }

    /// num_buffers says something only where VIRTIO_NET_F_MRG_RXBUF was agreed on (VirtIO 1.2, 5.1.6).
    @Test func aDeviceThatMergesNothingMayWriteAnyCountOfBuffers() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        model.bufferCount = 7
        var net = try start(model)
        model.deliver((0..<5).map { frame(100, $0) })
        check(net.receive(into: &region.rings, atMost: 64).frames == 5)
        region.rings.publishReceived()
        #expect(model.pending(0) == (net.pairs[0].renewsReceived ? 16 : 11))
        var read = 0
        #expect(takeAll(&read) == (0..<5).map { frame(100, $0) })
    }

    /// What was sent stays at its place for the next frames, and goes back when none come for 10 ms, or when packets are
    /// short.
    @Test func whatWasSentIsKeptForTheNextFrames() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        var net = try start(model)
        let keeps = net.pairs[0].transmitQueue.renewsChains
        var head = 0, now: UInt64 = 1_000_000_000
        func send(_ net: inout TestNet) {
            for i in 0..<3 { put(frame(60, i), at: &head) }
            check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 3)
            net.flush()
            region.rings.publishRoom()
        }
        for _ in 0..<100 {
            send(&net)
            now += 9_000_000
            for _ in 0..<3 { net.reclaim(now: now) }
            #expect(pool.held(.sending) == (keeps ? 3 : 0))
        }
        net.reclaim(now: now + 9_999_999)
        #expect(pool.held(.sending) == (keeps ? 3 : 0))
        net.reclaim(now: now + 10_000_000)
        #expect(pool.held(.sending) == 0)
        send(&net)
        net.reclaim(now: now)
        net.collectSent()
        #expect(pool.held(.sending) == 0 && model.complaints == [])
    }

    /// A device that has all it can take: no packet is taken for what it cannot.
    @Test func aFullQueueHasNoRoomForFrames() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic, capacity: 16)
        var net = try start(model)
        model.isPaused = true
        var head = 0
        for i in 0..<19 {
            put(frame(60, i), at: &head)
            let traffic = net.transmit(from: &region.rings, atMost: .max, pool)
            #expect(traffic.frames == (i < 16 ? 1 : 0) && traffic.isBlocked == (i >= 16) && !traffic.lacksPackets)
            region.rings.publishRoom()
        }
        net.flush()
        check(!net.requestRoomInterrupt())
        model.isPaused = false
        model.run(1)
        check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 3 && model.interrupts > 0)
        net.flush()
        #expect(model.sent == (0..<19).map { frame(60, $0) })
    }

    /// What the device had used before, and the driver had not taken yet, counts no more.
    @Test func aBrokenQueueGivesNothingBack() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        var net = try start(model)
        model.deliver((0..<3).map { frame(60, $0) })
        check(net.receive(into: &region.rings, atMost: 1).frames == 1)
        region.rings.publishReceived()
        net.pairs.ref(0).value.breakOff()
        check(net.receive(into: &region.rings, atMost: 64).frames == 0)
        region.rings.publishReceived()
    }

    /// No packet for a frame: it stays in its slot.
    @Test func whatHasNoPacketWaits() throws {
        let model = NetModel(memory, isLegacy: false, features: Self.basic)
        var net = try start(model)
        var head = 0
        pool.divide(receiving: 300, sending: 2, own: 10)
        let one = pool.take(.sending), other = pool.take(.sending)
        check(one != nil && other != nil)
        put(frame(60, 1), at: &head)
        let traffic = net.transmit(from: &region.rings, atMost: .max, pool)
        check(traffic.frames == 0 && traffic.lacksPackets && !traffic.isBlocked && region.rings.hasNext)
        _ = consume one
        check(net.transmit(from: &region.rings, atMost: .max, pool).frames == 1)
        net.flush()
        #expect(model.sent == [frame(60, 1)])
    }
}
