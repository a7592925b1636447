// How much memory a card has, and that all of it is used; headers that some chips write wrongly.

import Drivers
import Testing

@testable import NetStack

@Suite struct NE2000MemoryTests {
    @Test(arguments: [(true, 8), (true, 16), (true, 32), (false, 8), (false, 16), (false, 32)], [false, true])
    func memoryIsMeasured(card: (isWide: Bool, kilobytes: Int), mirrors: Bool) throws {
        let model = DP8390Model(isWide: card.isWide, kilobytes: card.kilobytes)
        model.mirrors = mirrors
        let rig = try NE2000Rig(model)
        let measured = rig.card.memoryByteCount
        #expect(measured == card.kilobytes * 1024)
        #expect(model.pstop == model.memoryEnd >> 8 && model.pstart == model.memoryStart >> 8 + 12)
        #expect(model.complaints == [])
    }

    /// 32 KiB less two transmit buffers are 116 pages: 19 full frames of six.
    @Test func allPagesHoldFramesAndEachOneRefusedIsCounted() throws {
        let fitting = 19, refused: UInt64 = 6
        let model = DP8390Model(kilobytes: 32)
        let rig = try NE2000Rig(model)
        for turn in 0..<20 {
            let frames = (0..<fitting).map { rig.frame(1514, turn * 100 + $0) }
            for frame in frames { #expect(model.receive(frame), "refused while there is room") }
            rig.poll()
            #expect(rig.received == frames)
            rig.received.removeAll()
        }
        #expect(model.dropped == 0)
        for i in 0..<fitting + Int(refused) { model.receive(rig.frame(1514, i)) }
        rig.run(for: 50_000_000)
        let missed = rig.card.counters.missed, dropped = rig.card.framesDropped
        #expect(rig.received.count == fitting && model.dropped == Int(refused))
        #expect(missed == refused && dropped == refused)
        #expect(model.complaints == [] && rig.faults == [])
    }

    @Test(arguments: [NE2000Width.byte, .word, .long]) func lengthIsRecomputedWhereTheLowByteStandsInTheHighOne(
        width: NE2000Width
    ) throws {
        let model = DP8390Model(kilobytes: 16)
        model.doublesLowByte = true
        let rig = try NE2000Rig(model, width: width)
        for count in 60...1514 {
            let frame = rig.frame(count, count)
            #expect(model.receive(frame))
            rig.poll()
            #expect(rig.received.last == frame, "\(count) bytes")
            rig.received.removeAll()
        }
        let bad = rig.card.counters.badHeaders
        #expect(bad == 0 && model.complaints == [] && rig.faults == [])
    }
}
