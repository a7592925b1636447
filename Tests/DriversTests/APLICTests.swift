// The APLIC against a model of its registers: who gets which source, and that a claimed one keeps quiet.

import Drivers
import Testing

/// A domain of 96 sources with level-sensitive lines (RISC-V Advanced Interrupt Architecture 1.0, chapter 4).
final class APLICModel {
    var domaincfg: UInt32 = 0x8000_0000
    var modes = [UInt32](repeating: 0, count: 97), targets = [UInt32](repeating: 0, count: 97)
    var enabled: Set<UInt32> = [3, 40], raised: Set<UInt32> = []
    /// Identities that were sent, and the harts they went to.
    var messages: [(hart: UInt32, identity: UInt32)] = []
    var delivery: [Int: UInt32] = [:]
    var complaints: [String] = []

    private var sendsMessages: Bool { domaincfg & 4 != 0 }

    func raise(_ source: UInt32) {
        raised.insert(source)
        forward(source)
    }

    private func forward(_ source: UInt32) {
        guard sendsMessages, domaincfg & 0x100 != 0, enabled.contains(source), raised.contains(source) else { return }
        messages.append((targets[Int(source)] >> 18, targets[Int(source)] & 0x7ff))
    }

    func load(_ offset: Int) -> UInt32 {
        switch offset {
        case 0: return domaincfg
        case 0x1d00, 0x1d04:
            let first = UInt32((offset - 0x1d00) * 8)
            return raised.reduce(0) {
                $1 >= first && $1 < first + 32 && modes[Int($1)] == 6 ? $0 | 1 << ($1 - first) : $0
            }
        case 0x3004..<0x3184: return targets[(offset - 0x3000) / 4]
        case 0x4000...:
            guard (offset - 0x4000) % 32 == 0x1c else { break }
            let hart = UInt32((offset - 0x4000) / 32)
            guard domaincfg & 0x104 == 0x100, delivery[Int(hart)] == 1 else { return 0 }
            let source = raised.intersection(enabled).filter { targets[Int($0)] >> 18 == hart }.min()
            return source.map { $0 << 16 | 1 } ?? 0
        default: break
        }
        complaints.append("read at \(offset)")
        return 0
    }

    func store(_ value: UInt32, _ offset: Int) {
        switch offset {
        case 0: domaincfg = 0x8000_0000 | value & 0x104
        case 4..<0x184: modes[offset / 4] = value
        case 0x1cdc:
            // As QEMU 7.2, which does not look at the line.
            messages.append((targets[Int(value)] >> 18, targets[Int(value)] & 0x7ff))
        case 0x1edc:
            enabled.insert(value)
            forward(value)
        case 0x1fdc: enabled.remove(value)
        case 0x1f00..<0x1f80:
            let first = UInt32((offset - 0x1f00) * 8)
            for bit in 0..<32 where value >> UInt32(bit) & 1 != 0 { enabled.remove(first + UInt32(bit)) }
        case 0x3004..<0x3184:
            if !sendsMessages, value & 0xff == 0 { complaints.append("a priority of 0") }
            targets[(offset - 0x3000) / 4] = value
        case 0x4000...:
            switch (offset - 0x4000) % 32 {
            case 0: delivery[(offset - 0x4000) / 32] = value
            case 8: if value != 0 { complaints.append("a threshold") }
            default: complaints.append("write at \(offset)")
            }
        default: complaints.append("write of \(value) at \(offset)")
        }
    }
}

private struct APLICRegisters: Registers {
    let model: APLICModel
    func load8(_ offset: Int) -> UInt8 { fatalError("32 bits only") }
    func load16(_ offset: Int) -> UInt16 { fatalError("32 bits only") }
    func load32(_ offset: Int) -> UInt32 { model.load(offset) }
    func load64(_ offset: Int) -> UInt64 { fatalError("32 bits only") }
    func store8(_ value: UInt8, _ offset: Int) { fatalError("32 bits only") }
    func store16(_ value: UInt16, _ offset: Int) { fatalError("32 bits only") }
    func store32(_ value: UInt32, _ offset: Int) { model.store(value, offset) }
    func store64(_ value: UInt64, _ offset: Int) { fatalError("32 bits only") }
}

@Suite struct APLICTests {
    private let model = APLICModel()

    private func start(sendsMessages: Bool) -> WiredInterrupts<APLICRegisters> {
        let wires = WiredInterrupts.aplic(
            APLIC(APLICRegisters(model: model), sources: 97, sendsMessages: sendsMessages))
        for hart in 0..<3 { wires.start(context: hart, sources: 97) }
        return wires
    }

    @Test func aClaimedSourceKeepsQuietUntilItIsComplete() {
        let wires = start(sendsMessages: false)
        #expect(model.enabled.isEmpty && model.modes.dropFirst().allSatisfy { $0 == 6 })
        // Lines can be looked at before they are routed anywhere.
        model.raise(33)
        #expect(wires.pending == 1 << 33)
        model.raised = []
        wires.enable(33, context: 1)
        wires.enable(7, context: 1)
        model.raise(33)
        #expect(wires.claim(context: 0) == 0)
        #expect(wires.claim(context: 1) == 33)
        // Its line is still up.
        #expect(wires.claim(context: 1) == 0)
        model.raise(7)
        #expect(wires.claim(context: 1) == 7)
        wires.complete(33, context: 1)
        #expect(wires.claim(context: 1) == 33)
        model.raised = []
        wires.complete(33, context: 1)
        wires.complete(7, context: 1)
        #expect(wires.claim(context: 1) == 0)
        #expect(model.complaints == [])
    }

    @Test(arguments: [false, true]) func aSourceGoesToOneHart(sendsMessages: Bool) {
        let wires = start(sendsMessages: sendsMessages)
        wires.enable(10, context: 0)
        // As the kernel gives it to another one.
        for hart in [0, 1] { wires.disable(10, context: hart) }
        #expect(!model.enabled.contains(10))
        wires.enable(10, context: 2)
        for hart in [0, 1] { wires.disable(10, context: hart) }
        #expect(model.enabled.contains(10) && model.targets[10] >> 18 == 2)
        #expect(model.complaints == [])
    }

    @Test func aMessageIsSentAgainWhenTheLineIsStillUp() {
        let wires = start(sendsMessages: true)
        wires.enable(33, context: 2)
        model.raise(33)
        #expect(model.messages.map(\.hart) == [2] && model.messages.map(\.identity) == [33])
        wires.complete(33, context: 2)
        #expect(model.messages.count == 2)
        model.raised = []
        wires.complete(33, context: 2)
        #expect(model.messages.count == 2 && model.complaints == [])
    }
}
