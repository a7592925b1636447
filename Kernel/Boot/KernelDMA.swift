// How drivers reach memory in the kernel: the direct map, which the devices of this machine see coherently.

import Drivers
import Machine

struct KernelDMA: AmbientDMA {
    func allocate(byteCount: Int) -> UnsafeMutableRawPointer? {
        Pages.allocateContiguous(bytes: byteCount)?.pointer
    }

    @inline(__always)
    func deviceAddress(of pointer: UnsafeMutableRawPointer) -> UInt64 { UInt64(PhysicalAddress(pointer).rawValue) }

    @inline(__always)
    func orderAll() { fence_io() }
}
