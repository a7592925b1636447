// Receiving: frames lie in a ring of pages, each behind four bytes: status, page of the next one, byte count (datasheet, section 7).
//
// Promise: a header is believed when it agrees with itself and with CURR, else the ring is emptied; a frame leaves the ring (BNRY moves)
// only once its packet is complete. Without a packet to receive into, frames stay in the card: when its ring is full it drops there.

import Packets

extension NE2000 {
    /// Header and check sequence: what a frame takes in the ring beside itself.
    private static var headerLength: Int { 4 }
    private static var checkLength: Int { 4 }
    /// The bytes that are read before it is known how many there are: small frames need no second transfer.
    private static var firstRead: Int { 128 }
    /// Damaged frames passed over in one call.
    private static var skipLimit: Int { 64 }

    public mutating func receive() -> Packet? {
        guard phase == .running || phase == .draining else { return nil }
        for _ in 0..<Self.skipLimit {
            if nextPage == knownCurrent, !lookForFrames() { return nil }
            guard var packet = pool.take() else { return starve() }
            isStarving = false
            let page = nextPage
            chip.startDMA(Command.remoteRead, UInt16(page) << 8, Self.firstRead)
            let header = chip.takeLong()
            chip.take(into: packet.firstByte, Self.firstRead - Self.headerLength)
            guard chip.finishDMA() else { return failDMA() }
            let count = Int(header >> 16) &- Self.checkLength
            let isIntact = UInt8(truncatingIfNeeded: header) & Setting.intactMask == Setting.intact
            guard let next = following(page, header) else { return resynchronise() }
            if count <= EthernetFrame.greatestByteCount, count >= EthernetFrame.leastByteCount, isIntact {
                let here = Self.firstRead - Self.headerLength
                if count > here, !takeRest(page, packet.firstByte + here, (count &- here + 3) & ~3) { return failDMA() }
                packet.resize(to: count)
                release(upTo: next)
                isSuspicious = false
                fruitlessLooks = 0
                return packet
            }
            if isIntact {
                counters.badLengths &+= 1
            } else {
                counters.badFrames &+= 1
            }
            release(upTo: next)
        }
        hasNews = true
        return nil
    }

    /// Reads CURR. False when no frame waits.
    @inline(__always)
    private mutating func lookForFrames() -> Bool {
        hasNews = false
        let current = chip.loadCurrent()
        guard chip.memory.isInRing(current) else {
            fail(.current)
            return false
        }
        knownCurrent = current
        if current != nextPage { return true }
        isStarving = false
        if phase == .draining { resumeAfterOverflow() }
        return false
    }

    private mutating func starve() -> Packet? {
        if !isStarving { counters.emptyPool &+= 1 }
        isStarving = true
        return nil
    }

    /// The page after a frame, when its header agrees with itself and the frame lies before CURR.
    @inline(__always)
    private func following(_ page: UInt8, _ header: UInt32) -> UInt8? {
        let next = UInt8(truncatingIfNeeded: header >> 8)
        let bytes = Int(header >> 16) &+ Self.headerLength
        let pages = (bytes &+ 255) >> 8
        let available = Int(chip.memory.distance(page, knownCurrent))
        guard pages <= available else { return nil }
        if next == chip.memory.advance(page, by: pages) { return next }
        // Some chips take one page more when a frame ends with its page.
        guard bytes & 255 == 0, pages < available, next == chip.memory.advance(page, by: pages &+ 1) else { return nil }
        return next
    }

    /// Reads what comes after the first bytes of a frame, around the end of the ring. `count` is a multiple of four.
    @inline(__always)
    private func takeRest(_ page: UInt8, _ destination: UnsafeMutableRawPointer, _ count: Int) -> Bool {
        let start = Int(page) << 8 &+ Self.firstRead
        let beforeEnd = Int(chip.memory.end) << 8 &- start
        let now = min(count, beforeEnd)
        chip.startDMA(Command.remoteRead, UInt16(truncatingIfNeeded: start), now)
        chip.take(into: destination, now)
        guard chip.finishDMA() else { return false }
        guard count > now else { return true }
        chip.startDMA(Command.remoteRead, UInt16(chip.memory.ringStart) << 8, count &- now)
        chip.take(into: destination + now, count &- now)
        return chip.finishDMA()
    }

    /// Gives pages back to the card. BNRY stays one behind, so that a full ring differs from an empty one.
    @inline(__always)
    private mutating func release(upTo next: UInt8) {
        nextPage = next
        chip.store(chip.memory.before(next), Port.bnry)
        if phase == .draining { resumeAfterOverflow() }
    }

    private mutating func failDMA() -> Packet? {
        counters.dmaTimeouts &+= 1
        fail(.remoteDMA)
        return nil
    }

    /// A header that makes no sense: what lies in the ring is lost, since nobody knows where the next frame begins.
    @inline(never)
    private mutating func resynchronise() -> Packet? {
        counters.badHeaders &+= 1
        guard !isSuspicious else {
            fail(.ring)
            return nil
        }
        isSuspicious = true
        let current = chip.loadCurrent()
        guard chip.memory.isInRing(current) else {
            fail(.current)
            return nil
        }
        knownCurrent = current
        release(upTo: current)
        return nil
    }
}
