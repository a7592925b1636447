// A disk that does not answer, or breaks the rules of its queue: it is given up, and may be brought back.

extension VirtIOBlock where Queue: ~Copyable {
    /// Looks whether the device still works: after an interrupt with `.configuration` among its causes, and when a
    /// request takes long. False: it was given up (`isBroken`).
    @discardableResult
    public mutating func checkDevice() -> Bool {
        queue.lookForFalsePlaces()
        if !isBroken, queue.isBroken || !transport.isLive { giveUp() }
        return !isBroken
    }

    /// Resets the device: the requests under way will not complete, and their memory is its owners' again. Also the
    /// caller's way out when a request never comes back. A device that does not even finish the reset may still write
    /// where it was to read to (`mayStillWrite`); what it wrote must not be taken for what is on the disk, and is not:
    /// all its requests have failed.
    @inline(never)
    public mutating func giveUp() {
        guard !isBroken else { return }
        isBroken = true
        queue.breakOff()
        mayStillWrite = !transport.reset()
    }

    /// Brings a device back that was given up. What was under way is the caller's to send again.
    /// - Throws: why it stays given up; `badConfiguration` when the disk became smaller.
    @inline(never)
    public mutating func restart() throws(VirtIOError) {
        guard isBroken else { return }
        _ = try transport.negotiate(VirtIODeviceType.block, wanted: features, required: features)
        mayStillWrite = false
        try queue.restart(of: transport)
        guard try Self.configuration(of: transport).capacity >= capacity else {
            throw transport.refuse(.badConfiguration)
        }
        try transport.goLive()
        requestsUnderWay = 0
        isBroken = false
    }
}
