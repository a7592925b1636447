// The NE2000 driver against a card that fails: each fault by itself, then a thousand seeds of them under load.

import Drivers
import Testing

@testable import NetStack

@Suite struct NE2000FaultTests {
    /// Whether the card works: a frame each way.
    func works(_ rig: NE2000Rig) -> Bool {
        rig.received.removeAll()
        rig.model.sent.removeAll()
        let frame = rig.frame(500, 3)
        guard rig.model.receive(frame) else { return false }
        rig.run(for: 1_100_000_000, step: 20_000_000)
        guard rig.received.contains(frame), rig.send(frame) else { return false }
        rig.model.endTransmission()
        rig.run(for: 100_000_000)
        return rig.model.sent == [frame]
    }

    func expectSound(_ rig: NE2000Rig, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(rig.model.complaints == [], sourceLocation: sourceLocation)
        #expect(rig.complaints == [], sourceLocation: sourceLocation)
        #expect(rig.pool.freeCount == rig.pool.count, sourceLocation: sourceLocation)
    }

    /// Impossible headers: what is in the ring is dropped, and all is well again, without a reset.
    @Test(arguments: [
        [0x01, 0x00, 0x40, 0x00], [0x01, 0xff, 0x40, 0x00], [0x01, 0x4e, 0xff, 0xff], [0x01, 0x4e, 0x00, 0x06],
        [0x01, 0x4d, 0x40, 0x00],
        [0x01, 0x4f, 0x40, 0x00], [0x00, 0x00, 0x00, 0x00], [0xff, 0xff, 0xff, 0xff], [0x01, 0x4e, 0x00, 0xff],
        [0x01, 0x80, 0xfc, 0x32],
    ]) func senselessHeaderCostsTheRing(header: [UInt8]) throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.distortHeader = { $0 = header }
        rig.model.receive(rig.frame(60, 1))
        rig.model.receive(rig.frame(61, 2))
        rig.poll()
        #expect(rig.received.isEmpty)
        check(rig.card.counters.badHeaders == 1)
        check(rig.card.counters.resets == 0)
        #expect(works(rig))
        expectSound(rig)
    }

    @Test func damagedAndFalselyLongFramesAreSteppedOver() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.receive(rig.frame(60, 1), status: 1 | 2)
        rig.model.receive(rig.frame(61, 2), status: 1 | 8)
        rig.model.distortHeader = { $0[2] = 63 }
        rig.model.receive(rig.frame(62, 3))
        rig.model.receive(rig.frame(63, 4))
        rig.poll()
        #expect(rig.received == [rig.frame(63, 4)])
        check(rig.card.counters.badFrames == 2)
        check(rig.card.counters.badLengths == 1)
        check(rig.card.counters.badHeaders == 0)
        expectSound(rig)
    }

    @Test func twoSenselessHeadersInARowResetTheCard() throws {
        let rig = try NE2000Rig(DP8390Model())
        for _ in 0..<2 {
            rig.model.distortHeader = { $0[1] = 3 }
            rig.model.receive(rig.frame(60, 1))
            rig.poll()
        }
        check(rig.card.counters.resets == 1)
        #expect(rig.faults.count == 1)
        #expect(works(rig))
        expectSound(rig)
    }

    @Test(arguments: [UInt8(0), 0x40, 0x4b, 0x80, 0xff]) func currOutsideTheRingResetsTheCard(current: UInt8) throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.falseCurrent = (current, 1)
        rig.model.receive(rig.frame(60, 1))
        rig.poll()
        check(rig.card.counters.resets == 1)
        #expect(works(rig))
        expectSound(rig)
    }

    @Test func transmissionThatNeverEndsIsGivenUp() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.transmitNeverEnds = 1
        #expect(rig.send(rig.frame(60, 1)))
        #expect(rig.send(rig.frame(60, 2)))
        rig.run(for: 900_000_000)
        check(rig.card.counters.transmitTimeouts == 1)
        check(rig.card.counters.transmitLost == 2)
        #expect(rig.faults == ["the transmitter did not finish: card reset"])
        #expect(works(rig))
        expectSound(rig)
    }

    @Test func framesThatCannotBeSentAreCounted() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.transmitFails = 2
        for i in 0..<3 { #expect(rig.send(rig.frame(60, i))) }
        check(rig.card.counters.transmitErrors == 2)
        #expect(rig.model.sent == [rig.frame(60, 2)])
        expectSound(rig)
    }

    @Test(arguments: [true, false]) func stuckDMAResetsTheCard(whileSending: Bool) throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.dmaNeverEnds = 1
        if whileSending { #expect(rig.send(rig.frame(60, 1))) } else { rig.model.receive(rig.frame(60, 1)) }
        rig.poll()
        check(rig.card.counters.dmaTimeouts == 1)
        check(rig.card.counters.resets == 1)
        check(rig.card.rearm() == false)
        #expect(works(rig))
        expectSound(rig)
    }

    @Test func resetUnderLoadIsNoticed() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.run(for: 1_100_000_000)
        rig.model.reset()
        #expect(!rig.model.receive(rig.frame(60, 1)))
        rig.run(for: 2_100_000_000)
        #expect(rig.faults == ["the card had stopped by itself: card reset"])
        #expect(works(rig))
        expectSound(rig)
    }

    @Test func cardThatFailsAgainAndAgainIsGivenUpWithALine() throws {
        let rig = try NE2000Rig(DP8390Model())
        for _ in 0..<8 {
            rig.model.falseCurrent = (0, 1)
            rig.model.receive(rig.frame(60, 1))
            rig.poll()
        }
        check(rig.card.isBroken && !rig.card.isLinkUp)
        #expect(rig.faults.last?.contains("again and again") == true)
        #expect(rig.faults.count == 6)
        check(rig.card.patience == 10_000_000_000)
        #expect(!rig.send(rig.frame(60, 1)))
        rig.poll()
        #expect(!rig.model.isLineUp)
        expectSound(rig)
    }

    /// Given up, and brought back when its time has come: filter, frames and all.
    @Test(arguments: [false, true]) func cardThatWasGivenUpComesBack(wasTakenOut: Bool) throws {
        let rig = try NE2000Rig(DP8390Model())
        var filter = ReceiveFilter()
        filter.isPromiscuous = true
        for round in 0..<2 {
            rig.faults = []
            if wasTakenOut {
                rig.model.isGone = true
                rig.run(for: 5_000_000_000)
            } else {
                for _ in 0..<8 {
                    rig.model.falseCurrent = (0, 1)
                    rig.poll()
                }
            }
            check(rig.card.isBroken && !rig.card.isLinkUp)
            #expect(!rig.send(rig.frame(60, 1)))
            rig.card.accept(filter)
            (rig.model.isGone, rig.model.falseCurrent.reads) = (false, 0)
            rig.run(for: 11_000_000_000, step: 10_000_000)
            check(!rig.card.isBroken && rig.card.isLinkUp && rig.card.counters.restarts == UInt64(round + 1))
            #expect(rig.faults.last == "the card was reset and works again")
            #expect(works(rig))
            // A minute later it is as good as new.
            rig.run(for: 61_000_000_000, step: 100_000_000)
        }
        expectSound(rig)
    }

    /// It is tried ever less often, each try is bounded, and two lines are all that is said.
    @Test func cardThatIsBadForAnHourIsTriedAFewTimes() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.resetNeverEnds = .max
        rig.model.falseCurrent = (0, 1)
        rig.poll()
        check(rig.card.isBroken)
        let (faults, before) = (rig.faults.count, rig.card.counters.resets)
        rig.run(for: 3_600_000_000_000, step: 1_000_000_000)
        let tries = rig.card.counters.resets - before
        #expect(tries >= 12 && tries <= 18, "\(tries)")
        check(rig.card.isBroken && rig.faults.count == faults)
        rig.model.resetNeverEnds = 0
        rig.run(for: 330_000_000_000, step: 1_000_000_000)
        check(!rig.card.isBroken && rig.card.counters.restarts == 1)
        #expect(works(rig))
        expectSound(rig)
    }

    /// One that works for a moment only is given up again at its next failure, in silence.
    @Test func cardThatFailsAfterEachTryIsTriedLessOften() throws {
        let rig = try NE2000Rig(DP8390Model())
        var said: [Int] = []
        for _ in 0..<3600 {
            if !rig.card.isBroken { rig.model.falseCurrent = (0, 1) }
            rig.run(for: 1_000_000_000, step: 50_000_000)
            said.append(rig.faults.count)
        }
        check(rig.card.counters.restarts >= 12 && rig.card.counters.restarts <= 18)
        #expect(said.last! <= said[60] + 1, "\(rig.faults.suffix(4))")
    }

    /// Another card in its place, by its address, is not this driver's.
    @Test func anotherCardInItsPlaceStaysLeftAlone() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.isGone = true
        rig.run(for: 5_000_000_000)
        rig.model.isGone = false
        rig.model.exchange()
        rig.run(for: 60_000_000_000, step: 100_000_000)
        check(rig.card.isBroken)
        rig.model.exchange()
        rig.run(for: 330_000_000_000, step: 100_000_000)
        #expect(works(rig))
        expectSound(rig)
    }

    @Test func failuresFarApartDoNotAddUp() throws {
        let rig = try NE2000Rig(DP8390Model())
        for _ in 0..<20 {
            rig.model.falseCurrent = (0, 1)
            rig.poll()
            rig.run(for: 11_000_000_000, step: 100_000_000)
        }
        check(!rig.card.isBroken && rig.card.counters.resets == 20)
    }

    @Test func cardThatWasTakenOutIsGivenUp() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.isGone = true
        rig.run(for: 3_000_000_000)
        check(rig.card.isBroken)
        #expect(rig.faults.count == 1)
        expectSound(rig)
    }

    @Test func resetThatDoesNotCompleteAtFirstIsTriedAgain() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.resetNeverEnds = 2
        rig.model.falseCurrent = (0, 1)
        rig.poll()
        check(!rig.card.isBroken)
        #expect(works(rig))
        rig.model.resetNeverEnds = .max
        rig.model.falseCurrent = (0, 1)
        rig.poll()
        check(rig.card.isBroken)
        expectSound(rig)
    }

    @Test func statusThatDoesNotClearIsNoEndlessLoop() throws {
        let rig = try NE2000Rig(DP8390Model())
        for bits: UInt8 in [0x01, 0x04, 0x20, 0x10, 0xff] {
            (rig.model.stuckBits, rig.model.stuckReads) = (bits, 60)
            rig.poll()
            rig.run(for: 50_000_000)
        }
        #expect(rig.complaints == [])
        rig.model.stuckReads = 0
        rig.run(for: 20_000_000_000, step: 10_000_000)
        #expect(rig.card.isBroken || works(rig))
    }

    // MARK: A thousand seeds

    @Test(arguments: 0..<20) func seedsOfFaults(batch: Int) throws {
        for seed in batch * 50..<batch * 50 + 50 { try run(seed) }
    }

    func run(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let model = DP8390Model(isWide: seed % 8 != 0)
        model.overflowsSilently = seed % 3 == 0
        model.transmitsSlowly = seed % 2 == 0
        let rig = try NE2000Rig(model, width: seed % 5 == 0 ? .word : .long, packets: seed % 4 == 0 ? 3 : 32)
        for _ in 0..<60 {
            if Int.random(in: 0..<8, using: &random) == 0 { inject(rig, &random) }
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                rig.model.receive(rig.frame(.random(in: 14...1514, using: &random), seed))
            }
            for _ in 0..<Int.random(in: 0..<4, using: &random) {
                _ = rig.send(rig.frame(.random(in: 14...1514, using: &random), seed))
            }
            if Bool.random(using: &random) { rig.model.endTransmission() }
            rig.run(for: .random(in: 0...20_000_000, using: &random), step: 1_000_000)
        }
        // The faults are over: it works again, perhaps only when its next try has come.
        (model.transmitNeverEnds, model.dmaNeverEnds, model.resetNeverEnds, model.losesInterrupts, model.stuckReads) = (
            0, 0, 0, 0, 0
        )
        (model.falseCurrent.reads, model.distortHeader, model.transmitFails) = (0, nil, 0)
        for _ in 0..<4 {
            rig.model.endTransmission()
            rig.run(for: 700_000_000, step: 20_000_000)
        }
        if rig.card.isBroken {
            check(rig.faults.contains { $0.contains("again and again") }, "seed \(seed): \(rig.faults)")
            rig.run(for: 330_000_000_000, step: 100_000_000)
        }
        #expect(works(rig), "seed \(seed): \(rig.faults)")
        #expect(rig.model.complaints + rig.complaints == [], "seed \(seed)")
        #expect(rig.pool.freeCount == rig.pool.count, "seed \(seed)")
    }

    func inject(_ rig: NE2000Rig, _ random: inout SeededRandom) {
        let model = rig.model
        switch Int.random(in: 0..<12, using: &random) {
        case 0:
            let header = (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
            model.distortHeader = { $0 = header }
        case 1:
            let length = UInt8.random(in: 0...255, using: &random)
            model.distortHeader = { $0[2] = length }
        case 2:
            let high = UInt8.random(in: 0...255, using: &random)
            model.distortHeader = { $0[3] = high }
        case 3:
            let next = UInt8.random(in: 0...255, using: &random)
            model.distortHeader = { $0[1] = next }
        case 4: model.losesInterrupts = .random(in: 1...3, using: &random)
        case 5: model.dmaNeverEnds = 1
        case 6: model.transmitNeverEnds = 1
        case 7: model.falseCurrent = (.random(in: 0...255, using: &random), .random(in: 1...3, using: &random))
        case 8: for i in 0..<80 { model.receive(rig.frame(1000, i)) }
        case 9: model.resetNeverEnds = .random(in: 1...4, using: &random)
        case 10:
            (model.stuckBits, model.stuckReads) = (
                .random(in: 0...255, using: &random), .random(in: 1...40, using: &random)
            )
        default: if Bool.random(using: &random) { model.reset() } else { model.transmitFails = 2 }
        }
    }
}
