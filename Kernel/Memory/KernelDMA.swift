// How drivers reach memory in the kernel: the direct map, which the devices of this machine see coherently.

import Drivers
import Machine
import Storage

struct KernelDMA: AmbientDMA {
    /// Whole pages: a device's memory shares none with other values.
    func allocate(byteCount: Int) -> UnsafeMutableRawPointer? {
        guard let memory = Pages.allocateContiguous(bytes: byteCount) else { return nil }
        return unsafe memory.pointer
    }

    /// Small tables share pages. Drivers are made during start-up.
    func allocateOwn(byteCount: Int) -> UnsafeMutableRawPointer? {
        unsafe UInt(bitPattern: byteCount) >= pageSize
            ? allocate(byteCount: byteCount) : BootMemory.allocate(bytes: byteCount)
    }

    @inline(__always)
    func deviceAddress(of pointer: UnsafeMutableRawPointer) -> UInt64 {
        UInt64(PhysicalAddress(directMapped: UInt(bitPattern: pointer)).rawValue)
    }

    @inline(__always)
    var processor: Int { Int(thisHart.value.index) }

    @inline(__always)
    func orderAll() { fence_io() }
}
