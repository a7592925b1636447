// The NE2000 driver against QEMU's own cards: ISA in a PC, PCI in the RISC-V machine.

import Drivers
import NetStack
import QTest
import Testing

@Suite(.serialized) struct NE2000DeviceTests {
    func isa(_ ports: [Int]) throws -> QTestMachine {
        try QTestMachine(.i386, wires: ports.count) { _ in
            ports.indices.flatMap {
                ["-device", "ne2k_isa,netdev=n\($0),iobase=\(ports[$0]),irq=\(9 + $0),mac=52:54:00:73:77:6\(6 + $0)"]
            }
        }
    }

    static func address(_ number: Int) -> [UInt8] { [0x52, 0x54, 0, 0x73, 0x77, 0x66 + UInt8(number)] }

    @Test(
        .enabled(if: QTestArchitecture.i386.isAvailable, missing(.i386)), arguments: [NE2000Width.byte, .word, .long])
    func isaCardMovesFramesOfEverySize(width: NE2000Width) throws {
        let machine = try isa([0x300])
        let ports = QTestPorts(machine, base: 0x300)
        #expect(NE2000ISA.probe(ports))
        #expect(!NE2000ISA.probe(QTestPorts(machine, base: 0x280)))
        let wire = try QTestWire(machine)
        let pool = hostPool()
        var exchange = Exchange(try NE2000(ports, width: width, pool: pool), wire, pool)
        check(exchange.device.width == width)
        check(exchange.device.hardwareAddress == EthernetAddress(0x52, 0x54, 0, 0x73, 0x77, 0x66))
        exchange.everySize(step: width == .long ? 13 : 97)
        exchange.bursts(width == .long ? 60 : 12)
        if width == .long { exchange.overload() }
        #expect(exchange.problems == [])
        check(exchange.device.counters.resets == 0)
        check(pool.freeCount == pool.count)
        #expect(machine.failure == nil)
    }

    @Test(.enabled(if: QTestArchitecture.i386.isAvailable, missing(.i386)))
    func twoISACardsDoNotDisturbEachOther() throws {
        let machine = try isa([0x310, 0x330])
        let (a, b) = (QTestPorts(machine, base: 0x310), QTestPorts(machine, base: 0x330))
        #expect(NE2000ISA.probe(a) && NE2000ISA.probe(b))
        let pool = hostPool()
        var first = Exchange(try NE2000(a, pool: pool), try QTestWire(machine, number: 0), pool)
        var second = Exchange(try NE2000(b, pool: pool), try QTestWire(machine, number: 1), pool)
        check(first.device.hardwareAddress[5] == 0x66)
        check(second.device.hardwareAddress[5] == 0x67)
        for turn in 0..<40 {
            let toFirst = Exchange<NE2000<QTestPorts>>.frame(60 + turn * 36, turn)
            let toSecond = Exchange<NE2000<QTestPorts>>.frame(1500 - turn * 36, turn, to: Self.address(1))
            first.goesOut(toSecond)
            second.goesOut(toFirst)
            second.comesIn([toSecond])
            first.comesIn([toFirst])
        }
        #expect(first.problems + second.problems == [])
        check(pool.freeCount == pool.count)
    }

    /// The wrong number in one register, as a slip in the driver would be: what the other tests look at sees it.
    @Test(.enabled(if: QTestArchitecture.i386.isAvailable, missing(.i386)), arguments: [1, -1])
    func pstopOffByOneIsNoticed(by difference: Int) throws {
        let machine = try isa([0x300])
        let wire = try QTestWire(machine)
        let pool = hostPool()
        let ports = Misprogrammed(ports: QTestPorts(machine, base: 0x300), difference: difference)
        var exchange = Exchange(try NE2000(ports, pool: pool), wire, pool)
        exchange.problemLimit = 1
        exchange.patience = 1
        exchange.bursts(60)
        #expect(exchange.problems != [])
        let counters = exchange.device.counters
        check(counters.badHeaders > 0 || counters.resets > 0, "\(exchange.problems) \(counters)")
        #expect(machine.failure == nil)
    }

    @Test(.enabled(if: QTestArchitecture.riscv64.isAvailable, missing(.riscv64)))
    func pciCardMovesFramesOfEverySize() throws {
        let machine = try QTestMachine(.riscv64, wires: 1) { _ in
            ["-device", "ne2k_pci,netdev=n0,addr=4,romfile=,mac=52:54:00:73:77:66"]
        }
        let function = try #require(
            pciFunctions(machine).first {
                NE2000PCI.name(vendor: $0.record.vendorID, device: $0.record.deviceID) != nil
            })
        function.enable()
        let ports = try #require(function.window(0, needed: 32))
        let wire = try QTestWire(machine)
        let pool = hostPool()
        var exchange = Exchange(try NE2000(ports, pool: pool), wire, pool)
        check(exchange.device.width == .long)
        exchange.everySize(step: 7)
        exchange.bursts(60)
        exchange.overload()
        #expect(exchange.problems == [])
        check(exchange.device.counters.resets == 0)
        check(pool.freeCount == pool.count)
        #expect(machine.failure == nil)
    }

    @Test(.enabled(if: QTestArchitecture.riscv64.isAvailable, missing(.riscv64)))
    func filterKeepsOutWhatNobodyWants() throws {
        let machine = try QTestMachine(.riscv64, wires: 1) { _ in
            ["-device", "ne2k_pci,netdev=n0,addr=4,romfile=,mac=52:54:00:73:77:66"]
        }
        let function = try #require(pciFunctions(machine).first { $0.record.vendorID == 0x10ec })
        function.enable()
        let wire = try QTestWire(machine)
        let pool = hostPool()
        var exchange = Exchange(try NE2000(try #require(function.window(0, needed: 32)), pool: pool), wire, pool)
        exchange.device.accept(ReceiveFilter())  // all systems: 224.0.0.1
        for destination: [UInt8] in [
            [2, 2, 2, 2, 2, 2], [1, 0, 0x5e, 0, 0, 9], [1, 0, 0x5e, 0, 0, 1], [255, 255, 255, 255, 255, 255],
        ] {
            wire.send(Exchange<NE2000<QTestMMIO>>.frame(100, 1, to: destination))
        }
        #expect(exchange.collect(3, seconds: 1).map { $0[0] } == [1, 255])
    }
}

/// A register window whose PSTOP comes out wrong.
struct Misprogrammed: Registers {
    final class Page { var number: UInt8 = 0 }
    let ports: QTestPorts
    let difference: Int
    let page = Page()

    func store8(_ value: UInt8, _ offset: Int) {
        if offset == 0 { page.number = value >> 6 }
        let isPSTOP = offset == 2 && page.number == 0
        ports.store8(isPSTOP ? UInt8(truncatingIfNeeded: Int(value) + difference) : value, offset)
    }
    func load8(_ offset: Int) -> UInt8 { ports.load8(offset) }
    func load16(_ offset: Int) -> UInt16 { ports.load16(offset) }
    func load32(_ offset: Int) -> UInt32 { ports.load32(offset) }
    func load64(_ offset: Int) -> UInt64 { ports.load64(offset) }
    func store16(_ value: UInt16, _ offset: Int) { ports.store16(value, offset) }
    func store32(_ value: UInt32, _ offset: Int) { ports.store32(value, offset) }
    func store64(_ value: UInt64, _ offset: Int) { ports.store64(value, offset) }
}

/// What is on the bus of QEMU's RISC-V machine, with its base addresses placed.
func pciFunctions(_ machine: QTestMachine) -> [PCIFunction<QTestMMIO>] {
    var host = PCIHost(
        configuration: QTestMMIO(machine, base: 0x3000_0000), lastBus: 0,
        ports: PCIWindow(QTestMMIO(machine, base: 0x300_0000), base: 0, byteCount: 0x1_0000, reserved: 0x1000),
        memory: PCIWindow(QTestMMIO(machine, base: 0x4000_0000), base: 0x4000_0000, byteCount: 0x4000_0000))
    var records: [PCIRecord] = []
    host.scan { records.append($0) }
    return records.map { host.function($0) }
}
