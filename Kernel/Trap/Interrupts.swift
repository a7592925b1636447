// Device interrupts: which source belongs to which device, and the PLIC they come through. All of them go to the boot hart; what
// they wake is spread over the harts by the scheduler.

import Drivers
import Machine

/// Who serves an interrupt source: several, where devices share a line. A fixed set: no closures in the kernel.
struct InterruptHandlers: OptionSet {
    let rawValue: UInt8
    static let console = InterruptHandlers(rawValue: 1)
    static let disk = InterruptHandlers(rawValue: 2)
    static func network(_ interface: Int) -> InterruptHandlers { InterruptHandlers(rawValue: 16 << UInt8(interface & 3)) }
    /// By interface, from bit 0 on.
    var interfaces: UInt32 { UInt32(rawValue >> 4) }
}

enum Interrupts {
    nonisolated(unsafe) private static var controller: PLIC<MappedRegisters>?
    nonisolated(unsafe) private static var context = 0
    nonisolated(unsafe) private static var handlers = [1024 of InterruptHandlers](repeating: [])
    /// Claims of sources that nobody serves.
    nonisolated(unsafe) private(set) static var unexpected: UInt64 = 0
    /// Interrupts of devices that were served.
    nonisolated(unsafe) private(set) static var count: UInt64 = 0

    static func start(_ plic: PLIC<MappedRegisters>, context: Int, sources: UInt32) {
        plic.start(context: context, sources: sources)
        self.context = context
        controller = plic
    }

    /// Sends a source's interrupts to a handler from now on, beside those it has.
    static func route(_ source: UInt32, to handler: InterruptHandlers) {
        guard source > 0, source < 1024, let controller else {
            kprint("interrupt source \(source) does not exist: its device stays silent\n")
            return
        }
        handlers[Int(source)].insert(handler)
        controller.enable(source, context: context)
    }

    /// Serves everything that is pending.
    static func serve() {
        guard let controller else { return }
        while true {
            let source = controller.claim(context: context)
            guard source != 0 else { return }
            count &+= 1
            let handler = source < 1024 ? handlers[Int(source)] : []
            if handler.isEmpty { unexpected += 1 }
            if handler.contains(.console) { Console.interrupt() }
            if handler.contains(.disk) { Disk.interrupt() }
            if handler.interfaces != 0 {
                // The thread completes it when it has silenced the cards: until then the source keeps quiet by itself.
                Network.interrupt(handler.interfaces, source: source)
            } else {
                complete(source)
            }
        }
    }

    /// Lets a source interrupt again.
    static func complete(_ source: UInt32) { controller?.complete(source, context: context) }

    /// Which of the first 64 sources are pending, whether or not they are routed: bit i is source i.
    static var pending: UInt64 { controller?.pending ?? 0 }
}
