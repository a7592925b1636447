// Start-up, in order. boot.S comes here on the boot stack, in the upper half, with the boot page table and interrupts off.

import Drivers
import Machine
import SystemInterface

/// Where boot.S enters.
@main enum Kernel {
    static func main() { startUp() }
}

private func startUp() -> Never {
    Counters.firstInstruction = read_instret()
    let machine = MachineDescription(bootHart: boot_hart_number(), tree: PhysicalAddress(boot_device_tree().uint))
    Clock.start(frequency: machine.timebase)
    if let text = machine.tree.bootArguments { BootArguments.text = UnsafeBufferPointer(start: text.pointer.assumingMemoryBound(to: UInt8.self), count: text.count) }

    Pages.start(from: machine.freeMemory, to: PhysicalAddress(machine.ram.upperBound))
    KernelSpace.start(ram: machine.ram)
    startConsole(machine)
    let megabytes = UInt64((machine.ram.upperBound - machine.ram.lowerBound) >> 20)
    let plural: StaticString = machine.hartCount == 1 ? "" : "s"
    kprint("Swiftlet on \(machine.hartCount) hart\(plural), \(megabytes) MiB\n")

    Harts.prepare(count: machine.hartCount, hasSstc: machine.hasSstc) { machine.hart($0) }
    startInterrupts(machine)
    readWallClock(machine)
    ProcessTable.start()
    OpenFiles.start()
    Pipes.start()
    Power.start(testDevice: machine.testDevice.map { MappedRegisters(base: KernelSpace.mapDevice($0, bytes: 4)) })
    Network.prepare(machine)
    startDevices(machine)
    Network.start(machine)

    Harts.enter()
    Harts.startOthers()
    Family.startInit()
    start_idle(this_hart().pointee.idle_stack)
}

private func startConsole(_ machine: borrowing MachineDescription) {
    guard let node = machine.console, let region = node.region() else { return }
    let base = KernelSpace.mapDevice(PhysicalAddress(UInt(region.address)), bytes: UInt(region.byteCount))
    Console.start(UART16550(MappedRegisters(base: base), registerShift: Int(node["reg-shift"]?.be32(0) ?? 0)))
}

private func startInterrupts(_ machine: borrowing MachineDescription) {
    guard let node = machine.plic, let region = node.region(),
        let context = machine.tree.supervisorContext(ofHart: machine.hart(0), in: node)
    else { panic("the device tree names no PLIC that interrupts the boot hart") }
    // Only what is needed up to our context: the whole window may be 64 MiB.
    let size = min(UInt(region.byteCount), UInt(PLIC<MappedRegisters>.windowSize(contexts: context)))
    let base = KernelSpace.mapDevice(PhysicalAddress(UInt(region.address)), bytes: size)
    let sources = min(node["riscv,ndev"]?.be32(0) ?? 127, PLIC<MappedRegisters>.sourceLimit - 1) + 1
    Interrupts.start(PLIC(MappedRegisters(base: base)), context: context, sources: sources)
    if let source = machine.console?.interrupt() { Interrupts.route(source.number, to: .console) }
}

/// The clock of the board tells the time of day once; from then on the timebase counts.
private func readWallClock(_ machine: borrowing MachineDescription) {
    guard let region = machine.tree.node(compatible: "google,goldfish-rtc")?.region() else { return }
    let size = UInt(GoldfishRTC<MappedRegisters>.windowSize)
    let base = KernelSpace.mapDevice(PhysicalAddress(UInt(region.address)), bytes: size)
    Clock.setWallClock(GoldfishRTC(MappedRegisters(base: base)).read())
}

