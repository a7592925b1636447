// Sending: a frame and its header are one chain, a train's further parts a descriptor each.

import Packets

extension VirtIONetPair where Queue: ~Copyable {
    // Never inlined, as `takeReceived`.
    @inline(never)
    mutating func submit(_ frame: consuming LentPacket) -> LentPacket? {
        // The common case is a function of its own, in which all counts are constants.
        layout.descriptorsPerPacket == 1 && !frame.hasRest ? submitSingle(frame) : submitTrain(frame)
    }

    @inline(__always)
    private mutating func submitSingle(_ frame: consuming LentPacket) -> LentPacket? {
        if transmitQueue.freeCount == 0 { collectSent() }
        guard frame.headroom >= layout.headerLength, var chain = transmitQueue.startChain(count: 1) else {
            return frame
        }
        putHeader(before: &frame)
        let buffer = frame.memory(in: memory)
        buffer.giveToDevice(.deviceReads)
        transmitQueue.append(
            buffer.deviceAddress, byteCount: UInt32(truncatingIfNeeded: buffer.byteCount), .deviceReads, to: &chain)
        finish(chain, frame)
        return nil
    }

    @inline(never)
    private mutating func submitTrain(_ frame: consuming LentPacket) -> LentPacket? {
        let layout = layout
        let descriptors = layout.descriptorsPerPacket &+ UInt16(truncatingIfNeeded: frame.partCount &- 1)
        if transmitQueue.freeCount < transmitQueue.placesNeeded(descriptors) { collectSent() }
        guard frame.headroom >= layout.headerLength, var chain = transmitQueue.startChain(count: descriptors) else {
            return frame
        }
        putHeader(before: &frame)
        layout.append(frame.memory(in: memory), .deviceReads, to: &chain, of: &transmitQueue)
        appendRest(of: frame, to: &chain)
        finish(chain, frame)
        return nil
    }

    /// The headroom was looked at.
    @inline(__always)
    func putHeader(before frame: inout LentPacket) {
        let request = frame.hasOffload ? frame.offload : nil
        _ = frame.prepend(layout.headerLength) { bytes in
            if let request { Self.emit(request, to: &bytes) } else { VirtIONetHeader().emit(to: &bytes) }
        }
    }

    @inline(__always)
    private mutating func finish(_ chain: VirtqueueChain, _ frame: consuming LentPacket) {
        sent[chain.head] = consume frame
        transmitQueue.submit(chain)
        hasUnkicked = true
    }

    @inline(never)
    private static func emit(_ request: OffloadRequest, to bytes: inout MutableRawSpan) {
        VirtIONetHeader(request).emit(to: &bytes)
    }

    private mutating func appendRest(of frame: borrowing LentPacket, to chain: inout VirtqueueChain) {
        var isFirst = true
        frame.forEachPart { part in
            if !isFirst {
                let buffer = part.memory(in: memory)
                buffer.giveToDevice(.deviceReads)
                transmitQueue.append(
                    buffer.deviceAddress, byteCount: UInt32(truncatingIfNeeded: buffer.byteCount), .deviceReads,
                    to: &chain)
            }
            isFirst = false
        }
    }

    @inline(__always)
    mutating func flush() {
        guard hasUnkicked else { return }
        hasUnkicked = false
        counters.kicks &+= 1
        transmitQueue.kick(transport)
    }

    /// The device has frames, and has sent none of those that it was given first.
    var isUnanswered: Bool { transmitQueue.chainsOut > 0 && !transmitQueue.hasUsed }

    /// Notifies the device whatever it said about that: QEMU 7.2 asks for silence when it drops what a packed queue has for
    /// a link that is down, and never takes that back. It would be asleep for ever, and the queue full.
    mutating func rouse() {
        hasUnkicked = false
        counters.kicks &+= 1
        _ = transmitQueue.needsKick()  // orders what was submitted before the notification
        transport.notify(transmitQueue.number)
    }

    /// One interrupt for three quarters of what the device has: room for many frames, and the device is not idle meanwhile.
    mutating func requestRoomInterrupt() -> Bool {
        awaitsRoom = true
        return transmitQueue.unmaskInterrupts(after: transmitQueue.chainsOut &* 3 / 4)
    }

    /// Frees what the device has sent. Lengths of a transmit queue mean nothing (section 2.7.8.2) and are not looked
    /// at.
    @inline(never)
    mutating func collectSent() {
        while let used = transmitQueue.popUsed() { sent[used.head] = nil }
        if transmitQueue.isBroken { isSuspicious = true }
    }

    /// Frees what was sent, but for what a program's rings are about to use again, and gives the device buffers to receive
    /// into.
    @inline(__always)
    mutating func reclaim(now: UInt64) {
        if awaitsRoom {
            awaitsRoom = false
            transmitQueue.maskInterrupts()
        }
        if hasSentOfRings { keepSent(now) }
        if now >= keepsSentUntil { collectSent() }
        refill()
    }

    /// For 10 ms from now: a program that sends is back before.
    @inline(never)
    private mutating func keepSent(_ now: UInt64) {
        hasSentOfRings = false
        keepsSentUntil = now &+ 10_000_000
    }
}
