// Messages of the stack's own services, which are small and read by parsers that want them in one piece.

extension Packet {
    /// Replaces a train by a copy in one packet; false when that is too large, or no packet is free. Only a message to
    /// a service that came in fragments costs the copy.
    @inline(__always)
    mutating func becomeContiguous(from pool: PacketPool) -> Bool { hasRest ? copyTogether(from: pool) : true }

    @inline(never)
    private mutating func copyTogether(from pool: PacketPool) -> Bool {
        let byteCount = totalCount
        guard byteCount <= Packet.capacity, var copy = pool.take(.own), copy.copyIn(self) == byteCount else {
            return false
        }
        self = copy
        return true
    }
}
