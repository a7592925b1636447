// Sending: two transmit buffers in turn, one on the wire, one filled meanwhile.

import Packets

extension NE2000 {
    /// Looks at ISR for a transmission to end when both buffers are full; more would only burn time, a full frame takes
    /// 1.2 ms.
    static var transmitPolls: Int { 4 }
    /// Sixteen collisions take 0.4 s at most (IEEE 802.3, 4.2.3.2.5).
    static var transmitTime: UInt64 { 500_000_000 }

    public mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        let count = frame.totalCount
        guard phase == .running, count <= EthernetFrame.greatestByteCount else { return frame }
        if sendingCount > 0 {
            pollSending()
            guard waitingCount == 0, phase == .running else {
                counters.transmitBusy &+= 1
                return frame
            }
        }
        guard fill(nextBuffer, with: frame, count) else {
            counters.dmaTimeouts &+= 1
            counters.transmitLost &+= 1
            fail(.remoteDMA)
            return nil
        }
        let length = max(count, EthernetFrame.leastByteCount)
        if sendingCount == 0 {
            startSending(nextBuffer, length)
        } else {
            waitingCount = length
        }
        nextBuffer ^= 1
        return nil
    }

    /// Copies a frame into a transmit buffer, with zeros up to the shortest length.
    @inline(__always)
    private func fill(_ buffer: Int, with frame: borrowing LentPacket, _ count: Int) -> Bool {
        let total = max((count + 3) & ~3, EthernetFrame.leastByteCount)
        chip.startDMA(.remoteWrite, chip.memory.transmitPage(buffer).address, total)
        var done = frame.hasRest ? putParts(of: frame) : putBytes(of: frame)
        while done < total {
            chip.putLong(0)
            done += 4
        }
        return chip.finishDMA()
    }

    /// Writes a frame in one buffer. Returns the bytes written, a multiple of four.
    @inline(__always)
    private func putBytes(of frame: borrowing LentPacket) -> Int {
        let bytes = frame.bytes
        let longs = bytes.byteCount & ~3
        chip.put(from: bytes, longs)
        guard bytes.byteCount != longs else { return longs }
        var last: UInt32 = 0
        for i in longs..<bytes.byteCount { last |= UInt32(bytes.byte(i)) << UInt32(8 * (i - longs)) }
        chip.putLong(last)
        return longs + 4
    }

    /// Writes the parts of a train one behind the other, wherever they end. Returns the bytes written, a multiple of
    /// four.
    @inline(never)
    private func putParts(of frame: borrowing LentPacket) -> Int {
        var long: UInt32 = 0
        var done = 0
        frame.forEachPart { part in
            let bytes = part.bytes
            for i in 0..<bytes.byteCount {
                long |= UInt32(bytes.byte(i)) << UInt32(8 * (done & 3))
                done += 1
                if done & 3 == 0 {
                    chip.putLong(long)
                    long = 0
                }
            }
        }
        guard done & 3 != 0 else { return done }
        chip.putLong(long)
        return (done + 3) & ~3
    }

    @inline(__always)
    private mutating func startSending(_ buffer: Int, _ length: Int) {
        chip.store(.sent, Page0.isrClear)
        chip.store(chip.memory.transmitPage(buffer), Page0.tpsr)
        chip.store(length, Page0.tbcr)
        chip.command([.start, .transmit])
        sendingCount = length
        sendingSince = .max
        // An emulated card has sent it by now: nothing is left to watch over or to interrupt for.
        let status = chip.load(Page0.isr)
        if status.has(.sent) {
            endSending(status)
        } else if isArmed {
            setInterrupts(receiving: !isStarving)
        }
    }

    /// Looks whether the transmission under way is over, a few times when both buffers are full.
    private mutating func pollSending() {
        for _ in 0..<(waitingCount > 0 ? Self.transmitPolls : 1) {
            let status = chip.load(Page0.isr)
            if status.has(.sent) { return finishSending(status) }
        }
    }

    /// PTX or TXE: the buffer is free. The bits stay set until the next transmission starts.
    @inline(__always)
    private mutating func endSending(_ status: Interrupt) {
        if status.has(.transmitError) { counters.transmitErrors &+= 1 }
        sendingCount = 0
    }

    /// The same for a transmission that took its time: the buffer that waited follows, or no more interrupts of the
    /// transmitter are wanted.
    @inline(__always)
    mutating func finishSending(_ status: Interrupt) {
        endSending(status)
        let waiting = waitingCount
        guard waiting > 0 else {
            if isArmed { setInterrupts(receiving: !isStarving) }
            return
        }
        waitingCount = 0
        startWaiting(waiting)
    }

    /// The buffer that waits is the one that was filled last.
    @inline(never)
    mutating func startWaiting(_ length: Int) { startSending(nextBuffer ^ 1, length) }

    /// Notes when a transmission was seen first, and gives it up when it takes longer than any can.
    @inline(never)
    mutating func watchSending() {
        guard sendingCount > 0 else { return }
        guard sendingSince != .max else {
            sendingSince = now
            return
        }
        guard now &- sendingSince > Self.transmitTime else { return }
        counters.transmitTimeouts &+= 1
        fail(.transmitter)
    }
}
