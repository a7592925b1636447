// The ports that are given to sockets which ask for none in particular (RFC 6335: 49152 and up).

enum DynamicPorts {
    /// How many there are.
    static var count: UInt16 { 16_384 }

    /// Port number `index` of them, counted round.
    @inline(__always)
    static func port(_ index: UInt16) -> UInt16 { 49_152 | index }

    /// The first free one from a place on.
    static func choose(from first: UInt16, isTaken: (UInt16) -> Bool) throws(SocketError) -> UInt16 {
        for step in 0..<count {
            let port = port(first &+ step)
            if !isTaken(port) { return port }
        }
        throw .addressInUse
    }
}
