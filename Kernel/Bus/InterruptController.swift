// Device interrupts: the PLIC that they come through, and the devices that each source belongs to. All of them go to
// the boot hart; the scheduler spreads the threads that they wake over the harts.

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

enum InterruptController {
    private struct Controller {
        let plic: PLIC<MappedRegisters>
        let context: Int
        /// By source.
        var handlers = [1024 of InterruptHandlers](repeating: [])
    }

    private static let controller = BootValue<Controller>()
    /// Claims of sources that belong to no device.
    private static let unexpected = Atomic<UInt64>(0)
    private static let served = Atomic<UInt64>(0)

    /// Takes the controller over. Once, during start-up.
    static func start(_ plic: PLIC<MappedRegisters>, context: Int, sources: UInt32) {
        plic.start(context: context, sources: sources)
        controller.start(Controller(plic: plic, context: context))
    }

    /// Sends a source's interrupts to a device's handler from now on, beside those it has. Only during start-up.
    static func route(_ source: UInt32, to handler: InterruptHandlers) {
        guard source > 0, source < 1024, let controller = controller.ref else {
            kprint("interrupt source \(source) does not exist: its device stays silent\n")
            return
        }
        controller.value.handlers[Int(source)].insert(handler)
        controller.value.plic.enable(source, context: controller.value.context)
    }

    /// Takes the next pending interrupt; nil when none is. The source stays quiet until `complete`.
    static func claim() -> (source: UInt32, handlers: InterruptHandlers)? {
        guard let controller = controller.ref else { return nil }
        let source = controller.value.plic.claim(context: controller.value.context)
        guard source != 0 else { return nil }
        served.wrappingAdd(1, ordering: .relaxed)
        let handlers = source < 1024 ? controller.value.handlers[Int(source)] : []
        if handlers.isEmpty { unexpected.wrappingAdd(1, ordering: .relaxed) }
        return (source, handlers)
    }

    /// Lets a source interrupt again.
    static func complete(_ source: UInt32) {
        guard let controller = controller.ref else { return }
        controller.value.plic.complete(source, context: controller.value.context)
    }

    /// Which of the first 64 sources are pending, whether or not they are routed: bit i is source i.
    static var pending: UInt64 { controller.ref?.value.plic.pending ?? 0 }

    /// Interrupts that were served.
    static var count: UInt64 { served.load(ordering: .relaxed) }
}
