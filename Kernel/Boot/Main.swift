// Start-up, in order. boot.S comes here on the boot stack, in the upper half, with the boot page table and interrupts
// off.

import Drivers
import Machine
import NetStack
import Storage
import SystemInterface

/// Where boot.S enters.
@main enum Kernel {
    static func main() { startUp() }
}

private func startUp() -> Never {
    KernelCounts.start()
    let machine = MachineDescription(bootHart: boot_hart_number(), tree: PhysicalAddress(boot_device_tree().uint))
    Clock.start(frequency: machine.timebase)

    Pages.start(machine.memory)
    KernelSpace.start(machine.memory, tree: machine.treeBytes)
    // in the tree, which stays
    BootArguments.start(machine.tree.bootArguments)
    KernelLog.start(at: BootMemory.make(LogRing(BootMemory.makeTable(LogRing.size) { _ in 0 })))
    startConsole(machine)
    let megabytes = machine.memoryByteCount >> 20
    let plural: StaticString = machine.hartCount == 1 ? "" : "s"
    kprint("Swiftlet on \(machine.hartCount) hart\(plural), \(megabytes) MiB\n")
    machine.reportHarts()

    BootArguments.report()
    StartHarts.prepare(count: machine.hartCount, hasSstc: machine.hasSstc) { machine.hart($0) }
    startInterrupts(machine)
    readWallClock(machine)
    ProcessTable.start()
    ProgramStack.start()
    OpenFiles.start()
    Pipes.start()
    if let device = machine.testDevice { Power.start(KernelSpace.mapDevice(device, bytes: 4)) }
    var random = RandomGenerator(key: machine.randomKey)
    KernelRandom.start(at: BootMemory.make(random.fork()))
    Network.prepare(random)
    startDevices(machine)

    StartHarts.enter()
    StartHarts.startOthers()
    // Last: a lease is hoped for from now on, and to wait for a hart may take seconds.
    Network.start(BootArguments.options)
    Fork.startInit()
    start_idle(thisHart.value.idle_stack)
}

private func startConsole(_ machine: borrowing MachineDescription) {
    Console.start()
    guard let node = machine.console, let region = node.region() else { return }
    let registers = KernelSpace.mapDevice(PhysicalAddress(UInt(region.address)), bytes: UInt(region.byteCount))
    let port = UART16550(registers, registerShift: Int(node["reg-shift"]?.be32(0) ?? 0))
    ConsoleOutput.start(port, at: BootMemory.make(OutputRing()))
}

private func startInterrupts(_ machine: borrowing MachineDescription) {
    var index = 0
    while let node = machine.tree.plic(index) {
        index += 1
        if !startController(node, isAPLIC: false, machine) {
            kprint("the PLIC \(index) of the device tree interrupts no hart: its devices stay silent\n")
        }
    }
    index = 0
    while let node = machine.tree.node(compatible: "riscv,aplic", index) {
        index += 1
        // Without a hart of ours it is machine mode's.
        _ = startController(node, isAPLIC: true, machine)
    }
    guard InterruptController.plicCount > 0 else {
        panic("the device tree names no PLIC and no APLIC that interrupts a hart")
    }
    if let line = machine.console?.interrupt() {
        InterruptController.route(InterruptController.source(line), to: .console)
    }
}

/// Takes an interrupt controller over; false when it interrupts no hart.
private func startController(_ node: DeviceTreeNode, isAPLIC: Bool, _ machine: borrowing MachineDescription) -> Bool {
    let messages = isAPLIC ? machine.tree.messageController(of: node) : nil
    guard let region = node.region(), let phandle = node.phandle,
        let contexts = machine.contexts(of: messages ?? node)
    else { return false }
    // Only what is needed up to our contexts: the whole window may be 64 MiB.
    var last = 0
    for hart in 0..<maximumHarts { last = max(last, max(contexts.supervisor[hart], contexts.machine[hart])) }
    let needed =
        isAPLIC
        ? APLIC<MappedRegisters>.windowSize(contexts: last) : PLIC<MappedRegisters>.windowSize(contexts: last)
    let registers = KernelSpace.mapDevice(
        PhysicalAddress(UInt(region.address)), bytes: min(UInt(region.byteCount), UInt(needed)))
    let count = node[isAPLIC ? "riscv,num-sources" : "riscv,ndev"]?.be32(0) ?? 127
    // An APLIC has 1,023 at most, as a PLIC has.
    var sources = min(count, PLIC<MappedRegisters>.sourceLimit - 1) + 1
    guard isAPLIC else {
        InterruptController.add(.plic(PLIC(registers)), phandle: phandle, contexts, sources: sources)
        return true
    }
    // An interrupt file knows 63 identities at least, 2,047 at most.
    let identities = messages.map { min(max($0["riscv,num-ids"]?.be32(0) ?? 63, 63), 2047) + 1 } ?? 0
    if let messages {
        sources = min(sources, identities)
        // A page for each hart, and one for each of its guests (riscv,imsics.yaml).
        let step = UInt64(4096) << UInt64(min(messages["riscv,guest-index-bits"]?.be32(0) ?? 0, 6))
        if let files = messages.region(), files.byteCount / step > UInt64(last) {
            MessageInterrupts.start(address: files.address, step: step)
        }
    }
    InterruptController.add(
        .aplic(APLIC(registers, sources: sources, sendsMessages: messages != nil)), phandle: phandle, contexts,
        sources: sources, identities: identities)
    return true
}

/// The clock of the board tells the time of day once; from then on the timebase counts.
private func readWallClock(_ machine: borrowing MachineDescription) {
    guard let region = machine.tree.node(compatible: "google,goldfish-rtc")?.region() else { return }
    let size = UInt(GoldfishRTC<MappedRegisters>.windowSize)
    let registers = KernelSpace.mapDevice(PhysicalAddress(UInt(region.address)), bytes: size)
    Clock.setWallClock(GoldfishRTC(registers).read())
}
