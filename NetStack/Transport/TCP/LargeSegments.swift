// Segments that go to the card as one and are cut there (TCP segmentation offload): the packets of the sender's queue,
// coupled, with one header in front.

import Packets

extension TCPSender {
    /// Payload bytes of a large segment: an IPv4 packet has no more than 65,535 in all.
    private static var greatestLarge: Int {
        65_535 - IPv4Header.leastByteCount - TCPHeader.greatestByteCount
    }

    /// The last packet of a large segment that begins with `first`, which may be sent now, for the first time: all but
    /// the last are full, both windows have room, and Nagle's rule holds for the last.
    func lastOfLargeSegment(from first: QueuedSegment) -> QueuedSegment {
        guard first.count == segmentSize else { return first }
        var last = first, count = first.count
        let limit = min(Self.greatestLarge, cwnd.size - pipe, unacknowledged + window - first.sequence)
        while last.count == segmentSize, let next = last.next, count + next.count <= limit, next.count <= segmentSize {
            if next.count < segmentSize, next.next == nil, !isShut, !sendsAtOnce { break }
            last = next
            count += next.count
        }
        return last
    }
}
