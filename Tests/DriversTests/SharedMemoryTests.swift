// The card of shared memory: two drivers on one region, and a neighbour that comes, goes, starts again and lies.

import FuzzTargets
import Testing

@testable import Drivers
@testable import NetStack

@Suite struct SharedMemoryTests {
    private let region = SharedRegionModel()
    private var half: Int { region.byteCount / 2 }

    /// Two machines that have noticed each other.
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

    @Test func framesOfEverySizeCrossWhole() throws {
        let (one, two) = try pair()
        var now: UInt64 = 10_000_000
        for count in 14...1514 {
            now += 100_000
            check(one.send(frame(count, count)))
            check(two.send(frame(1528 - count, count + 1)))
            for machine in [one, two] { machine.poll(now) }
            one.poll(now)
        }
        #expect(two.received.count == 1501 && one.received.count == 1501)
        for (i, bytes) in two.received.enumerated() where bytes != frame(14 + i, 14 + i) { Issue.record("frame \(i)") }
        for (i, bytes) in one.received.enumerated() where bytes != frame(1514 - i, 15 + i) {
            Issue.record("frame \(i)")
        }
        #expect(one.pool.freeCount == 64 && two.pool.freeCount == 64)
    }

    /// A frame in several buffers arrives as one; what no frame has room for is counted.
    @Test func framesInPartsCrossWhole() throws {
        let (one, two) = try pair()
        for cut in [1, 8, 14, 33, 60, 63] {
            let bytes = frame(64, cut)
            let parts = [bytes.prefix(cut), bytes[cut..<min(cut + 3, 64)], bytes[min(cut + 3, 64)...]].filter {
                !$0.isEmpty
            }
            var train = try packet(Array(parts[0]), of: one.pool)
            for part in parts.dropFirst() { train.append(part: try packet(Array(part), of: one.pool)) }
            check(one.card.transmit(LentPacket(train)) == nil)
        }
        one.card.flush()
        two.poll(10_000_000)
        #expect(two.received == [1, 8, 14, 33, 60, 63].map { frame(64, $0) })
        var large = try packet(frame(1000, 1), of: one.pool)
        large.append(part: try packet(frame(515, 2), of: one.pool))
        check(one.card.transmit(LentPacket(large)) == nil)
        check(one.card.counters.tooLarge == 1)
        #expect(one.pool.freeCount == 64)
    }

    private func packet(_ bytes: [UInt8], of pool: PacketPool) throws -> Packet {
        guard var packet = pool.take(), packet.resize(to: bytes.count) else { throw CardError("no packet") }
        var span = packet.mutableBytes
        for (i, byte) in bytes.enumerated() { span.setByte(byte, i) }
        return packet
    }

    /// What lies behind a frame in its packet stays with its machine.
    @Test func nothingBehindAFrameCrosses() throws {
        let (one, _) = try pair()
        for _ in 0..<64 {
            guard var packet = one.pool.take() else { break }
            packet.resize(to: 1600)
            var span = packet.mutableBytes
            for i in 0..<1600 { span.setByte(0xa5, i) }
        }
        check(one.send(frame(61, 3).map { $0 & 0x7f }))
        for offset in stride(from: 0x1000 + 8 + 64, to: 0x1000 + 2048, by: 8) { #expect(region.peek(offset) == 0) }
        #expect(region.peek(0x1000 + 8 + 56) >> 40 == 0)
    }

    /// A full ring refuses, and goes on when the other side has taken some; a pool that is empty loses nothing.
    @Test func fullRingsAndEmptyPoolsLoseNothing() throws {
        let (one, two) = try pair()
        var sent = 0
        while one.send(frame(60, sent)) { sent += 1 }
        #expect(sent == 32)
        check(one.card.counters.full == 1)
        one.card.flush()
        var held = PacketQueue()
        while let packet = two.pool.take() { held.append(packet) }
        two.poll(20_000_000)
        #expect(two.received.isEmpty)
        while held.removeFirst() != nil {}
        two.poll(20_000_000)
        #expect(two.received.count == 32)
        one.poll(20_100_000)
        check(one.send(frame(60, sent)))
        one.card.flush()
        two.poll(20_200_000)
        #expect(two.received.enumerated().allSatisfy { $1 == frame(60, $0) } && two.received.count == 33)
    }

    /// A machine that ends is missed after three seconds, and frames for it are dropped, not kept; one that starts in its
    /// place gets none of the old ones, and all of the new ones.
    @Test func aMachineThatStartsAgainSeesNoOldFrames() throws {
        let (one, first) = try pair()
        for i in 0..<5 { check(one.send(frame(60, i))) }
        one.card.flush()
        one.poll(10_000_000)
        check(one.card.isLinkUp)
        one.poll(3_100_000_000)
        check(!one.card.isLinkUp)
        check(one.send(frame(60, 9)))
        check(one.card.counters.unheard == 1)
        #expect(first.received.isEmpty)
        // What the region says of itself is from before: nobody lives there.
        let second = try SharedMachine(region, side: 2, random: 3 << 40)
        second.poll(3_200_000_000)
        one.poll(3_200_100_000)
        check(one.card.isLinkUp)
        second.poll(3_200_200_000)
        #expect(second.received.isEmpty)
        check(one.send(frame(60, 20)) && second.send(frame(61, 21)))
        for machine in [one, second, one, second] { machine.poll(3_201_000_000) }
        #expect(second.received == [frame(60, 20)] && one.received == [frame(61, 21)])
        // The ring is whole again.
        for i in 0..<32 { check(one.send(frame(60, i))) }
    }

    /// Both end in the middle of traffic, and only one starts: it is alone.
    @Test func deadNeighboursAreNotTakenForLivingOnes() throws {
        let (one, two) = try pair()
        check(two.send(frame(60, 1)))
        two.card.flush()
        let again = try SharedMachine(region, side: 1, random: 7 << 40)
        for now in 1...50 { again.poll(UInt64(now) * 4_000_000) }
        #expect(again.received.isEmpty)
        check(!again.card.isLinkUp)
        _ = one.received
    }

    /// The same random number at two starts: the generations differ, and neither is 0.
    @Test func generationsDiffer() throws {
        let one = try SharedMachine(region, side: 1, random: 0), again = try SharedMachine(region, side: 1, random: 0)
        check(one.card.generation != again.card.generation && one.card.generation != 0 && again.card.generation != 0)
        // Whoever has the side now keeps it; the other one says so, and stops.
        one.poll(1_000_000)
        again.poll(1_000_000)
        #expect(one.faults.count == 1 && one.faults[0].contains("another machine has taken this side"))
        #expect(again.faults.isEmpty)
    }

    @Test func sidesAndSizesAreChecked() throws {
        for side in [0, 3, 255] as [UInt8] {
            #expect(throws: CardError.self) { try SharedMachine(region, side: side, random: 1) }
        }
        #expect(throws: CardError.self) {
            try SharedMachine(SharedRegionModel(byteCount: 64 << 10), side: 1, random: 1)
        }
        for size in [128 << 10, 1 << 20, 4 << 20, 64 << 20, 1 << 30] as [UInt64] {
            let layout = SharedLayout(byteCount: size)
            if let layout {
                #expect(layout.slot(layout.slots - 1) + 2048 <= layout.half && layout.half <= Int(size) / 2)
            } else {
                #expect(size < 256 << 10)
            }
        }
    }

    /// Looks are frequent while frames come and go, and four milliseconds apart when none do.
    @Test func idleLooksAreFar() throws {
        let (one, two) = try pair()
        check(one.send(frame(60, 1)))
        one.poll(10_000_000)
        check(one.card.patience == 20_000)
        two.poll(10_050_000)
        var now: UInt64 = 10_100_000
        for _ in 0..<12 {
            one.poll(now)
            now += one.card.patience
        }
        check(one.card.patience == 4_000_000)
        // A neighbour that does not take what it gets makes nobody look for longer than a tenth of a second.
        check(one.send(frame(60, 2)))
        var looks = 0
        while now < 2_000_000_000 {
            one.poll(now)
            now += one.card.patience
            looks += 1
        }
        #expect(looks < 100_000_000 / 20_000 + 600)
    }

    /// Each number that the neighbour writes, false by one: counted, and never followed.
    @Test func falseNumbersAreCountedAndNotFollowed() throws {
        let (one, two) = try pair()
        var now: UInt64 = 10_000_000
        // Lengths that no frame has are passed over; the frames around them arrive.
        for (i, length) in ([0, 13, 1515, 2040, 0xffff_ffff] as [UInt64]).enumerated() {
            for part in 0..<3 { check(two.send(frame(60, 3 * i + part))) }
            region.poke(length, half + 0x1000 + (3 * i + 1) * 2048)
            two.card.flush()
            one.poll(now)
            two.poll(now)
            now += 100_000
        }
        #expect(one.received == (0..<15).filter { $0 % 3 != 1 }.map { frame(60, $0) })
        check(one.card.counters.badLengths == 5)
        // More frames than there are slots: none is taken, and what comes behind that index is.
        let generation = UInt64(two.card.generation) << 32
        region.poke(generation | 15 + 33, half + 0x40)
        one.poll(now)
        check(one.received.count == 10 && one.card.counters.badIndices == 1)
        #expect(one.faults == ["the other machine wrote an index that cannot be"])
        region.poke(generation | 15 + 32, half + 0x40)  // backwards
        one.poll(now)
        check(one.received.count == 10 && one.card.counters.badIndices == 2)
        // What it says that it has taken: of another start, beyond what was sent, backwards.
        for i in 0..<32 { check(one.send(frame(60, i))) }
        one.card.flush()
        let own = UInt64(one.card.generation) << 32
        for word in [own ^ 1 << 33 | 32, own | 33, own | 0xffff_ffff] {
            region.poke(word, half + 0x80)
            check(!one.send(frame(60, 0)), "\(word)")
        }
        check(one.card.counters.badIndices >= 4)
        region.poke(own | 1, half + 0x80)
        check(one.send(frame(60, 0)))
        check(!one.send(frame(60, 0)))
    }

    /// A neighbour that writes anything anywhere, at any moment: frames have lengths that frames have, the pool is whole,
    /// and what an honest one does afterwards works.
    @Test(arguments: 0..<8) func aHostileNeighbourIsSurvived(batch: Int) throws {
        for seed in batch * 125..<(batch + 1) * 125 {
            var random = SeededRandom(seed: UInt64(seed))
            let region = SharedRegionModel()
            let victim = try SharedMachine(region, side: 1, random: random.next(), packets: 48)
            let half = region.byteCount / 2
            let generation = UInt64(victim.card.generation)
            let lure: [UInt64] = [0, 1, 13, 14, 1514, 1515, 0xffff_ffff, 0x7fff_ffff, 33, 32, 0x1_0000_0000]
            region.meanwhile = {
                guard random.next() % 4 == 0 else { return }
                let place = [0, 0x40, 0x80, 0xc0, 0x1000 + Int(random.next() % 32) * 2048][Int(random.next() % 5)]
                let value =
                    switch random.next() % 4 {
                    case 0: random.next()
                    case 1: lure[Int(random.next() % UInt64(lure.count))]
                    case 2: generation << 32 | lure[Int(random.next() % UInt64(lure.count))]
                    default: (random.next() % 4) << 32 | SharedLayout.magic
                    }
                // Its own half; sometimes the other's too, which it can reach.
                region.poke(value, (random.next() % 16 == 0 ? 0 : half) + place)
            }
            var now: UInt64 = 1_000_000
            for _ in 0..<60 {
                _ = victim.send(frame(Int(random.next() % 1501) + 14, seed))
                victim.poll(now)
                now += victim.card.patience
                check(victim.card.patience >= 20_000)
            }
            #expect(victim.received.allSatisfy { $0.count >= 14 && $0.count <= 1514 })
            #expect(victim.pool.freeCount == 48, "seed \(seed)")
            region.meanwhile = {}
            let fresh = try SharedMachine(region, side: 1, random: random.next())
            let honest = try SharedMachine(region, side: 2, random: random.next())
            for step in 0..<4 { for machine in [fresh, honest] { machine.poll(now + UInt64(step) * 1_000_000) } }
            check(fresh.send(frame(77, seed)) && honest.send(frame(78, seed)), "seed \(seed)")
            for machine in [fresh, honest, fresh] { machine.poll(now + 9_000_000) }
            #expect(honest.received == [frame(77, seed)] && fresh.received == [frame(78, seed)], "seed \(seed)")
        }
    }
}
