// Checksums over packets that may be trains: parts of any length, the odd ones too.

extension Checksum {
    /// Adds the bytes of a packet from `offset` up to `end`, both counted over the whole train. `offset` is at an even
    /// place of the sum.
    @inline(__always)
    mutating func add(_ packet: borrowing Packet, from offset: Int = 0, to end: Int) {
        guard packet.hasRest else { return add(packet.bytes, from: offset, to: end) }
        addTrain(packet, from: offset, to: end)
    }

    @inline(never)
    private mutating func addTrain(_ packet: borrowing Packet, from offset: Int, to end: Int) {
        precondition(
            offset >= 0 && offset <= end && end <= packet.totalCount, "a checksum over more than a train holds")
        var sum = self
        var position = 0
        packet.forEachPart { bytes in
            let first = max(offset - position, 0), last = min(end - position, bytes.byteCount)
            if first < last {
                var part = Checksum()
                part.add(bytes, from: first, to: last)
                // Bytes at an odd place count in the other half of each 16-bit word (RFC 1071, 2(B)).
                sum.add((position + first - offset) & 1 == 0 ? part.folded : part.folded.byteSwapped)
            }
            position += bytes.byteCount
        }
        self = sum
    }
}

extension Packet {
    /// Makes the transport checksum that was left to a card, in software; does nothing when it is there.
    @inline(__always)
    mutating func completeChecksum() {
        if hasOffload { makeChecksum() }
    }

    @inline(never)
    private mutating func makeChecksum() {
        let (start, field) = checksumPlace
        offload = nil
        guard start >= 0, field + 2 <= count else { return }
        var sum = Checksum()
        sum.add(self, from: start, to: totalCount)
        let value = sum.value
        var bytes = mutableBytes
        // 0 would say "no checksum" in UDP; both are the same number.
        bytes.setBE16(value == 0 ? 0xffff : value, field)
    }
}
