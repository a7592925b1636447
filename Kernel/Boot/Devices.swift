// Which devices this machine has, bus after bus, and their drivers. A device that cannot be driven is named and left
// alone.

import Drivers
import Machine
import SystemInterface

/// Looks at virtio-mmio slots, then at PCI functions, then at ISA ports.
func startDevices(_ machine: borrowing MachineDescription) {
    let options = BootArguments.options
    startSlots(machine, options)
    PCIBus.start(machine.tree, options)
    startFunctions(options)
    startISACards(options)
}

private func startSlots(_ machine: borrowing MachineDescription, _ options: borrowing BootOptions) {
    var index = 0
    while let node = machine.tree.node(compatible: "virtio,mmio", index) {
        index += 1
        guard let region = node.region(), let line = node.interrupt() else { continue }
        let source = InterruptController.source(line)
        let registers = KernelSpace.mapDevice(PhysicalAddress(UInt(region.address)), bytes: UInt(region.byteCount))
        do throws(VirtIOError) {
            let transport = try VirtIOMMIO(registers)
            switch transport.deviceType {
            case VirtIODeviceType.block where !Disk.isPresent:
                try startDisk(.mmio(transport), source: source, options)
            case VirtIODeviceType.network:
                let spot = CardSpot(bus: .mmio, unit: UInt32(truncatingIfNeeded: region.address), source: source)
                _ = Network.add(.slot(registers), spot: spot, options: options)
            default: kprint("virtio device of type \(transport.deviceType) at \(hex: region.address): no driver\n")
            }
        } catch .noDevice {
            continue  // an empty slot
        } catch {
            kprint("virtio device at \(hex: region.address): \(error.message)\n")
        }
    }
}

private func startDisk(
    _ device: VirtIODevice<MappedRegisters>, source: UInt32, _ options: borrowing BootOptions
) throws(VirtIOError) {
    Disk.start(
        try DiskDriver(device, in: KernelDMA(), without: options.withoutFeatures & VirtIOFeature.queueForms))
    InterruptController.route(source, to: .disk)
}

private func startFunctions(_ options: borrowing BootOptions) {
    var index = 0
    while let function = PCIBus.function(index) {
        index += 1
        guard !function.record.isForISA, !function.record.isBridge else { continue }
        let isLegacy = options.withoutFeatures & VirtIOFeature.version1 != 0
        // One message for each pair of queues that a network card may have, and use: one on each hart.
        let type = VirtIOPCIIdentity.type(of: function.record)
        if !isLegacy, type != nil, VirtIOPCI.isModern(function),
            let sources = MessageInterrupts.turnOn(
                function, entries: type == VirtIODeviceType.network ? Harts.count : 1)
        {
            PCIBus.setMessages(sources.lowerBound, of: index - 1)
        }
        guard let record = PCIBus.record(index - 1) else { continue }
        if VirtIOPCIIdentity.type(of: record) == VirtIODeviceType.block, !Disk.isPresent {
            do throws(VirtIOError) {
                let transport = try VirtIOPCI(function, preferLegacy: isLegacy)
                try startDisk(.pci(transport), source: record.interruptSource, options)
            } catch {
                kprint("virtio disk on pci \(pci: record.address): \(error.message)\n")
            }
            continue
        }
        guard
            record.classCode >> 16 == 2 || VirtIOPCIIdentity.type(of: record) != nil || SharedMemoryPCI.isOne(record)
        else { continue }
        let base = record.baseAddresses[0]
        let port = base.kind == .io ? UInt16(truncatingIfNeeded: base.address) : 0
        let spot = CardSpot(
            bus: .pci, unit: UInt32(record.address.rawValue), port: port, source: record.interruptSource)
        if !Network.add(.function(function), spot: spot, options: options) {
            kprint(
                "pci \(pci: record.address), \(hex: UInt64(record.vendorID)):\(hex: UInt64(record.deviceID)): no driver\n"
            )
        }
    }
}

/// The ports that the boot arguments name; and, where there is a bus with ports that may have ISA cards, those which
/// such cards are commonly set to.
private func startISACards(_ options: borrowing BootOptions) {
    for index in 0..<options.hintCount {
        guard let hint = options.hint(index) else { continue }
        if !startISACard(at: hint.port, source: hint.source ?? 0, options) {
            kprint("isa port \(hex: UInt64(hint.port)): no known card\n")
        }
    }
    guard options.hintCount == 0 else { return }
    var index = 0
    while let port = NE2000ISA.classicPort(index) {
        index += 1
        _ = startISACard(at: port, source: 0, options)
    }
}

private func startISACard(at port: UInt16, source: UInt32, _ options: borrowing BootOptions) -> Bool {
    guard let registers = PCIBus.isaPorts(at: port) else { return false }
    return Network.add(
        .ports(registers), spot: CardSpot(bus: .isa, unit: UInt32(port), port: port, source: source), options: options)
}
