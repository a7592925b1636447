// Large segments and their switches: what virtio-net agrees on, sends, receives and refuses.

import Testing

@testable import Drivers
@testable import NetStack

extension VirtIONetFeatureTests {
    private static let offloads: UInt64 = 1 << 0 | 1 << 1 | 1 << 7 | 1 << 11

    /// VirtIO 1.2, 5.1.3.1: what needs another feature is not accepted without it.
    @Test(
        arguments: [
            (1 << 11, 0), (1 << 0 | 1 << 11, 1 << 0 | 1 << 11), (1 << 7 | Bit.merged, Bit.merged),
            (1 << 1 | 1 << 7, 1 << 1), (1 << 1 | 1 << 7 | Bit.merged, 1 << 1 | 1 << 7 | Bit.merged),
            (1 << 2 | 1 << 18, 0), (1 << 2 | 1 << 17, 1 << 2 | 1 << 17),
        ] as [(UInt64, UInt64)])
    func featuresThatNeedOthersAreLeftOut(offered: UInt64, accepted: UInt64) throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | offered)
        let net = try start(model)
        check(net.features == model.driverFeatures)
        #expect(model.driverFeatures & ~(1 << 32 | VirtIOModel.queueForms) == Bit.basic | accepted)
    }

    @Test func ringTooSmallForTheLongestFrameReceivesNoLargeSegments() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.merged | Self.offloads, capacity: 64)
        let net = try start(model)
        check(!net.capabilities.contains(.largeReceive) && net.capabilities.contains(.segmentation))
    }

    @Test(arguments: [false, true], [UInt64(0), Bit.indirect]) func largeSegmentIsLeftToTheDevice(
        isLegacy: Bool, extra: UInt64
    ) throws {
        let model = NetModel(memory, isLegacy: isLegacy, features: Bit.basic | Bit.anyLayout | Self.offloads | extra)
        do {
            var net = try start(model)
            let whole = frame(66 + 20 * 1448, 3)
            for _ in 0..<100 {
                var train = packet(Array(whole[..<(66 + 1448)]))
                for start in stride(from: 66 + 1448, to: whole.count, by: 1448) {
                    train.append(part: packet(Array(whole[start..<start + 1448])))
                }
                let lent = LentPacket(train)
                lent.offload = OffloadRequest(
                    checksumStart: 34, checksumOffset: 16,
                    segmentation: .init(kind: .tcpIPv4, size: 1448, headerLength: 32))
                check(net.transmit(lent) == nil)
                net.flush()
                check(model.sent.last == whole && model.large.last == [1, 66, 1448])
                net.reclaim(now: 0)
            }
        }
        #expect(model.complaints == [] && pool.freeCount == 512)
    }

    @Test func largeSegmentsArriveAsTrainsThatSayTheirSize() throws {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.merged | Self.offloads)
        model.fill = 1854
        var net = try start(model)
        (model.receiveFlags, model.receiveKind, model.receiveSize) = (1, 1, 1448)
        model.deliver([frame(66 + 40 * 1448, 9)])
        guard let packet = net.receive() else { Issue.record("nothing arrived"); return }
        check(copy(packet) == frame(66 + 40 * 1448, 9) && packet.isChecksumVerified)
        check(packet.mergedSegmentSize == 1448 && !packet.hasOffload)
        // With ECN's bit beside the kind; a size of nothing says nothing; a frame that is none is one of the usual length.
        for (kind, size, expected) in [(0x81, 1000, 1000), (1, 0, 0)] as [(UInt8, Int, UInt16)] {
            (model.receiveKind, model.receiveSize) = (kind, size)
            net.reclaim(now: 0)
            model.deliver([frame(4000, 1)])
            check(net.receive()?.mergedSegmentSize == expected)
        }
        model.receiveKind = 0
        net.reclaim(now: 0)
        model.deliver([frame(4000, 1)])
        check(net.receive() == nil && net.counters.tooLarge == 1)
        // Not even a device may send more than an IP packet has.
        (model.receiveKind, model.receiveSize) = (1, 1448)
        net.reclaim(now: 0)
        model.deliver([frame(65_554, 1)])
        check(net.receive() == nil && net.counters.tooLarge == 2)
        net.reclaim(now: 0)
        model.deliver([frame(65_553, 2)])
        check(net.receive()?.totalCount == 65_553)
    }

    @Test(arguments: [UInt8(1), 4, 3, 0x80, 0x7f]) func segmentationThatWasNotAgreedOnIsCountedAndDropped(kind: UInt8)
        throws
    {
        let model = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.merged | 1 << 1)
        var net = try start(model)
        (model.receiveFlags, model.receiveKind, model.receiveSize) = (1, kind, 1448)
        model.deliver([frame(600, 1)])
        check(net.receive() == nil && net.counters.badHeaders == 1 && net.framesDropped == 1)
        model.receiveKind = 0
        model.deliver([frame(600, 1)])
        check(copied(net.receive()) == frame(600, 1))
    }

    @Test func receiveOffloadsAreSwitchedByTheControlQueue() throws {
        let features = Bit.basic | Bit.merged | Bit.control | Self.offloads | 1 << 2
        let model = NetModel(memory, isLegacy: false, features: features)
        var net = try start(model)
        check(net.receive(with: [.checksumIn]))
        #expect(model.orders == [[5, 0, 2, 0, 0, 0, 0, 0, 0, 0]])
        // A filter and another switch wait for the answer; both follow.
        model.isPaused = true
        model.orders = []
        net.reclaim(now: 0)
        check(net.receive(with: []))
        check(net.receive(with: [.checksumIn, .largeReceive]))
        net.accept(ReceiveFilter())
        for _ in 0..<4 {
            model.run(2)
            net.reclaim(now: 0)
        }
        #expect(
            model.orders.map { Array($0.prefix(3)) } == [
                [5, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0], [5, 0, 0x82],
            ])
        #expect(model.complaints == [])
        // Without the feature the device stays as it is.
        let other = NetModel(memory, isLegacy: false, features: Bit.basic | Bit.control | Self.offloads)
        var fixed = try start(other)
        check(!fixed.receive(with: []))
        #expect(other.orders == [])
    }
}
