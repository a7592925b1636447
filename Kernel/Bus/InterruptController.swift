// Device interrupts: the PLICs or the APLIC that they come through, and the devices that each source belongs to. Each
// source is served by one hart: the boot hart at first, and when the others run the sources are spread over them. With
// several PLICs all harts that a source reaches serve it, and the first to claim an interrupt has it: not each line
// reaches its hart on QEMU 7.1 and 7.2, whose lines of machine mode reach some instead (`lookForLostLines`).
//
// A source is known by 1024 × its controller's place in the device tree's order + its number there.

import Drivers
import Machine
import Storage
import Synchronization

/// The devices that share an interrupt source. A fixed set: no closures in the kernel.
struct InterruptHandlers: OptionSet {
    let rawValue: UInt8
    static let console = InterruptHandlers(rawValue: 1)
    static let disk = InterruptHandlers(rawValue: 2)
    static func network(_ interface: Int) -> InterruptHandlers {
        InterruptHandlers(rawValue: 16 << UInt8(interface & 3))
    }
    /// By interface, from bit 0 on.
    var interfaces: UInt32 { UInt32(rawValue >> 4) }
}

/// The contexts as which harts can serve a PLIC or APLIC, by hart; -1: none.
struct PLICContexts {
    var supervisor = [8 of Int](repeating: -1)
    var machine = [8 of Int](repeating: -1)
}

enum InterruptController {
    private struct Controller {
        let wires: WiredInterrupts<MappedRegisters>
        /// How other nodes of the device tree name it.
        let phandle: UInt32
        /// By hart: the context as which it serves this PLIC, or -1.
        let contexts: [8 of Int]
        /// By hart: its context of machine mode there, or -1.
        let machineContexts: [8 of Int]
        /// Machine mode's contexts are open too.
        var usesMachineContexts = false
        /// Its sources are numbered from 1 to one less than this.
        let sources: UInt32
        /// Where interrupts come as messages: the identities that each hart's interrupt file knows are below this; else
        /// 0.
        let identities: UInt32
        /// Messages of PCI functions: their numbers follow those of the wires, below `identities`.
        var messages: UInt32 = 0
        /// By source.
        var handlers = [1024 of InterruptHandlers](repeating: [])
        /// By source: the hart that serves it, or -1 for each that the PLIC interrupts.
        var owners = [1024 of Int8](repeating: -1)
    }

    private static let controllers: [8 of BootValue<Controller>] = [
        BootValue(), BootValue(), BootValue(), BootValue(), BootValue(), BootValue(), BootValue(), BootValue(),
    ]
    private static let added = Atomic<Int>(0)
    /// Claims of sources that belong to no device.
    private static let unexpected = Atomic<UInt64>(0)
    private static let served = Atomic<UInt64>(0)

    /// PLICs and APLICs that were taken over.
    static var plicCount: Int { added.load(ordering: .relaxed) }

    /// Takes a PLIC or APLIC over. Only during start-up.
    /// - Parameter identities: of the harts' interrupt files, where the controller sends messages.
    static func add(
        _ wires: WiredInterrupts<MappedRegisters>, phandle: UInt32, _ contexts: PLICContexts, sources: UInt32,
        identities: UInt32 = 0
    ) {
        let index = plicCount
        guard index < 8 else {
            return kprint("more than 8 interrupt controllers: the devices of the others stay silent\n")
        }
        for hart in 0..<8 where contexts.supervisor[hart] >= 0 {
            wires.start(context: contexts.supervisor[hart], sources: sources)
        }
        if identities > 0 { InterruptFile.start(identities: identities) }
        controllers[index].start(
            Controller(
                wires: wires, phandle: phandle, contexts: contexts.supervisor, machineContexts: contexts.machine,
                sources: sources, identities: identities))
        added.store(index + 1, ordering: .relaxed)
    }

    /// The source that a node of the device tree means; 0 when its controller is no PLIC of ours or has no such source.
    static func source(_ line: (parent: UInt32, number: UInt32)) -> UInt32 {
        for index in 0..<plicCount {
            let controller = controllers[index].value
            guard controller.phandle == line.parent else { continue }
            return line.number > 0 && line.number < controller.sources ? UInt32(index) << 10 | line.number : 0
        }
        return 0
    }

    /// Sends a source's interrupts to a device's handler from now on, beside those it has. Only during start-up.
    static func route(_ source: UInt32, to handler: InterruptHandlers) {
        let number = source & 1023
        guard let controller = controller(of: source), number > 0,
            number < controller.value.sources + controller.value.messages
        else {
            kprint("interrupt source \(source) does not exist: its device stays silent\n")
            return
        }
        controller.value.handlers[Int(number)].insert(handler)
        controller.value.owners[Int(number)] = plicCount == 1 && controller.value.contexts[0] >= 0 ? 0 : -1
        if number < controller.value.sources { enable(number, of: controller) }
    }

    /// Sources for a function's messages, where harts have interrupt files: their numbers, each the data to be written
    /// too, and the boot hart's context. nil elsewhere, and when all are taken. Only during start-up.
    /// - Parameters:
    ///   - count: as many as there are, at least one.
    ///   - most: of all functions together.
    static func addMessages(_ count: Int, most: Int) -> (numbers: Range<UInt32>, context: Int)? {
        guard plicCount == 1, let controller = controllers[0].ref, controller.value.contexts[0] >= 0 else { return nil }
        let number = controller.value.sources + controller.value.messages
        let end = min(controller.value.identities, 1024, controller.value.sources + UInt32(most))
        guard number < end else { return nil }
        let numbers = number..<min(end, number + UInt32(count))
        controller.value.messages += UInt32(numbers.count)
        return (numbers, controller.value.contexts[0])
    }

    // Not methods of the controller: each would copy its tables.

    private static func isServed(_ number: UInt32, of controller: Ref<Controller>, by hart: Int) -> Bool {
        let owner = controller.value.owners[Int(number)]
        return controller.value.contexts[hart] >= 0 && (owner < 0 || owner == Int8(hart))
    }

    /// Lets a source through to the harts that serve it, and to no other.
    private static func enable(_ number: UInt32, of controller: Ref<Controller>) {
        for hart in 0..<8 where controller.value.contexts[hart] >= 0 {
            if !isServed(number, of: controller, by: hart) {
                controller.value.wires.disable(number, context: controller.value.contexts[hart])
            }
        }
        for hart in 0..<8 where controller.value.contexts[hart] >= 0 {
            if isServed(number, of: controller, by: hart) { enable(number, of: controller, for: hart) }
        }
    }

    private static func enable(_ number: UInt32, of controller: Ref<Controller>, for hart: Int) {
        controller.value.wires.enable(number, context: controller.value.contexts[hart])
        guard controller.value.usesMachineContexts, controller.value.machineContexts[hart] >= 0 else { return }
        controller.value.wires.enable(number, context: controller.value.machineContexts[hart])
    }

    /// Gives each source that one hart serves to one of these harts (bit i: hart i) in turn; of a function with several
    /// messages the n-th to hart n. They run.
    static func spread(over harts: UInt32) {
        var next = 0
        for index in 0..<plicCount {
            guard let controller = controllers[index].ref else { continue }
            let end = controller.value.sources + controller.value.messages
            for number in 1..<end where controller.value.owners[Int(number)] >= 0 {
                let entry = MessageInterrupts.entry(number)
                for step in 0..<8 {
                    let hart = entry.map { ($0 + step) & 7 } ?? next & 7
                    if entry == nil { next += 1 }
                    guard harts >> UInt32(hart) & 1 != 0, controller.value.contexts[hart] >= 0 else { continue }
                    controller.value.owners[Int(number)] = Int8(hart)
                    if number < controller.value.sources {
                        enable(number, of: controller)
                    } else {
                        MessageInterrupts.send(number, to: controller.value.contexts[hart])
                    }
                    break
                }
            }
        }
    }

    /// Opens this hart's contexts again, which firmware closes when it starts a hart (OpenSBI does).
    static func reopen() {
        for index in 0..<plicCount {
            guard let controller = controllers[index].ref else { continue }
            if controller.value.identities > 0 { InterruptFile.start(identities: controller.value.identities) }
            open(controller, for: Int(thisHart.value.index))
        }
    }

    /// Opens a hart's contexts, and lets the sources through that it serves.
    private static func open(_ controller: Ref<Controller>, for hart: Int) {
        guard controller.value.contexts[hart] >= 0 else { return }
        controller.value.wires.start(context: controller.value.contexts[hart], sources: controller.value.sources)
        if controller.value.usesMachineContexts, controller.value.machineContexts[hart] >= 0 {
            controller.value.wires.start(
                context: controller.value.machineContexts[hart], sources: controller.value.sources)
        }
        for number in 1..<controller.value.sources
        where !controller.value.handlers[Int(number)].isEmpty && isServed(number, of: controller, by: hart) {
            enable(number, of: controller, for: hart)
        }
    }

    /// Looks for a PLIC with a source that is pending and enabled and reaches no hart, when a device has answered
    /// without an interrupt. On QEMU 7.1 and 7.2 a second PLIC's lines are numbered wrongly: with as many harts as the
    /// first one serves, the lines of its contexts of machine mode end at the harts' supervisor mode.
    @inline(never)
    static func lookForLostLines() {
        guard plicCount > 1 else { return }
        for index in 0..<plicCount {
            guard let controller = controllers[index].ref, !controller.value.usesMachineContexts,
                isStuck(controller)
            else { continue }
            kprint(
                "PLIC \(index): interrupts reach no hart; trying its lines of machine mode (QEMU 7.1 and 7.2 need that)\n"
            )
            controller.value.usesMachineContexts = true
            for hart in 0..<8 { open(controller, for: hart) }
        }
    }

    /// Whether a source with a handler stays pending for a millisecond.
    private static func isStuck(_ controller: Ref<Controller>) -> Bool {
        var routed: UInt64 = 0
        for number in 1..<min(64, controller.value.sources) where !controller.value.handlers[Int(number)].isEmpty {
            routed |= 1 << UInt64(number)
        }
        let start = Clock.ticks
        var stuck = routed
        while stuck != 0, Clock.ticks &- start < Clock.frequency / 1000 { stuck &= controller.value.wires.pending }
        return stuck != 0
    }

    /// Takes the next pending interrupt of the PLICs that this hart serves; nil when none is. The source stays quiet
    /// until `complete`.
    static func claim() -> (source: UInt32, handlers: InterruptHandlers)? {
        let hart = Int(thisHart.value.index)
        for index in 0..<plicCount {
            guard let controller = controllers[index].ref, controller.value.contexts[hart] >= 0 else { continue }
            let number =
                controller.value.identities > 0
                ? InterruptFile.claim() : controller.value.wires.claim(context: controller.value.contexts[hart])
            guard number != 0 else { continue }
            served.wrappingAdd(1, ordering: .relaxed)
            let handlers = number < 1024 ? controller.value.handlers[Int(number)] : []
            if handlers.isEmpty { unexpected.wrappingAdd(1, ordering: .relaxed) }
            return (UInt32(index) << 10 | number & 1023, handlers)
        }
        return nil
    }

    /// Lets a source interrupt again.
    static func complete(_ source: UInt32) {
        guard let controller = controller(of: source), source & 1023 < controller.value.sources else { return }
        // Through a context in which it is enabled.
        var hart = 0
        while hart < 7, !isServed(source & 1023, of: controller, by: hart) { hart += 1 }
        controller.value.wires.complete(source & 1023, context: controller.value.contexts[hart])
    }

    private static func controller(of source: UInt32) -> Ref<Controller>? {
        source >> 10 < 8 ? controllers[Int(source >> 10)].ref : nil
    }

    /// Which of the first 64 sources of PLIC number `plic` are pending, whether or not they are routed: bit i is source
    /// i.
    static func pending(_ plic: Int) -> UInt64 { controllers[plic].ref?.value.wires.pending ?? 0 }

    /// Interrupts that were served.
    static var count: UInt64 { served.load(ordering: .relaxed) }
}
