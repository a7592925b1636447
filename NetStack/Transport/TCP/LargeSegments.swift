// Segments that go to the card as one and are cut there (TCP segmentation offload): the packets of the sender's queue,
// coupled, with one header in front.

import Packets

extension TCPSender {
    /// Payload bytes of a large segment: an IPv4 packet has no more than 65,535 in all.
    private static var greatestLarge: Int {
        65_535 - IPv4Header.leastByteCount - TCPHeader.greatestByteCount
    }

    /// Packets of a large segment: each takes a descriptor of the card's, whose ring has more.
    private static var mostParts: Int { 64 }

    /// The last packet of a large segment that begins with `first`, which may be sent now, for the first time: all but
    /// the last are full, both windows have room, and Nagle's rule holds for the last.
    func lastOfLargeSegment(from first: QueuedSegment) -> QueuedSegment {
        guard first.count == segmentSize, first.isHome else { return first }
        var last = first, count = first.count, parts = 1
        let limit = min(Self.greatestLarge, cwnd.size - pipe, unacknowledged + window - first.sequence)
        while parts < Self.mostParts, last.count == segmentSize, let next = last.next, next.isHome,
            count + next.count <= limit, next.count <= segmentSize
        {
            if next.count < segmentSize, next.next == nil, !isShut, !sendsAtOnce { break }
            last = next
            count += next.count
            parts += 1
        }
        return last
    }
}
