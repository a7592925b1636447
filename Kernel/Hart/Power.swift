// Turning the machine off, with an exit code for the host.

import Drivers
import Machine
import Synchronization

enum Power {
    /// Where the SiFive test device of QEMU's machine is seen: it takes an exit code to the host. 0 where the device
    /// tree names none.
    private static let testDevice = Atomic<UInt>(0)

    /// Takes the test device over. Once, during start-up.
    static func start(_ registers: MappedRegisters) { testDevice.store(registers.base, ordering: .relaxed) }

    /// Powers off, or sleeps for ever where that cannot be done. `code` reaches the host as QEMU's exit status where
    /// there is a test device; otherwise firmware learns whether it is 0.
    static func off(code: Int32) -> Never {
        let device = testDevice.load(ordering: .relaxed)
        if device != 0 {
            // 0x5555: pass; 0x3333 | code << 16: fail with a code.
            let registers = unsafe MappedRegisters(base: device)  // the base of registers that `start` was given
            registers.store32(code == 0 ? 0x5555 : 0x3333 | UInt32(truncatingIfNeeded: code & 0xffff) << 16, 0)
        }
        Firmware.shutDown(failed: code != 0)
        while true { wait_for_interrupt() }
    }
}
