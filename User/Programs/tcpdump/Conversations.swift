// TCP connections that were seen, each with the numbers that its two sides began with: lines show what was sent since.

import NetStack

/// What is subtracted from a segment's numbers: 0 shows them as they are.
struct SequenceBase {
    var sequence: UInt32 = 0
    var acknowledgment: UInt32 = 0
}

/// The last connections, so many of them; the one that was noted first makes room.
final class Conversations {
    private struct Conversation {
        /// The side that was seen to send first.
        let source: UInt64
        let destination: UInt64
        /// What the numbers of its segments, and of the other side's, are counted from.
        var own: UInt32
        var other: UInt32
    }

    private var all: [Conversation] = []
    private var next = 0
    private static var most: Int { 256 }

    /// What to count a segment's numbers from; they are those of the wire for the first segment of a connection, and for
    /// each SYN.
    /// - Parameter bytes: from the TCP header on, of which twenty bytes are there.
    func base(_ header: IPv4Header, _ bytes: RawSpan) -> SequenceBase {
        let source = UInt64(header.source.bits) << 16 | UInt64(bytes.be16(0))
        let destination = UInt64(header.destination.bits) << 16 | UInt64(bytes.be16(2))
        let place = all.firstIndex {
            ($0.source == source && $0.destination == destination)
                || ($0.source == destination && $0.destination == source)
        }
        if let place, bytes.byte(13) & 2 == 0 {
            let known = all[place]
            return known.source == source
                ? SequenceBase(sequence: known.own, acknowledgment: known.other)
                : SequenceBase(sequence: known.other, acknowledgment: known.own)
        }
        let seen = Conversation(
            source: source, destination: destination, own: bytes.be32(4), other: bytes.be32(8) &- 1)
        if let place {
            all[place] = seen
        } else if all.count < Self.most {
            all.append(seen)
        } else {
            all[next] = seen
            next = (next + 1) % Self.most
        }
        return SequenceBase()
    }
}
