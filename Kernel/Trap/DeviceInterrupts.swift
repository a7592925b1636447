// Device interrupts: from a claimed source to the devices that share it.

import Machine
import SystemInterface

enum DeviceInterrupts {
    /// Serves everything that is pending.
    static func serve() {
        while let (source, handlers) = InterruptController.claim() {
            if handlers.contains(.console) { serveConsole() }
            let isOfDisk = handlers.contains(.disk) && Disk.interrupt()
            if handlers.interfaces == 0 {
                InterruptController.complete(source)
            } else if handlers.contains(.disk),
                CardInterrupts.serveShared(handlers.interfaces, diskInterrupts: isOfDisk)
            {
                // The disk does not wait until the network thread has run.
                InterruptController.complete(source)
            } else {
                // The network thread completes it when it has silenced the cards: until then the source keeps quiet by
                // itself.
                CardInterrupts.serve(handlers.interfaces)
            }
        }
    }

    private static func serveConsole() {
        let requests = Console.interrupt()
        if requests.interruptedGroup != 0 { Kill.interruptGroup(requests.interruptedGroup) }
        if requests.listsProcesses { ProcessTable.printList() }
    }
}
