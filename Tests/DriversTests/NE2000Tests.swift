// The NE2000 driver against the model: every size, every width, the ring and its end, the filter, the overflow, the
// probe.

import Drivers
import Testing

@testable import NetStack

@Suite struct NE2000Tests {
    func expectClean(_ rig: NE2000Rig, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(rig.model.complaints == [], sourceLocation: sourceLocation)
        #expect(rig.complaints == [], sourceLocation: sourceLocation)
        #expect(rig.pool.freeCount == rig.pool.count, sourceLocation: sourceLocation)
    }

    @Test(arguments: [NE2000Width.byte, .word, .long]) func startsAtEveryWidth(width: NE2000Width) throws {
        let rig = try NE2000Rig(DP8390Model(), width: width)
        check(rig.card.hardwareAddress == EthernetAddress(0x52, 0x54, 0, 0x73, 0x77, 0x66))
        check(rig.card.width == width)
        #expect(rig.model.par == rig.model.address)
        #expect([rig.model.pstart, rig.model.pstop, rig.model.bnry, rig.model.curr] == [0x4c, 0x80, 0x4c, 0x4d])
        expectClean(rig)
    }

    @Test func widthIsWhatTheCardProves() throws {
        let model = DP8390Model()
        model.knowsLong = false
        let rig = try NE2000Rig(model)
        check(rig.card.width == .word)
        let slot = DP8390Model()
        slot.isNarrow = true
        check(try NE2000Rig(slot).card.width == .byte)
    }

    @Test func narrowCardsHaveTheirMemoryElsewhere() throws {
        let rig = try NE2000Rig(DP8390Model(isWide: false))
        check(rig.card.width == .byte)
        check(rig.card.hardwareAddress == EthernetAddress(0x52, 0x54, 0, 0x73, 0x77, 0x66))
        #expect([rig.model.pstart, rig.model.pstop] == [0x2c, 0x40])
        exchangeEverySize(rig, step: 97)
        expectClean(rig)
    }

    func reason(_ model: DP8390Model, expectingSignature: Bool = true) -> NE2000Error? {
        do { _ = try NE2000Rig(model, expectingSignature: expectingSignature) } catch { return error }
        return nil
    }

    @Test func cardsThatCannotBeDrivenAreRefusedWithTheReason() {
        let gone = DP8390Model()
        gone.isGone = true
        #expect(reason(gone) == .nothingThere)
        let stuck = DP8390Model()
        stuck.resetNeverEnds = .max
        #expect(reason(stuck) == .resetTimedOut)
        #expect(reason(DP8390Model(signature: 0x12)) == .noSignature)
        #expect(reason(DP8390Model(signature: 0x12), expectingSignature: false) == nil)
        #expect(reason(DP8390Model(address: [1, 2, 3, 4, 5, 6])) == .badAddress)
        #expect(reason(DP8390Model(address: [0, 0, 0, 0, 0, 0])) == .badAddress)
        let slow = DP8390Model()
        slow.dmaNeverEnds = 1
        #expect(reason(slow) == .dmaTimedOut)
        slow.dmaNeverEnds = .max
        #expect(reason(slow) == .dmaTimedOut)
        let forgetful = DP8390Model()
        forgetful.isNarrow = true
        forgetful.dmaNeverEnds = 0
        #expect(reason(forgetful) == nil)
    }

    func exchangeEverySize(_ rig: NE2000Rig, step: Int) {
        for count in stride(from: 14, through: 1514, by: step) {
            let frame = rig.frame(count, count)
            #expect(rig.model.receive(frame))
            rig.poll()
            let padded = frame + [UInt8](repeating: 0, count: max(0, 60 - count))
            #expect(rig.received.last == padded, "\(count) bytes in")
            #expect(rig.send(frame))
            #expect(rig.model.sent.last == padded, "\(count) bytes out")
            rig.received.removeAll()
            rig.model.sent.removeAll()
        }
    }

    @Test(arguments: [NE2000Width.byte, .word, .long]) func everySizeGoesBothWays(width: NE2000Width) throws {
        let rig = try NE2000Rig(DP8390Model(), width: width)
        exchangeEverySize(rig, step: width == .long ? 1 : 7)
        expectClean(rig)
    }

    @Test func framesOfABurstComeInOrderAndTheRingWraps() throws {
        let rig = try NE2000Rig(DP8390Model())
        var expected: [[UInt8]] = []
        for turn in 0..<200 {
            for i in 0..<turn % 7 {
                let frame = rig.frame(60 + (turn * 131 + i * 377) % 1455, turn + i)
                if rig.model.receive(frame) { expected.append(frame) }
            }
            #expect(rig.model.isLineUp == (turn % 7 > 0))
            if rig.model.isLineUp { rig.poll() }
            #expect(!rig.model.isLineUp)
        }
        #expect(expected.count > 500)
        #expect(rig.received == expected)
        expectClean(rig)
    }

    @Test func receivingCostsFewAccesses() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.receive(rig.frame(98, 1))
        let before = rig.model.accesses
        rig.poll()
        #expect(rig.model.accesses - before <= 56)
        let middle = rig.model.accesses
        _ = rig.send(rig.frame(98, 1))
        #expect(rig.model.accesses - middle <= 40)
    }

    @Test func interruptsAreOffBetweenReclaimAndRearm() throws {
        let rig = try NE2000Rig(DP8390Model())
        #expect(rig.model.imr & 1 != 0)
        rig.model.receive(rig.frame(60, 1))
        #expect(rig.model.isLineUp)
        rig.card.reclaim(now: 1)
        #expect(!rig.model.isLineUp)
        rig.model.receive(rig.frame(61, 2))
        #expect(!rig.model.isLineUp)
        while let packet = rig.card.receive() { rig.received.append(copy(packet)) }
        rig.model.receive(rig.frame(62, 3))
        check(rig.card.rearm(), "a frame came after the ring was drained")
        rig.poll()
        #expect(rig.received.map(\.count) == [60, 61, 62])
        #expect(!rig.model.isLineUp)
    }

    /// `reclaim` acknowledges what came after the ring was drained: `rearm` must know of it all the same.
    @Test func frameBetweenTheLastLookAndTheAcknowledgementIsNotForgotten() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.card.reclaim(now: 1)
        check(rig.card.receive() == nil)
        rig.model.receive(rig.frame(60, 1))
        rig.card.reclaim(now: 1)
        #expect(rig.model.isr & 1 == 0)
        check(rig.card.rearm())
        rig.poll()
        #expect(rig.received == [rig.frame(60, 1)])
    }

    @Test func framesWaitInTheCardWhileThePoolIsEmpty() throws {
        let rig = try NE2000Rig(DP8390Model(), packets: 2)
        var taken = PacketQueue()
        while let packet = rig.pool.take() { taken.append(packet) }
        for i in 0..<5 { rig.model.receive(rig.frame(300, i)) }
        rig.poll()
        #expect(rig.received.isEmpty)
        check(rig.card.patience == 10_000_000)
        #expect(!rig.model.isLineUp, "the next frame is no news")
        rig.model.receive(rig.frame(300, 5))
        #expect(!rig.model.isLineUp)
        check(rig.card.counters.emptyPool == 1)
        taken.removeAll()
        rig.run(for: 11_000_000)
        #expect(rig.received == (0..<6).map { rig.frame(300, $0) })
        check(rig.card.patience == 1_000_000_000)
        expectClean(rig)
    }

    @Test func secondBufferFollowsTheFirst() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.transmitsSlowly = true
        #expect(rig.send(rig.frame(100, 1)))
        check(rig.card.patience == 50_000_000)
        #expect(rig.send(rig.frame(1514, 2)))
        #expect(!rig.send(rig.frame(60, 3)))
        check(rig.card.counters.transmitBusy == 1)
        rig.model.endTransmission()
        #expect(rig.model.isLineUp)
        rig.poll()
        #expect(!rig.model.isLineUp)
        #expect(rig.send(rig.frame(61, 4)))
        rig.model.endTransmission()
        rig.poll()
        rig.model.endTransmission()
        rig.poll()
        #expect(rig.model.sent == [rig.frame(100, 1), rig.frame(1514, 2), rig.frame(61, 4)])
        #expect(!rig.model.isLineUp)
        expectClean(rig)
    }

    @Test func filterLetsThroughWhatIsWanted() throws {
        let rig = try NE2000Rig(DP8390Model())
        var filter = ReceiveFilter()
        let group = EthernetAddress(group: IPv4Address(239, 1, 2, 3))
        filter.insert(group)
        rig.card.accept(filter)
        func passes(_ to: [UInt8]) -> Bool { rig.model.receive(to + frame(60, 0)) }
        let groupBytes = (0..<6).map { group[$0] }
        #expect(passes(groupBytes))
        #expect(passes([1, 0, 0x5e, 0, 0, 1]))
        #expect(passes([255, 255, 255, 255, 255, 255]))
        #expect(passes(rig.model.address))
        #expect(!passes([2, 2, 2, 2, 2, 2]))
        let through = (0..<256).filter { passes([1, 0, 0x5e, 9, 9, UInt8($0)]) }.count
        #expect(through < 24, "two bits of 64 are set")
        rig.poll()
        filter.takesAllGroups = true
        rig.card.accept(filter)
        #expect(passes([1, 0, 0x5e, 9, 9, 9]))
        #expect(!passes([2, 2, 2, 2, 2, 2]))
        filter.isPromiscuous = true
        rig.card.accept(filter)
        #expect(passes([2, 2, 2, 2, 2, 2]))
        rig.poll()
        expectClean(rig)
    }

    @Test func overflowIsRecoveredInTheDatasheetsOrder() throws {
        let rig = try NE2000Rig(DP8390Model())
        var taken: [[UInt8]] = []
        for i in 0..<60 {
            let frame = rig.frame(1000, i)
            if rig.model.receive(frame) { taken.append(frame) }
        }
        #expect(rig.model.isr & 0x10 != 0)
        rig.poll()
        check(rig.card.counters.overflows == 1)
        check(rig.card.patience == 2_000_000)
        #expect(!rig.model.isLineUp)
        rig.run(for: 5_000_000)
        #expect(rig.received == taken)
        check(rig.card.counters.missed > 0)
        #expect(rig.model.receive(rig.frame(100, 1)))
        rig.poll()
        #expect(rig.received.last == rig.frame(100, 1))
        #expect(rig.faults == [])
        expectClean(rig)
    }

    @Test(arguments: [false, true]) func transmissionThatAnOverflowInterruptsIsSentOnce(endsBeforeStop: Bool) throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.transmitsSlowly = true
        #expect(rig.send(rig.frame(400, 7)))
        #expect(rig.send(rig.frame(401, 8)))
        for i in 0..<60 { rig.model.receive(rig.frame(1000, i)) }
        rig.poll()
        if endsBeforeStop { rig.model.endTransmission() } else { rig.model.abortTransmission() }
        rig.run(for: 5_000_000)
        rig.model.endTransmission()
        rig.run(for: 5_000_000)
        rig.model.endTransmission()
        rig.run(for: 5_000_000)
        #expect(rig.model.sent == [rig.frame(400, 7), rig.frame(401, 8)])
        expectClean(rig)
    }

    @Test func silentOverflowDoesNotWedge() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.overflowsSilently = true
        for turn in 0..<50 {
            for i in 0..<100 { rig.model.receive(rig.frame(60 + i, turn)) }
            rig.poll(budget: 5)
            while rig.received.count > 0 { rig.received.removeAll(); rig.poll(budget: 5) }
            #expect(rig.model.receive(rig.frame(77, turn)))
            #expect(rig.model.isLineUp)
            rig.poll()
            #expect(rig.received.last == rig.frame(77, turn))
        }
        expectClean(rig)
    }

    @Test func lostInterruptCostsASecondAtMost() throws {
        let rig = try NE2000Rig(DP8390Model())
        rig.model.losesInterrupts = 1
        rig.model.receive(rig.frame(77, 1))
        #expect(!rig.model.isLineUp)
        rig.run(for: 1_001_000_000)
        #expect(rig.received == [rig.frame(77, 1)])
    }

    @Test func probeFindsCardsAndPutsBackWhatItWroteElsewhere() {
        #expect(NE2000ISA.probe(ModelPorts(model: DP8390Model())))
        #expect(NE2000ISA.probe(ModelPorts(model: DP8390Model(isWide: false))))
        #expect(!NE2000ISA.probe(ModelPorts(model: DP8390Model(signature: 0))))
        let gone = DP8390Model()
        gone.isGone = true
        #expect(!NE2000ISA.probe(ModelPorts(model: gone)))
        // Something with 32 plain registers, as another card may look.
        let other = PlainPorts()
        #expect(!NE2000ISA.probe(other))
        #expect(other.ports.values == (0..<32).map { UInt8($0 * 5) })
        #expect(other.ports.touched.isSubset(of: [0, 0xd]))
    }

    @Test func knownClonesHaveNames() {
        #expect("\(NE2000PCI.name(vendor: 0x10ec, device: 0x8029)!)" == "Realtek RTL8029")
        #expect(NE2000PCI.name(vendor: 0x1af4, device: 0x1000) == nil)
        #expect("\(NE2000PCI.name(vendor: 0x12c3, device: 0x5598)!)" == "Holtek HT80229")
    }
}

/// Registers that keep what is written.
struct PlainPorts: Registers {
    final class Ports {
        var values = (0..<32).map { UInt8($0 * 5) }
        var touched: Set<Int> = []
    }
    let ports = Ports()
    func load8(_ offset: Int) -> UInt8 { ports.values[offset] }
    func store8(_ value: UInt8, _ offset: Int) {
        ports.values[offset] = value
        ports.touched.insert(offset)
    }
    func load16(_ offset: Int) -> UInt16 { fatalError() }
    func load32(_ offset: Int) -> UInt32 { fatalError() }
    func load64(_ offset: Int) -> UInt64 { fatalError() }
    func store16(_ value: UInt16, _ offset: Int) { fatalError() }
    func store32(_ value: UInt32, _ offset: Int) { fatalError() }
    func store64(_ value: UInt64, _ offset: Int) { fatalError() }
}
