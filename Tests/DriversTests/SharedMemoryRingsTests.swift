// Packet rings over the card of shared memory: one copy each way, and a neighbour that lies.

import FuzzTargets
import SystemInterface
import Testing

@testable import Drivers
@testable import NetStack

@Suite struct SharedMemoryRingsTests {
    private let region = SharedRegionModel()
    private let rings: TestRegion
    private var half: Int { region.byteCount / 2 }

    init() {
        var request = PacketRingsRequest()
        (request.transmitSlots, request.receiveSlots) = (64, 64)
        rings = TestRegion(request, frameLimit: 1518)
    }

    private func pair() throws -> (SharedMachine, SharedMachine) {
        let one = try SharedMachine(region, side: 1, random: 1 << 40),
            two = try SharedMachine(region, side: 2, random: 2 << 40)
        for now in 1...3 { for machine in [one, two] { machine.poll(UInt64(now) * 1_000_000) } }
        check(one.card.isLinkUp && two.card.isLinkUp)
        return (one, two)
    }

    private func frame(_ count: Int, _ seed: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ seed) }
    }

    /// Puts a frame into the next slot of the transmit ring.
    private func put(_ bytes: [UInt8], at head: inout Int) {
        let buffer = rings.slot(.transmit, head).buffer
        var words = [UInt64](repeating: 0, count: (bytes.count + 7) / 8)
        for (index, byte) in bytes.enumerated() { words[index / 8] |= UInt64(byte) << UInt64(8 * (index % 8)) }
        for (index, word) in words.enumerated() { rings[PacketRingLayout.buffers + 2048 * buffer + 8 * index] = word }
        rings.set(.transmit, head, PacketSlot(buffer: buffer, length: bytes.count))
        head = (head + 1) % 64
        rings.setHead(.transmit, head)
        check(rings.rings.takeHeads(.transmit))
    }

    private func takeAll(_ head: inout Int) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        while head != rings.tail(.receive) {
            let slot = rings.slot(.receive, head)
            frames.append(rings.bytes(slot.buffer, slot.length))
            head = (head + 1) % 64
        }
        rings.setHead(.receive, head)
        check(rings.rings.takeHeads(.receive))
        return frames
    }

    @Test func framesOfEverySizeCrossWhole() throws {
        let (one, two) = try pair()
        var head = 0, read = 0
        for count in 14...1514 {
            put(frame(count, count), at: &head)
            let sent = one.card.transmit(from: &rings.rings, atMost: .max, one.pool)
            check(sent.frames == 1 && sent.bytes == count && !sent.isBlocked)
            rings.rings.publishRoom()
            one.card.flush()
            two.poll(UInt64(count) * 1_000_000)
            #expect(two.received.popLast() == frame(count, count))
            check(two.send(frame(count, count + 1)))
            two.card.flush()
            one.card.reclaim(now: UInt64(count) * 1_000_000)
            let came = one.card.receive(into: &rings.rings, atMost: 64)
            rings.rings.publishReceived()
            check(came.frames == 1 && came.bytes == count)
            #expect(takeAll(&read) == [frame(count, count + 1)])
            check(!one.card.rearm())
        }
        #expect(one.pool.freeCount == 64 && two.pool.freeCount == 64)
    }

    /// A frame that no slot has room for is counted and leaves the ring; without room frames wait.
    @Test func whatDoesNotFitIsCountedAndWhatHasNoRoomWaits() throws {
        let (one, two) = try pair()
        var head = 0
        put(frame(1518, 1), at: &head)
        put(frame(60, 2), at: &head)
        check(one.card.transmit(from: &rings.rings, atMost: .max, one.pool).frames == 2)
        rings.rings.publishRoom()
        check(one.card.counters.tooLarge == 1)
        one.card.flush()
        two.poll(10_000_000)
        #expect(two.received == [frame(60, 2)])
        var sent = 0
        while true {
            put(frame(60, sent), at: &head)
            let traffic = one.card.transmit(from: &rings.rings, atMost: .max, one.pool)
            rings.rings.publishRoom()
            one.card.flush()
            if traffic.isBlocked { break }
            sent += traffic.frames
        }
        check(rings.rings.hasNext && one.card.counters.full > 0)
        two.poll(11_000_000)
        two.poll(12_000_000)
        one.card.reclaim(now: 12_000_000)
        check(one.card.transmit(from: &rings.rings, atMost: .max, one.pool).frames == 1)
    }

    /// Slots are given back while others are still full: a sender that waits goes on when a quarter was taken.
    @Test(arguments: [false, true]) func aQuarterOfTheSlotsIsGivenBackAtOnce(byRings: Bool) throws {
        let (one, two) = try pair()
        var sent = 0
        while two.send(frame(60, sent)) { sent += 1 }
        two.card.flush()
        one.card.reclaim(now: 10_000_000)
        var taken = 0, read = 0
        while taken < sent / 4 {
            two.card.reclaim(now: 10_000_000)
            check(!two.send(frame(60, 0)))
            if byRings {
                taken += one.card.receive(into: &rings.rings, atMost: min(32, sent / 4 - taken)).frames
                rings.rings.publishReceived()
                _ = takeAll(&read)
            } else {
                check(one.card.receive() != nil)
                taken += 1
            }
        }
        two.card.reclaim(now: 11_000_000)
        check(two.send(frame(60, 1)))
    }

    /// Lengths that no frame has, without end: one call looks at as many slots as there are.
    @Test func falseLengthsEndNoCall() throws {
        let (one, two) = try pair()
        for _ in 0..<10 {
            check(two.send(frame(60, 1)))
            two.card.flush()
        }
        for slot in 0..<10 {
            SharedRegionWindow(model: region).store32(slot % 2 == 0 ? 13 : .max, half + 0x1000 + 2048 * slot)
        }
        one.card.reclaim(now: 10_000_000)
        check(one.card.receive(into: &rings.rings, atMost: 1000).frames == 0)
        rings.rings.publishReceived()
        check(one.card.counters.badLengths == 10)
        check(rings.rings.receive.frames == 0)
    }
}
