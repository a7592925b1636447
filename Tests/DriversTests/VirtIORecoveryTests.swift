// A network card that fails, or breaks the rules of its queues, is brought back: a queue alone where the device can reset
// one, else the whole device; and what it held is freed.

import Drivers
import Testing

@testable import NetStack

@Suite(.bothQueueFormats) struct VirtIORecoveryTests {
    private typealias Rig = VirtIOFaultTests.NetRig
    private let second: UInt64 = 1_000_000_000

    /// Frames go both ways, and no packet is lost but those that the card has to receive into.
    private func expectSound(_ rig: Rig, _ number: Int = 1) {
        rig.received = []
        rig.model.sent = []
        for i in 0..<40 {
            rig.model.deliver([frame(60 + i, i + number)])
            #expect(rig.send(frame(70 + i, i + number)))
            rig.run(for: 10_000_000)
        }
        #expect(rig.received == (0..<40).map { frame(60 + $0, $0 + number) })
        #expect(rig.model.sent == (0..<40).map { frame(70 + $0, $0 + number) })
        rig.run(for: 2 * second)
        #expect(rig.pool.freeCount == 96 - 16)
        #expect(rig.model.complaints + rig.complaints == [])
    }

    /// DEVICE_NEEDS_RESET, and a reset that nobody asked for, with frames under way in both directions.
    @Test(arguments: [0, 4, 1, 5], [false, true]) func aCardThatFailsIsBroughtBack(seed: Int, isSilent: Bool) throws {
        let rig = try Rig(seed: seed)
        for round in 0..<3 {
            rig.model.isPaused = true
            for i in 0..<5 { #expect(rig.send(frame(100, i))) }
            if isSilent { rig.model.resetByOthers() } else { rig.model.loseItself() }
            rig.model.isPaused = false
            // At once when it interrupts, after a second when it does not; the first time without a pause.
            rig.run(for: round == 0 ? 1_100_000_000 : 12 * second, step: 10_000_000)
            check(!rig.card.isBroken && rig.card.isLinkUp && rig.card.counters.restarts == UInt64(round + 1))
            expectSound(rig, round)
        }
    }

    @Test func aCardThatFailsAgainAndAgainIsResetEveryTenSeconds() throws {
        let rig = try Rig(seed: 1)
        rig.model.statusHistory = []
        for _ in 0..<1000 {
            rig.model.loseItself()
            rig.run(for: second / 10, step: 10_000_000)
        }
        check(rig.card.counters.restarts >= 9 && rig.card.counters.restarts <= 11)
        rig.run(for: 12 * second, step: 10_000_000)
        expectSound(rig)
    }

    /// It may still write until it has finished its reset: its packets stay where they are as long.
    @Test func aCardThatDoesNotFinishItsResetKeepsItsPackets() throws {
        let rig = try Rig(seed: 1)
        rig.model.neverResets = true
        rig.model.loseItself()
        rig.run(for: 30 * second, step: 100_000_000)
        check(rig.card.isBroken && !rig.card.isLinkUp)
        #expect(rig.pool.freeCount == 96 - 16)
        #expect(!rig.send(frame(60, 1)))
        check(!rig.card.rearm())
        rig.model.neverResets = false
        rig.run(for: 12 * second, step: 100_000_000)
        expectSound(rig)
    }

    /// Other features, another address or a smaller queue: the card stays given up, with all its packets back.
    @Test(arguments: 0..<3) func aCardThatComesBackAsAnotherStaysGivenUp(change: Int) throws {
        let rig = try Rig(seed: 3)
        let (features, address) = (rig.model.features, rig.model.configuration[5])
        switch change {
        case 0: rig.model.features &= ~(1 << 16)
        case 1: rig.model.configuration[5] = 9
        default: rig.model.queues[1].capacity = 8
        }
        rig.model.loseItself()
        rig.run(for: 30 * second, step: 100_000_000)
        check(rig.card.isBroken && !rig.card.isLinkUp)
        #expect(rig.pool.freeCount == 96)
        (rig.model.features, rig.model.configuration[5], rig.model.queues[1].capacity) = (features, address, 64)
        rig.run(for: 12 * second, step: 100_000_000)
        expectSound(rig)
    }

    /// VIRTIO_F_RING_RESET: what the other queue has under way goes on.
    @Test(arguments: [false, true]) func aQueueThatWentWrongIsResetAlone(isSending: Bool) throws {
        let rig = try Rig(seed: 6)
        guard rig.model.driverFeatures & VirtIOModel.ringReset != 0 else { return }
        rig.model.statusHistory = []
        for round in 0..<2 {
            rig.model.isPaused = true
            for i in 0..<5 { #expect(rig.send(frame(100, i))) }
            rig.model.isPaused = false
            let fault: Fault = rig.model.isStrict ? .usedID(999) : .usedIndexJump(5000)
            rig.model.faults = [fault]
            if isSending { rig.model.run(1) } else { rig.model.deliver([frame(60, 1)]) }
            rig.run(for: round == 0 ? 1_100_000_000 : 12 * second, step: 10_000_000)
            check(!rig.card.isBroken && rig.card.counters.queueResets == UInt64(round + 1))
            if !isSending {
                rig.model.run(1)
                #expect(rig.model.sent.suffix(5) == (0..<5).map { frame(100, $0) })
            }
            expectSound(rig, round)
            rig.run(for: 10 * second, step: 100_000_000)
        }
        // The device as a whole was never touched.
        #expect(rig.model.statusHistory == [])
        check(rig.card.counters.restarts == 0)
    }

    /// A device that offers the feature and has no such register (virtio-mmio of QEMU 7.2) is reset as a whole.
    @Test func aDeviceThatDoesNotResetAQueueIsResetItself() throws {
        let rig = try Rig(seed: 11)
        guard rig.model.driverFeatures & VirtIOModel.ringReset != 0 else { return }
        rig.model.faults = [rig.model.isStrict ? .usedID(999) : .usedIndexJump(5000)]
        rig.model.deliver([frame(60, 1)])
        rig.run(for: 12 * second, step: 10_000_000)
        check(!rig.card.isBroken && rig.card.counters.queueResets == 0 && rig.card.counters.restarts == 1)
        expectSound(rig)
    }

    /// The receive filter and the offloads are the device's again after its reset, the newest ones.
    @Test func aDeviceThatWasResetIsToldItsFilterAgain() throws {
        let memory = TestMemory(byteCount: 2 << 20)
        let bytes = 97 * PacketPool.bufferSize
        let pool = unsafe PacketPool(memory: memory.allocate(bytes)!, byteCount: bytes)!
        let model = NetModel(
            memory, isLegacy: false,
            features: 1 << 5 | 1 << 16 | 1 << 15 | 1 << 17 | 1 << 18 | 1 << 0 | 1 << 1 | 1 << 7 | 1 << 2)
        var card: TestNet = try VirtIONet(
            VirtIOMMIO(TestRegisters(model: model)), in: TestDMA(memory: memory), pool: pool, receiveBuffers: 16,
            random: 1)
        var filter = ReceiveFilter()
        card.accept(filter)
        check(card.receive(with: []))
        for now in 0..<4 { card.reclaim(now: UInt64(now)) }
        model.neverResets = true
        model.loseItself()
        _ = card.rearm()
        card.reclaim(now: second)
        check(card.isBroken)
        // Noted while there is no device.
        filter.isPromiscuous = true
        card.accept(filter)
        model.neverResets = false
        model.orders = []
        for step in 1..<30 { card.reclaim(now: second * UInt64(step)) }
        check(!card.isBroken)
        #expect(model.orders.map { Array($0.prefix(3)) } == [[0, 0, 1], [0, 1, 0], [1, 0, 0], [5, 0, 0]])
        #expect(model.complaints == [])
    }

    /// QEMU's packed queues ask for silence when the link goes, and never take that back. A second later, or as soon as
    /// the link is back, the device is notified whatever it asked for.
    @Test func aDeviceThatForgetsToAskForNotificationsIsNotified() throws {
        let rig = try Rig(seed: 1)
        rig.run(for: 2 * second)
        rig.model.wantsNoNotifications = true
        rig.model.run(1)
        let notifications = rig.model.queues[1].notifications
        for i in 0..<5 { #expect(rig.send(frame(100, i))) }
        rig.run(for: second / 2, step: 10_000_000)
        #expect(rig.model.sent == [] && rig.model.queues[1].notifications == notifications)
        rig.run(for: second, step: 10_000_000)
        #expect(rig.model.sent == (0..<5).map { frame(100, $0) })
        // A device that has sent all is left alone.
        let after = rig.model.queues[1].notifications
        rig.run(for: 5 * second, step: 10_000_000)
        #expect(rig.model.queues[1].notifications == after)
        for isUp: UInt8 in [0, 1] {
            rig.model.configuration[6] = isUp
            rig.model.interruptStatus |= 2
            rig.run(for: 20_000_000, step: 10_000_000)
            #expect(rig.model.queues[1].notifications == after + Int(isUp))
        }
    }
}
