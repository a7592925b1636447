// Finding and placing what is on PCI: sizes, bridges, interrupts, capabilities, and impossible configuration spaces.

import FuzzTargets
import Testing

@testable import Drivers

@Suite struct PCITests {
    private func device(_ number: UInt8) -> UInt8 { number << 3 }

    private func scan(
        _ model: PCIModel, forISA: ISAPlacements = ISAPlacements(), ports: UInt64 = 65536, memory: UInt64 = 64 << 20
    ) -> [PCIRecord] {
        var host = PCIHost(
            configuration: model.space, lastBus: 255,
            ports: PCIWindow(model.space, base: 0, byteCount: ports, reserved: 4096),
            memory: PCIWindow(model.space, base: 0x4000_0000, byteCount: memory), forISA: forISA)
        var records: [PCIRecord] = []
        host.scan { records.append($0) }
        return records
    }

    @Test func sizesAndPlacesBaseAddresses() {
        let card = PCIFunctionModel(
            vendor: 0x1af4, device: 0x1000,
            masks: [0xffff_ffe1, 0xffff_f000, 0, 0, 0xffff_c00c, 0xffff_ffff])
        let records = scan(PCIModel([device(4): card]))
        #expect(records.count == 1)
        let bases = (0..<6).map { records[0].baseAddresses[$0] }
        #expect(bases[0].kind == .io && bases[0].byteCount == 32 && bases[0].address == 0x1000)
        #expect(bases[1].kind == .memory32 && bases[1].byteCount == 4096 && bases[1].address == 0x4000_0000)
        #expect(bases[2].kind == .none && bases[3].kind == .none)
        #expect(
            bases[4].kind == .memory64 && bases[4].isPrefetchable && bases[4].byteCount == 16384
                && bases[4].address == 0x4000_4000)
        #expect(card.get(0x20) == 0x4000_400c && card.get(0x24) == 0)
        #expect(card.decoded.isEmpty)  // it answers when a driver lets it
        #expect(records[0].interruptAtRoot?.unit == 4 << 11 && records[0].interruptAtRoot?.pin == 1)
    }

    @Test func thePinOfAFunctionIsSwitchedInItsCommandRegisterAlone() throws {
        let card = PCIFunctionModel(vendor: 0x10ec, device: 0x8029, masks: [0xffff_ff01])
        let model = PCIModel([device(4): card])
        let record = try #require(scan(model).first)
        let function = PCIFunction(
            record: record, configuration: model.space.window(at: 4 << 15), ports: nil, memory: nil)
        function.enable()
        let pin = try #require(PCIInterruptPin(function))
        #expect(card.word(4) == 7 && !pin.isOff && !pin.isRaised)
        card.bytes[6] |= 8
        #expect(pin.isRaised)
        pin.isOff = true
        #expect(card.word(4) == 0x407 && pin.isOff && pin.isRaised)
        card.bytes[6] &= ~8
        pin.isOff = false
        #expect(card.word(4) == 7 && !pin.isOff && !pin.isRaised)
        card.commandMask = 0x3ff  // as before PCI 2.3
        #expect(PCIInterruptPin(function) == nil && card.word(4) == 7)
    }

    @Test func multifunctionDevicesAndNothingElseAreSearchedWhole() {
        let first = PCIFunctionModel(vendor: 1, device: 2)
        first.bytes[0x0e] = 0x80
        let model = PCIModel([
            device(1): first, device(1) + 5: PCIFunctionModel(vendor: 1, device: 3),
            device(2): PCIFunctionModel(vendor: 1, device: 4), device(2) + 1: PCIFunctionModel(vendor: 1, device: 5),
        ])
        #expect(scan(model).map(\.deviceID) == [2, 3, 4])
    }

    @Test func functionsBehindBridgesGetBusesWindowsAndTurnedPins() throws {
        let deep = PCIFunctionModel(vendor: 0x10ec, device: 0x8029, pin: 2, masks: [0xffff_ff01])
        let middle = PCIFunctionModel(vendor: 0x1af4, device: 0x1041, masks: [0xfff0_0000])
        let inner = PCIFunctionModel(bridge: [device(3): deep])
        let outer = PCIFunctionModel(bridge: [device(0): inner, device(7): middle])
        let beside = PCIFunctionModel(vendor: 5, device: 6, masks: [0xffff_ff01, 0xffff_0000])
        let model = PCIModel([device(2): outer, device(9): beside])
        let records = scan(model)
        #expect(records.map(\.deviceID) == [1, 1, 0x8029, 0x1041, 6])
        #expect(records.map { $0.address.bus } == [0, 1, 2, 1, 0])
        #expect((outer.bytes[0x18], outer.bytes[0x19], outer.bytes[0x1a]) == (0, 1, 2))
        #expect((inner.bytes[0x18], inner.bytes[0x19], inner.bytes[0x1a]) == (1, 2, 2))
        // The bridges pass on exactly what lies behind them.
        func passes(_ bridge: PCIFunctionModel, _ base: PCIBaseAddress) -> Bool {
            if base.kind == .io {
                let low = UInt64(bridge.bytes[0x1c] & 0xf0) << 8 | UInt64(bridge.word(0x30)) << 16
                let high = UInt64(bridge.bytes[0x1d] & 0xf0) << 8 | 0xfff | UInt64(bridge.word(0x32)) << 16
                return base.address >= low && base.address + base.byteCount - 1 <= high
            }
            let low = UInt64(bridge.word(0x20) & 0xfff0) << 16, high = UInt64(bridge.word(0x22) | 0xf) << 16 | 0xffff
            return base.address >= low && base.address + base.byteCount - 1 <= high
        }
        #expect(passes(outer, records[2].baseAddresses[0]) && passes(inner, records[2].baseAddresses[0]))
        #expect(passes(outer, records[3].baseAddresses[0]) && !passes(inner, records[3].baseAddresses[0]))
        for index in 0..<2 {
            #expect(!passes(outer, records[4].baseAddresses[index]) && !passes(inner, records[4].baseAddresses[index]))
        }
        #expect(outer.bytes[4] & 7 == 7 && outer.word(0x24) > outer.word(0x26))
        // INTB of device 3 on bus 2: turned by 3 there, by 0 at the inner bridge, and raised as the outer bridge's,
        // device 2.
        #expect(records[2].interruptAtRoot?.unit == 2 << 11 && records[2].interruptAtRoot?.pin == (1 + 3) % 4 + 1)
        #expect(records[3].interruptAtRoot?.unit == 2 << 11 && records[3].interruptAtRoot?.pin == 7 % 4 + 1)
    }

    @Test func whatFindsNoRoomIsSaidSoAndSwitchedOff() {
        let large = PCIFunctionModel(vendor: 1, device: 1, masks: [0xf000_0000, 0xffff_8001])
        let small = PCIFunctionModel(vendor: 1, device: 2, masks: [0xffff_f000])
        let records = scan(PCIModel([device(1): large, device(2): small]), ports: 8192, memory: 1 << 20)
        #expect(records[0].baseAddresses[0].byteCount == 0x1000_0000 && records[0].baseAddresses[0].address == 0)
        #expect(records[0].baseAddresses[1].byteCount == 32768 && records[0].baseAddresses[1].address == 0)
        #expect(records[1].baseAddresses[0].address == 0x4000_0000)
        let function = PCIFunction(record: records[0], configuration: PCIModel([:]).space, ports: nil, memory: nil)
        #expect(function.window(0, needed: 4) == nil)
    }

    @Test func aFunctionCanPlayAnISACard() {
        var placements = ISAPlacements()
        placements.add(PCIAddress(bus: 0, device: 5, function: 0), port: 0x300)
        let card = PCIFunctionModel(vendor: 0x10ec, device: 0x8029, masks: [0xffff_ff01])
        let other = PCIFunctionModel(vendor: 0x10ec, device: 0x8029, masks: [0xffff_ff01])
        let records = scan(PCIModel([device(5): card, device(6): other]), forISA: placements)
        #expect(
            records[0].isForISA && records[0].baseAddresses[0].address == 0x300 && card.decoded.first?.base == 0x300)
        #expect(!records[1].isForISA && records[1].baseAddresses[0].address == 0x1000 && other.decoded.isEmpty)
    }

    /// MSI-X: the table is where the capability says, if that is within a base address.
    @Test func messageTablesAreFoundAndWritten() throws {
        let region = SharedRegionModel(byteCount: 4096)
        func table(control: UInt16, place: UInt32) -> (PCIMessageTable<SharedRegionWindow>?, SharedRegionModel) {
            // Configuration space, as plain memory: a capability at 0x50.
            let space = SharedRegionModel(byteCount: 4096)
            space.poke(0x0010 << 48, 0)
            space.poke(0x50 << 32, 0x30)
            space.poke(UInt64(place) << 32 | UInt64(control) << 16 | 0x11, 0x50)
            var record = PCIRecord(reading: SharedRegionWindow(model: space), at: PCIAddress(rawValue: 8))
            record.baseAddresses[1].kind = .memory32
            record.baseAddresses[1].address = 0x1000
            record.baseAddresses[1].byteCount = 4096
            let window = PCIWindow(SharedRegionWindow(model: region), base: 0x1000, byteCount: 4096)
            let function = PCIFunction(
                record: record, configuration: SharedRegionWindow(model: space), ports: nil, memory: window)
            return (PCIMessageTable(function), space)
        }
        let (found, space) = table(control: 2, place: 0x800 | 1)
        let messages = try #require(found)
        #expect(messages.count == 3 && messages.openCount == 0)
        messages.set(1, address: 0x2800_1000, data: 97)
        #expect(region.peek(0x810) == 0x2800_1000 && region.peek(0x818) == 97)
        messages.set(3, address: 1, data: 1)
        messages.set(-1, address: 1, data: 1)
        #expect(region.peek(0x830) == 0 && region.peek(0x7f0) == 0)
        messages.turnOn()
        region.poke(1 << 32, 0x828)  // the third is masked, as all are after a reset
        #expect(messages.openCount == 2 && space.peek(0x50) >> 16 & 0xc000 == 0x8000)
        // Beyond its base address, in one that is not there, too long.
        for (control, place) in [(2, 0xff0 | 1), (0, 0x800 | 3), (0, 0x800 | 7), (0x7ff, 1)] as [(UInt16, UInt32)] {
            #expect(table(control: control, place: place).0 == nil)
        }
    }

    @Test func capabilityListsThatRunInACircleEnd() {
        let card = PCIFunctionModel(vendor: 1, device: 1)
        card.bytes[6] = 0x10
        card.bytes[0x34] = 0x50
        (card.bytes[0x50], card.bytes[0x51], card.bytes[0x60], card.bytes[0x61]) = (9, 0x60, 5, 0x50)
        let model = PCIModel([device(1): card])
        let records = scan(model)
        let function = PCIFunction(
            record: records[0], configuration: model.space.window(at: 1 << 15), ports: nil, memory: nil)
        var seen: [UInt8] = []
        function.forEachCapability { id, _ in
            seen.append(id)
            return true
        }
        #expect(seen.count == 48 && seen.starts(with: [9, 5, 9, 5]))
        card.bytes[0x34] = 0x10  // into the header
        seen = []
        function.forEachCapability { id, _ in
            seen.append(id)
            return true
        }
        #expect(seen.isEmpty)
    }

    /// A thousand configuration spaces of random bytes, bridges among them: a scan ends, and stays in configuration
    /// space.
    @Test func randomConfigurationSpacesAreSurvived() {
        var random = SeededNumbers(seed: 7)
        for _ in 0..<1000 {
            func make(_ depth: Int) -> [UInt8: PCIFunctionModel] {
                var functions: [UInt8: PCIFunctionModel] = [:]
                for _ in 0..<Int(random.next() % 4) {
                    let place = UInt8(truncatingIfNeeded: random.next())
                    if depth < 9, random.next() % 3 == 0 {
                        functions[place] = PCIFunctionModel(bridge: make(depth + 1))
                    } else {
                        let function = PCIFunctionModel(
                            vendor: 1, device: 1, masks: (0..<6).map { _ in UInt32(truncatingIfNeeded: random.next()) })
                        for i in 0x28..<256 { function.bytes[i] = UInt8(truncatingIfNeeded: random.next()) }
                        functions[place] = function
                    }
                }
                return functions
            }
            let model = PCIModel(make(0))
            let records = scan(model)
            for record in records {
                let function = PCIFunction(
                    record: record, configuration: model.space.window(at: record.address.configurationOffset),
                    ports: nil, memory: nil)
                function.forEachCapability { _, _ in true }
            }
            #expect(model.strays == 0)
        }
    }

    // MARK: The device tree

    @Test func deviceTreeNamesWindowsAndInterrupts() throws {
        unsafe try virtMachineTree.withUnsafeBytes { bytes in
            let tree = unsafe try #require(DeviceTree(bytes.baseAddress!, available: bytes.count))
            let host = try #require(tree.node(compatible: "pci-host-ecam-generic"))
            let ranges = (0..<3).compactMap { host.pciRange($0) }
            #expect(ranges.map(\.kind) == [.io, .memory32, .memory64])
            #expect(ranges.map(\.busAddress) == [0, 0x4000_0000, 0x4_0000_0000])
            #expect(ranges.map(\.processorAddress) == [0x0300_0000, 0x4000_0000, 0x4_0000_0000])
            #expect(ranges[0].byteCount == 65536 && host.pciRange(3) == nil)
            // 32 + (device + pin - 1) mod 4.
            for device in 0..<UInt32(32) {
                for pin in 1...UInt32(4) {
                    #expect(host.pciInterrupt(unit: device << 11, pin: pin)?.number == 32 + (device + pin - 1) % 4)
                }
            }
            #expect(host.pciInterrupt(unit: 0, pin: 5) == nil || host.pciInterrupt(unit: 0, pin: 5)?.number == 32)
        }
    }
}

/// Numbers from a seed (xorshift).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
