// Frames between the other machine and a program's packet rings: copied once, from the program's memory to that of the
// two machines, or back.

import Packets

extension SharedMemoryCard {
    @inline(never)
    public mutating func transmit(from rings: inout PacketRings, atMost most: Int, _ pool: PacketPool) -> RingTraffic {
        guard isLinkUp else { return transmitEach(from: &rings, atMost: most, pool) }
        var traffic = RingTraffic()
        let (own, slots) = (own, layout)
        while traffic.frames < most, rings.hasNext {
            guard hasRoom() else {
                traffic.block()
                break
            }
            let slot = slots.slot(produced)
            guard let count = rings.withNext({ if $0.byteCount <= Self.greatestFrame { own.put($0, at: slot) } }) else {
                break
            }
            rings.pass()
            traffic.add(count)
            if count <= Self.greatestFrame { produced &+= 1 } else { counters.tooLarge &+= 1 }
        }
        if traffic.frames > 0 { hasTraffic = true }
        return traffic
    }

    @inline(never)
    public mutating func receive(into rings: inout PacketRings, atMost most: Int) -> RingTraffic {
        var traffic = RingTraffic()
        let (other, slots) = (other, layout)
        // As many as a ring has: a malformed length is passed over.
        for _ in 0..<min(most, Int(slots.slots)) {
            if next == known, !look() { break }
            let slot = slots.slot(next)
            guard let count = length(at: slot) else { continue }
            rings.put(count) { other.take(into: &$0, at: slot) }
            next &+= 1
            traffic.add(count)
        }
        if traffic.frames > 0 {
            hasTraffic = true
            emptyRearms = 0
            giveBack()
        }
        return traffic
    }
}
