// Device interrupts: from a claimed source to the devices that share it.

import Machine
import SystemInterface

enum DeviceInterrupts {
    /// Serves everything that is pending.
    static func serve() {
        while let (source, handlers) = InterruptController.claim() {
            if handlers.contains(.console) { serveConsole() }
            if handlers.contains(.disk) { Disk.interrupt() }
            if handlers.interfaces != 0 {
                // The network thread completes it when it has silenced the cards: until then the source keeps quiet by
                // itself.
                Network.interrupt(handlers.interfaces, source: source)
            } else {
                InterruptController.complete(source)
            }
        }
    }

    private static func serveConsole() {
        let requests = Console.interrupt()
        if requests.interruptedGroup != 0 { Kill.interruptGroup(requests.interruptedGroup) }
        if requests.listsProcesses { ProcessTable.printList() }
    }
}
