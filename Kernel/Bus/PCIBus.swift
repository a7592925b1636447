// The PCI bus at start-up: found in the device tree, scanned once, its functions offered to the drivers.

import Drivers
import Machine
import Storage
import Synchronization
import SystemInterface

enum PCIBus {
    /// Functions that are kept; more are found, but neither driven nor listed.
    static let limit = 32
    private static let records = BootTable<PCIRecord?>()
    private static let host = BootValue<PCIHost<MappedRegisters>>()
    private static let found = Atomic<Int>(0)
    private static let ports = BootValue<MappedRegisters>()

    /// Scans the bus; to be called before `function` and `isaPorts`.
    static func start(_ tree: DeviceTree, _ options: borrowing BootOptions) {
        guard let node = tree.node(compatible: "pci-host-ecam-generic"), let ecam = node.region() else { return }
        records.start(limit) { _ in nil }
        let lastBus = min(UInt64(node["bus-range"]?.be32(4) ?? 255), ecam.byteCount >> 20 &- 1)
        guard ecam.byteCount >= 1 << 20, lastBus < 256 else {
            return kprint(
                "pci: the device tree's configuration space is smaller than one bus, or its bus range is impossible\n")
        }
        let configuration = map(ecam.address, (lastBus + 1) << 20)
        var io: PCIWindow<MappedRegisters>?
        var memory: PCIWindow<MappedRegisters>?
        var index = 0
        while let range = node.pciRange(index) {
            index += 1
            switch range.kind {
            case .io where io == nil && range.busAddress == 0:
                let registers = map(range.processorAddress, min(range.byteCount, 1 << 16))
                ports.start(registers)
                io = PCIWindow(registers, base: 0, byteCount: min(range.byteCount, 1 << 16), reserved: 4096)
            case .memory32 where memory == nil:
                // Mapped whole, in large pages: what it costs is a page of tables.
                let size = min(range.byteCount, 64 << 20)
                memory = PCIWindow(map(range.processorAddress, size), base: range.busAddress, byteCount: size)
            default: break
            }
        }
        var bus = PCIHost(
            configuration: configuration, lastBus: UInt8(lastBus), ports: io, memory: memory, forISA: options.placements
        )
        bus.scan { record in
            guard count < limit else { return kprint("pci: more than \(limit) functions: the others are left alone\n") }
            var record = record
            if let pin = record.interruptAtRoot, let line = node.pciInterrupt(unit: pin.unit, pin: pin.pin) {
                record.interruptSource = InterruptController.source(line)
            }
            records[count] = record
            found.wrappingAdd(1, ordering: .relaxed)
        }
        host.start(bus)
    }

    private static func map(_ address: UInt64, _ byteCount: UInt64) -> MappedRegisters {
        KernelSpace.mapDevice(PhysicalAddress(UInt(address)), bytes: UInt(byteCount))
    }

    /// Functions that were found and kept.
    static var count: Int { found.load(ordering: .relaxed) }

    /// Function number `index`, 0 up to `count`.
    static func record(_ index: Int) -> PCIRecord? { index >= 0 && index < count ? records[index] : nil }

    /// Notes that a function interrupts by messages, in place of its pin. Only during start-up.
    static func setMessages(_ source: UInt32, of index: Int) {
        records[index]?.interruptSource = source
        records[index]?.interruptPin = 0
    }

    static func function(_ index: Int) -> PCIFunction<MappedRegisters>? {
        guard let record = record(index), host.isSet else { return nil }
        return host.value.function(record)
    }

    /// The registers of an ISA card, where the bus decodes ports.
    static func isaPorts(at port: UInt16) -> MappedRegisters? { ports.isSet ? ports.value.window(at: Int(port)) : nil }

    static func report(_ index: Int) -> PCIReport? {
        guard let record = record(index) else { return nil }
        var report = PCIReport(
            address: record.address.rawValue, vendor: record.vendorID, device: record.deviceID,
            classCode: record.classCode,
            revision: record.revisionID, pin: record.interruptPin,
            source: UInt16(truncatingIfNeeded: record.interruptSource))
        report.subsystem =
            UInt64(record.subsystemVendorID) | UInt64(record.subsystemID) << 16 | (record.isForISA ? 1 << 32 : 0)
        for i in 0..<6 {
            let base = record.baseAddresses[i]
            report[i] = PCIReport.Base(
                kind: base.kind.rawValue, isPrefetchable: base.isPrefetchable, address: base.address,
                byteCount: base.byteCount)
        }
        return report
    }
}
