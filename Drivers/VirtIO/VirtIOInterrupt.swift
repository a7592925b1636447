// What the interrupt handler of a VirtIO block device and its doorbell hold: nothing of the driver, so they need no
// lock.

/// One per device, copied out of the driver at start.
public struct VirtIOInterrupt<Transport: VirtIOTransport, Memory: DMA> {
    let transport: Transport
    let mask: VirtqueueInterruptMask<Memory>

    /// Lowers the device's interrupt line and says why it was up; empty when it was not this device.
    /// - Parameter masking: also ask the device for silence until the driver, in a thread, has drained the queue and
    ///   re-armed.
    @inline(__always)
    public func acknowledge(masking: Bool) -> VirtIOInterruptCause {
        let cause = transport.acknowledgeInterrupt()
        if masking, cause.contains(.queue) { mask.set(masked: true) }
        return cause
    }
}

/// Notifies a device of a queue's new chains: one register, which any hart may write at any time. One per queue, copied
/// out of the driver at start.
public struct VirtIODoorbell<Transport: VirtIOTransport> {
    let transport: Transport
    let queue: UInt16

    public func ring() { transport.notify(queue) }
}
