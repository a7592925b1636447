// Frames between the device and a program's packet rings. A buffer that comes back from the device is used again at
// once, at its place in the virtqueue: it makes no way through the pool.

import Packets
import Storage

extension VirtIONetPair where Queue: ~Copyable {
    // Never inlined, as `takeReceived`.
    @inline(never)
    mutating func transmit(from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool) -> RingTraffic {
        var traffic = RingTraffic()
        let renews = transmitQueue.renewsChains && hasWholeHeader
        while traffic.frames < most, rings.hasNext {
            if renews {
                if let used = transmitQueue.takeUsed() {
                    if let count = renew(used, from: &rings) {
                        traffic.add(count)
                        continue
                    }
                    sent[used.head] = nil
                    transmitQueue.free(used)
                } else if transmitQueue.freeCount == 0 {
                    traffic.block()
                    break
                }
            }
            guard send(from: &rings, pool, &traffic) else { break }
        }
        if renews, traffic.frames > 0 {
            transmitQueue.publishRenewed()
            hasSentOfRings = true
        }
        if transmitQueue.isBroken { isSuspicious = true }
        return traffic
    }

    /// Sends the next frame in a packet that the device has sent, where it lies; nil when there is no frame, or the packet
    /// is not this driver's alone.
    @inline(__always)
    private mutating func renew(_ used: UsedChain, from rings: inout PacketRings) -> Int? {
        let place = sent.ref(used.head)
        guard used.count == 1, place.value != nil,
            let count = rings.refill(&place.value!, headerLength: VirtIONetHeader.wholeByteCount)
        else { return nil }
        let buffer = place.value!.memory(in: memory)
        buffer.giveToDevice(.deviceReads)
        transmitQueue.renew(
            used, buffer.deviceAddress, byteCount: UInt32(truncatingIfNeeded: buffer.byteCount), .deviceReads)
        hasUnkicked = true
        rings.pass()
        return count
    }

    /// Sends the next frame in a packet of the pool's; false when it has to wait.
    @inline(never)
    private mutating func send(from rings: inout PacketRings, _ pool: PacketPool, _ traffic: inout RingTraffic) -> Bool
    {
        guard var packet = pool.take(.sending) else {
            traffic.lackPacket()
            return false
        }
        guard rings.fill(&packet) else { return true }
        let count = packet.count
        guard submit(LentPacket(packet)) == nil else {
            traffic.block()
            return false
        }
        rings.pass()
        traffic.add(count)
        return true
    }

    /// A packet is one descriptor, its header of the usual size: what is renewed in place. A constant size saves two
    /// looks at each frame.
    private var hasWholeHeader: Bool {
        layout.descriptorsPerPacket == 1 && layout.headerLength == VirtIONetHeader.wholeByteCount
    }

    /// Whether received frames go the way of `receive(into:)`.
    var renewsReceived: Bool { receiveQueue.renewsChains && hasWholeHeader }

    /// - Parameter traffic: what it is added to, `most` frames with what is there.
    @inline(never)
    mutating func receive(into rings: inout PacketRings, atMost most: Int, _ traffic: inout RingTraffic) {
        // A local, which stays in registers.
        var taken = RingTraffic()
        let most = most &- traffic.frames
        while taken.frames < most, let used = receiveQueue.takeUsed() {
            let place = received.ref(used.head)
            guard place.value != nil else {
                receiveQueue.free(used)
                continue
            }
            if let count = renew(used, place.value!, into: &rings) ?? take(used, into: &rings) { taken.add(count) }
        }
        traffic.add(taken)
        if taken.frames >= posted { counters.fullRings &+= 1 }
        if taken.frames > 0 {
            receiveQueue.publishRenewed()
            receiveQueue.kick(transport)
        }
        if receiveQueue.isBroken { isSuspicious = true }
    }

    /// Takes the frame in a buffer, which the device then has again; its bytes, nil and nothing done for another way.
    @inline(__always)
    private mutating func renew(_ used: UsedChain, _ buffer: borrowing Packet, into rings: inout PacketRings) -> Int? {
        let headerLength = VirtIONetHeader.wholeByteCount
        let count = Int(used.length) &- headerLength
        guard !used.isLengthFalse, count >= EthernetFrame.headerByteCount, posted <= wanted,
            let frame = buffer.room(count), let front = buffer.wholeFront(headerLength)
        else { return nil }
        buffer.memory(before: headerLength, Int(used.length), in: memory).takeFromDevice(.deviceWrites)
        let header = VirtIONetHeader(parsing: front)
        guard header.segmentType == VirtIONetHeader.SegmentType.none, header.bufferCount <= 1 || !mergesBuffers else {
            return nil
        }
        rings.put(frame)
        let memory = memory
        Self.whole(buffer, in: memory).giveToDevice(.deviceWrites)
        receiveQueue.repeatChain(used, Self.whole(buffer, in: memory), .deviceWrites)
        return count
    }

    /// The memory of a buffer to receive into: header and frame.
    @inline(__always)
    private static func whole(_ buffer: borrowing Packet, in memory: Queue.Memory) -> DMABuffer<Queue.Memory> {
        let headerLength = VirtIONetHeader.wholeByteCount
        return buffer.memory(before: headerLength, headerLength &+ Packet.capacity, in: memory)
    }

    /// The slow path: what is no frame in one buffer, or not to be given to the device again.
    @inline(never)
    private mutating func take(_ used: UsedChain, into rings: inout PacketRings) -> Int? {
        receiveQueue.free(used)
        posted -= 1
        guard let buffer = received[used.head].take(), let frame = accept(buffer, used) else { return nil }
        rings.put(frame)
        return frame.totalCount
    }
}
