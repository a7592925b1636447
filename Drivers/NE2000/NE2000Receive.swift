// Receiving: frames lie in a ring of pages, each behind four bytes: status, page of the next one, byte count
// (datasheet, section 7).
//
// Promise: a header is believed when it agrees with itself and with CURR, else the ring is emptied; a frame leaves the
// ring (BNRY moves) only once its packet is complete. Without a packet to receive into, frames stay in the card, which
// drops new ones when its ring is full.

import Packets

extension NE2000 {
    /// Bytes of the check sequence behind a frame in the ring.
    private static var checkLength: Int { 4 }
    /// The longest frame, as transfers round it up, and the first transfer.
    private static var packetRoom: Int { (EthernetFrame.greatestByteCount + 3) & ~3 }
    /// The bytes that are read before it is known how many there are: small frames need no second transfer.
    private static var firstRead: Int { 128 }
    /// Damaged frames passed over in one call.
    private static var skipLimit: Int { 64 }

    public mutating func receive() -> Packet? {
        guard phase == .running || phase == .draining else { return nil }
        for _ in 0..<Self.skipLimit {
            if nextPage == knownCurrent, !lookForFrames() { return nil }
            guard var packet = pool.take(), packet.resize(to: Self.packetRoom) else { return starve() }
            isStarving = false
            let page = nextPage
            chip.startDMA(.remoteRead, page.address, Self.firstRead)
            let header = ReceiveHeader(word: chip.takeLong())
            let here = Self.firstRead - ReceiveHeader.byteCount
            var bytes = packet.mutableBytes
            chip.take(into: &bytes, at: 0, here)
            guard chip.finishDMA() else { return failDMA() }
            let inRing = countInRing(page, header)
            guard inRing > 0 else { return resynchronise() }
            let count = inRing &- Self.checkLength
            if count <= EthernetFrame.greatestByteCount, count >= EthernetFrame.leastByteCount, header.isIntact {
                var rest = packet.mutableBytes
                if count > here, !takeRest(page, into: &rest, at: here, (count &- here + 3) & ~3) { return failDMA() }
                packet.resize(to: count)
                release(upTo: header.next)
                isSuspicious = false
                emptyRearms = 0
                return packet
            }
            if header.isIntact {
                counters.badLengths &+= 1
            } else {
                counters.badFrames &+= 1
            }
            release(upTo: header.next)
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

    /// Bytes of frame and check sequence, when the header agrees with itself and the frame lies before CURR; 0 when
    /// not.
    @inline(__always)
    private func countInRing(_ page: PageNumber, _ header: ReceiveHeader) -> Int {
        let bytes = header.count &+ ReceiveHeader.byteCount
        let pages = (bytes &+ 255) >> 8
        let available = chip.memory.distance(page, knownCurrent)
        if pages <= available, header.next == chip.memory.advance(page, by: pages) { return header.count }
        return recount(page, header, available)
    }

    /// Headers that some chips write: a page more when a frame ends with its page; the count's low byte in the high one
    /// too, where the next page tells how many pages there are (NetBSD, dp8390_rint).
    @inline(never)
    private func recount(_ page: PageNumber, _ header: ReceiveHeader, _ available: Int) -> Int {
        let bytes = header.count &+ ReceiveHeader.byteCount
        let pages = chip.memory.distance(page, header.next)
        guard chip.memory.isInRing(header.next), pages > 0, pages <= available else { return 0 }
        if bytes & 255 == 0, pages == bytes >> 8 &+ 1 { return header.count }
        let low = header.count & 255
        guard header.count >> 8 == low else { return 0 }
        // The last page holds what is left of header and count; a header that leaves no room for the low byte takes one
        // page more.
        let high = low &+ ReceiveHeader.byteCount > 256 ? pages &- 2 : pages &- 1
        return high >= 0 ? high << 8 | low : 0
    }

    /// Reads what comes after the first bytes of a frame, around the end of the ring. `count` is a multiple of four.
    @inline(__always)
    private func takeRest(_ page: PageNumber, into bytes: inout MutableRawSpan, at offset: Int, _ count: Int) -> Bool {
        let start = page.address &+ Self.firstRead
        let beforeEnd = chip.memory.ringEnd.address &- start
        let now = min(count, beforeEnd)
        chip.startDMA(.remoteRead, start, now)
        chip.take(into: &bytes, at: offset, now)
        guard chip.finishDMA() else { return false }
        guard count > now else { return true }
        chip.startDMA(.remoteRead, chip.memory.ringStart.address, count &- now)
        chip.take(into: &bytes, at: offset &+ now, count &- now)
        return chip.finishDMA()
    }

    /// Gives pages back to the card. BNRY stays one behind, so that a full ring differs from an empty one.
    @inline(__always)
    private mutating func release(upTo next: PageNumber) {
        nextPage = next
        chip.store(chip.memory.before(next), Page0.bnry)
        if phase == .draining { resumeAfterOverflow() }
    }

    private mutating func failDMA() -> Packet? {
        counters.dmaTimeouts &+= 1
        fail(.remoteDMA)
        return nil
    }

    /// An impossible header: what lies in the ring is lost, since the place of the next frame is unknown.
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
