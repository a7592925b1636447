// Turning the machine off, with a number for whoever started it.

import Drivers
import Machine

enum Power {
    /// The SiFive test device that QEMU's machine has, if the device tree names it: it takes an exit code to the host.
    nonisolated(unsafe) private static var testDevice: MappedRegisters?

    static func start(testDevice: MappedRegisters?) { self.testDevice = testDevice }

    /// Powers off. `code` reaches the host as QEMU's exit status where there is a test device; otherwise firmware is told
    /// whether it is 0.
    static func off(code: Int32) -> Never {
        Console.drain()
        if let testDevice {
            // 0x5555: pass; 0x3333 | code << 16: fail with a code.
            testDevice.store32(code == 0 ? 0x5555 : 0x3333 | UInt32(truncatingIfNeeded: code & 0xffff) << 16, 0)
        }
        Firmware.shutDown(failed: code != 0)
        kprint("the machine cannot be powered off from here: do it by hand (in QEMU: Ctrl-A X)\n")
        while true { wait_for_interrupt() }
    }
}
