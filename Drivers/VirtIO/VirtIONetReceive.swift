// Receiving: the ring is kept filled with packets of the pool, into which the device writes; frames that it spread over
// several buffers leave as trains.

import Packets

extension VirtIONetPair where Queue: ~Copyable {
    /// Gives the device buffers to receive into, as many as it lacks.
    @inline(__always)
    mutating func refill() {
        if posted < wanted { postPackets() }
    }

    private mutating func postPackets() {
        var didPost = false
        while posted < wanted {
            guard let packet = pool.take() else {
                counters.emptyPool += 1
                break
            }
            guard post(packet) else { break }
            didPost = true
        }
        guard didPost else { return }
        counters.kicks &+= 1
        receiveQueue.kick(transport)
    }

    private mutating func post(_ packet: consuming Packet) -> Bool {
        let layout = layout
        let buffer = packet.memory(before: layout.headerLength, layout.headerLength &+ Packet.capacity, in: memory)
        guard let chain = layout.descriptorsPerPacket == 1 ? chain(of: buffer) : chain(with: layout, buffer) else {
            return false
        }
        received[chain.head] = consume packet
        receiveQueue.submit(chain)
        posted += 1
        return true
    }

    @inline(__always)
    private mutating func chain(of buffer: DMABuffer<Memory>) -> VirtqueueChain? {
        guard var chain = receiveQueue.startChain(count: 1) else { return nil }
        buffer.giveToDevice(.deviceWrites)
        receiveQueue.append(
            buffer.deviceAddress, byteCount: UInt32(truncatingIfNeeded: buffer.byteCount), .deviceWrites, to: &chain)
        return chain
    }

    @inline(never)
    private mutating func chain(with layout: VirtIONetLayout<Memory>, _ buffer: DMABuffer<Memory>) -> VirtqueueChain? {
        guard var chain = receiveQueue.startChain(count: layout.descriptorsPerPacket) else { return nil }
        layout.append(buffer, .deviceWrites, to: &chain, of: &receiveQueue)
        return chain
    }

    // Never inlined: the table of cards calls it in its last instruction, and cards further down do not pay for its
    // registers.
    @inline(never)
    mutating func takeReceived() -> Packet? { nextReceived() }

    @inline(__always)
    private mutating func nextReceived() -> Packet? {
        while let used = receiveQueue.popUsed() {
            posted -= 1
            if posted == 0 { counters.fullRings &+= 1 }
            guard let packet = received[used.head].take() else { continue }
            if let frame = accept(packet, used) { return frame }
        }
        if receiveQueue.isBroken { isSuspicious = true }
        return nil
    }

    /// Makes a frame of a buffer that the device gave back, and of those behind it; nil, and counted, when it is none.
    @inline(__always)
    mutating func accept(_ buffer: consuming Packet, _ used: UsedChain) -> Packet? {
        var packet = buffer
        let length = Int(used.length)
        packet.memory(before: layout.headerLength, length, in: memory).takeFromDevice(.deviceWrites)
        guard !used.isLengthFalse, length >= layout.headerLength + EthernetFrame.headerByteCount,
            packet.resize(to: length - layout.headerLength)
        else {
            counters.badLengths += 1
            return nil
        }
        let header = VirtIONetHeader(parsing: packet.front(layout.headerLength))
        let isLarge = header.segmentType != VirtIONetHeader.SegmentType.none
        if mergesBuffers, header.bufferCount > 1,
            !gather(Int(header.bufferCount) - 1, behind: &packet, isLarge: isLarge)
        {
            return nil
        }
        // Without a checksum yet, it comes from another guest or the host itself and never was on a wire.
        if capabilities.contains(.checksumIn) {
            packet.isChecksumVerified = !header.flags.isDisjoint(with: [.needsChecksum, .dataValid])
        }
        if isLarge, !note(header, in: packet) { return nil }
        return packet
    }

    /// Notes how a large segment was put together; false, and counted, when it was agreed on that none come.
    @inline(never)
    private mutating func note(_ header: VirtIONetHeader, in packet: borrowing Packet) -> Bool {
        guard capabilities.contains(.largeReceive),
            header.segmentType & ~VirtIONetHeader.SegmentType.ecn == VirtIONetHeader.SegmentType.tcpIPv4
        else {
            counters.badHeaders += 1
            return false
        }
        if packet.isChecksumVerified { packet.mergedSegmentSize = header.segmentSize }
        return true
    }

    /// An IP datagram has no more bytes.
    static var greatestMTU: Int { 65_535 }

    /// Bytes of the longest frame that is taken, an 802.1Q tag included.
    private func greatestFrame(isLarge: Bool) -> Int {
        (isLarge && capabilities.contains(.largeReceive) ? Self.greatestMTU : mtu) + EthernetFrame.headerByteCount + 4
    }

    /// Couples the rest of a frame that came in several buffers; false, and counted, when it is not there or too much.
    @inline(never)
    private mutating func gather(_ count: Int, behind packet: inout Packet, isLarge: Bool) -> Bool {
        let greatestFrame = greatestFrame(isLarge: isLarge)
        var fits = true
        var total = packet.count
        for _ in 0..<count {
            guard let used = receiveQueue.popUsed() else {
                counters.badLengths += 1
                return false
            }
            posted -= 1
            guard var part = received[used.head].take() else { continue }
            // Continuation buffers hold frame bytes from where the first one has its header (section 5.1.6.4).
            let length = Int(used.length)
            part.memory(before: layout.headerLength, length, in: memory).takeFromDevice(.deviceWrites)
            total += length
            guard !used.isLengthFalse, fits, total <= greatestFrame, part.prepend(layout.headerLength),
                part.resize(to: length)
            else {
                fits = false
                continue
            }
            packet.append(part: part)
        }
        if !fits { counters.tooLarge += 1 }
        return fits
    }
}
