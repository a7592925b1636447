// Frames between the device and a program's packet rings. A buffer that comes back from the device is used again at
// once, at its place in the virtqueue: it makes no way through the pool.

import Packets

extension VirtIONetPair where Queue: ~Copyable {
    // Never inlined, as `takeReceived`.
    @inline(never)
    mutating func transmit(from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool) -> RingTraffic {
        var traffic = RingTraffic()
        let renews = transmitQueue.renewsChains && layout.descriptorsPerPacket == 1
        while traffic.frames < most, rings.hasNext {
            if renews, let used = transmitQueue.takeUsed() {
                if let count = renew(used, from: &rings) {
                    traffic.add(count)
                    continue
                }
                transmitQueue.free(used)
            }
            guard let count = send(from: &rings, pool) else {
                traffic.block()
                break
            }
            if count > 0 { traffic.add(count) }
        }
        if transmitQueue.isBroken { isSuspicious = true }
        return traffic
    }

    /// Sends the next frame in a packet that the device has sent; nil when there is no frame, or the packet is not this
    /// driver's alone: then it is gone.
    @inline(__always)
    private mutating func renew(_ used: UsedChain, from rings: inout PacketRings) -> Int? {
        guard used.count == 1, let sentFrame = sent[used.head].take(), var packet = sentFrame.emptied(of: .sending),
            rings.fill(&packet)
        else { return nil }
        let count = packet.count
        var frame = LentPacket(packet)
        putHeader(before: &frame)
        let buffer = frame.memory(in: memory)
        buffer.giveToDevice(.deviceReads)
        transmitQueue.renew(
            used, buffer.deviceAddress, byteCount: UInt32(truncatingIfNeeded: buffer.byteCount), .deviceReads)
        sent[used.head] = consume frame
        hasUnkicked = true
        rings.pass()
        return count
    }

    /// Sends the next frame in a packet of the pool's; nil when there is no room, 0 when there is no frame.
    @inline(never)
    private mutating func send(from rings: inout PacketRings, _ pool: PacketPool) -> Int? {
        guard var packet = pool.take(.sending) else { return nil }
        guard rings.fill(&packet) else { return 0 }
        let count = packet.count
        guard submit(LentPacket(packet)) == nil else { return nil }
        rings.pass()
        return count
    }

    /// Whether received frames go the way of `receive(into:)`.
    var renewsReceived: Bool { receiveQueue.renewsChains && layout.descriptorsPerPacket == 1 }

    /// - Parameter traffic: what it is added to, `most` frames with what is there.
    @inline(never)
    mutating func receive(into rings: inout PacketRings, atMost most: Int, _ traffic: inout RingTraffic) {
        let before = traffic.frames
        while traffic.frames < most, let used = receiveQueue.takeUsed() {
            guard let buffer = received[used.head].take() else {
                receiveQueue.free(used)
                continue
            }
            if let count = renew(used, buffer, into: &rings) { traffic.add(count) }
        }
        if traffic.frames &- before >= posted { counters.fullRings &+= 1 }
        if traffic.frames > before { receiveQueue.kick(transport) }
        if receiveQueue.isBroken { isSuspicious = true }
    }

    /// Takes the frame in a buffer, which the device then has again; its bytes, nil when it is none.
    @inline(__always)
    private mutating func renew(_ used: UsedChain, _ buffer: consuming Packet, into rings: inout PacketRings) -> Int? {
        var packet = buffer
        let headerLength = layout.headerLength
        let count = Int(used.length) &- headerLength
        guard !used.isLengthFalse, count >= EthernetFrame.headerByteCount, posted <= wanted, packet.resize(to: count)
        else { return take(used, packet, into: &rings) }
        packet.memory(before: headerLength, Int(used.length), in: memory).takeFromDevice(.deviceWrites)
        let header = VirtIONetHeader(parsing: packet.front(headerLength))
        guard header.segmentType == VirtIONetHeader.SegmentType.none, !mergesBuffers || header.bufferCount <= 1 else {
            return take(used, packet, into: &rings)
        }
        rings.put(packet)
        guard let fresh = packet.emptied() else { return nil }  // one buffer it is
        let place = fresh.memory(before: headerLength, headerLength &+ Packet.capacity, in: memory)
        place.giveToDevice(.deviceWrites)
        received[used.head] = consume fresh
        receiveQueue.renew(
            used, place.deviceAddress, byteCount: UInt32(truncatingIfNeeded: place.byteCount), .deviceWrites)
        return count
    }

    /// The slow path: what is no frame in one buffer, or not to be given to the device again.
    @inline(never)
    private mutating func take(_ used: UsedChain, _ buffer: consuming Packet, into rings: inout PacketRings) -> Int? {
        receiveQueue.free(used)
        posted -= 1
        buffer.resize(to: 0)
        guard let frame = accept(buffer, used) else { return nil }
        rings.put(frame)
        return frame.totalCount
    }
}
