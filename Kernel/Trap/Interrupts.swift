// Device interrupts: which source belongs to which device, and the PLIC they come through. All of them go to the boot hart; what
// they wake is spread over the harts by the scheduler.

import Drivers
import Machine

/// Who serves an interrupt source. A fixed set: no closures in the kernel.
enum InterruptHandler {
    case none
    case console
    case disk
    case network(Int)
}

enum Interrupts {
    nonisolated(unsafe) private static var controller: PLIC<MappedRegisters>?
    nonisolated(unsafe) private static var context = 0
    nonisolated(unsafe) private static var handlers = [1024 of InterruptHandler](repeating: .none)
    /// Claims of sources that nobody serves.
    nonisolated(unsafe) private(set) static var unexpected: UInt64 = 0
    /// Interrupts of devices that were served.
    nonisolated(unsafe) private(set) static var count: UInt64 = 0

    static func start(_ plic: PLIC<MappedRegisters>, context: Int, sources: UInt32) {
        plic.start(context: context, sources: sources)
        self.context = context
        controller = plic
    }

    /// Sends a source's interrupts to a handler from now on.
    static func route(_ source: UInt32, to handler: InterruptHandler) {
        guard source > 0, source < 1024, let controller else {
            kprint("interrupt source \(source) does not exist: its device stays silent\n")
            return
        }
        handlers[Int(source)] = handler
        controller.enable(source, context: context)
    }

    /// Serves everything that is pending.
    static func serve() {
        guard let controller else { return }
        while true {
            let source = controller.claim(context: context)
            guard source != 0 else { return }
            count &+= 1
            switch source < 1024 ? handlers[Int(source)] : .none {
            case .none: unexpected += 1
            case .console: Console.interrupt()
            case .disk: Disk.interrupt()
            case .network(let interface): Network.interrupt(interface)
            }
            controller.complete(source, context: context)
        }
    }
}
