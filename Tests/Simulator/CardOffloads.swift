// What a card does for the stack, as cards do it: checksums, large segments cut, segments put together. On bytes, without
// a line of the stack's own.

import NetStack

public enum CardOffloads {
    private static func be16(_ bytes: [UInt8], _ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }
    private static func be32(_ bytes: [UInt8], _ at: Int) -> UInt32 {
        UInt32(be16(bytes, at)) << 16 | UInt32(be16(bytes, at + 2))
    }
    private static func set16(_ value: Int, _ bytes: inout [UInt8], _ at: Int) {
        bytes[at] = UInt8(value >> 8 & 255)
        bytes[at + 1] = UInt8(value & 255)
    }

    static func sum(_ bytes: some Collection<UInt8>) -> Int {
        var sum = 0
        for (i, byte) in bytes.enumerated() { sum += i % 2 == 0 ? Int(byte) << 8 : Int(byte) }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        return sum
    }

    private static func pseudoHeader(_ frame: [UInt8], _ length: Int) -> [UInt8] {
        Array(frame[26..<34]) + [0, frame[23], UInt8(length >> 8), UInt8(length & 255)]
    }

    /// The frames that leave the card for one that it is given: a checksum filled in, a large TCP segment cut.
    public static func sent(_ frame: [UInt8], _ request: OffloadRequest?) -> [[UInt8]] {
        guard let request else { return [frame] }
        guard let segmentation = request.segmentation else {
            var frame = frame
            let at = request.checksumStart + request.checksumOffset
            set16(0xffff ^ sum(frame[request.checksumStart...]), &frame, at)
            return [frame]
        }
        precondition(segmentation.kind == .tcpIPv4 && request.checksumStart == 34 && request.checksumOffset == 16)
        precondition(be16(frame, 16) == frame.count - 14, "a false length of a large packet")
        precondition(
            sum(pseudoHeader(frame, frame.count - 34)) == be16(frame, 50),
            "a false sum of a large segment's pseudo-header"
        )
        let headers = 34 + Int(segmentation.headerLength), size = Int(segmentation.size)
        precondition(Int(frame[46] >> 4) * 4 == Int(segmentation.headerLength), "a false header length")
        return stride(from: headers, to: frame.count, by: size).enumerated().map { number, start in
            let end = min(frame.count, start + size)
            var piece = Array(frame[..<headers]) + frame[start..<end]
            set16(piece.count - 14, &piece, 16)
            set16(be16(frame, 18) + number, &piece, 18)
            set16(0, &piece, 24)
            set16(0xffff ^ sum(piece[14..<34]), &piece, 24)
            let sequence = be32(frame, 38) &+ UInt32(start - headers)
            set16(Int(sequence >> 16), &piece, 38)
            set16(Int(sequence & 0xffff), &piece, 40)
            // FIN and PSH are the last one's, CWR the first one's (RFC 3168, 6.1.2).
            if end < frame.count { piece[47] &= ~0x09 }
            if number > 0 { piece[47] &= ~0x80 }
            set16(0, &piece, 50)
            set16(0xffff ^ sum(pseudoHeader(piece, piece.count - 34) + piece[34...]), &piece, 50)
            return piece
        }
    }

    /// Whether a frame is a TCP segment with data, nothing unusual about it, and right checksums.
    private static func isPlain(_ frame: [UInt8]) -> Bool {
        guard frame.count >= 54, be16(frame, 12) == 0x800, frame[14] == 0x45, frame[23] == 6,
            be16(frame, 20) & 0x3fff == 0, frame[47] & ~0x08 == 0x10
        else { return false }
        let end = 14 + be16(frame, 16), headers = 34 + Int(frame[46] >> 4) * 4
        guard end <= frame.count, headers < end else { return false }
        return sum(frame[14..<34]) == 0xffff
            && sum(pseudoHeader(frame, end - 34) + frame[34..<end]) == 0xffff
    }

    /// Puts segments together that follow each other, as `next` gives them: what a card hands over as one, its headers
    /// and the payload in pieces of up to `pieceSize` bytes, and the payload bytes of each segment (0: it is one).
    public static func received(
        _ first: [UInt8], pieceSize: Int, _ next: (_ isWanted: ([UInt8]) -> Bool) -> [UInt8]?
    ) -> (pieces: [[UInt8]], segmentSize: Int) {
        guard isPlain(first) else { return ([first], 0) }
        let headers = 34 + Int(first[46] >> 4) * 4, size = 14 + be16(first, 16) - headers
        var payload = Array(first[headers..<headers + size]), isEnd = first[47] & 8 != 0, count = 1
        while !isEnd, payload.count + size < 65_000 {
            let found = next { frame in
                isPlain(frame) && frame[15] == first[15] && frame[26..<38] == first[26..<38]
                    && be32(frame, 38) == be32(first, 38) &+ UInt32(payload.count)
                    && frame[42..<47] == first[42..<47] && frame[54..<headers] == first[54..<headers]
                    && 14 + be16(frame, 16) - headers <= size && frame[48..<50] == first[48..<50]
            }
            guard let frame = found else { break }
            let end = 14 + be16(frame, 16)
            payload += frame[headers..<end]
            isEnd = frame[47] & 8 != 0 || end - headers < size
            count += 1
        }
        guard count > 1 else { return ([first], 0) }
        var head = Array(first[..<headers])
        set16(20 + headers - 34 + payload.count, &head, 16)
        set16(0, &head, 24)
        set16(0xffff ^ sum(head[14..<34]), &head, 24)
        var pieces = [head + payload.prefix(pieceSize - headers)]
        for start in stride(from: pieceSize - headers, to: payload.count, by: pieceSize) {
            pieces.append(Array(payload[start..<min(payload.count, start + pieceSize)]))
        }
        return (pieces, size)
    }
}
