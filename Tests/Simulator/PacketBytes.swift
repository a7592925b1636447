// Between the simulation's frames and the stack's packets.

import NetStack

extension PacketPool {
    /// A packet with these bytes; nil when they do not fit, or no packet is free.
    func packet(_ bytes: ArraySlice<UInt8>) -> Packet? {
        guard var packet = take(), packet.resize(to: bytes.count) else { return nil }
        let count = bytes.count
        unsafe bytes.withUnsafeBytes { source in
            guard let start = source.baseAddress else { return }
            // the packet was made as long as the source
            unsafe packet.firstByte.copyMemory(from: start, byteCount: count)
        }
        return packet
    }
}

extension RawSpan {
    /// A copy.
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }  // copied while the span is there
}

extension [UInt8] {
    /// Calls `body` with the bytes as a parser takes them.
    func withBytes<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result) throws(Failure) -> Result {
        try unsafe body(span.bytes)  // called unsafe because other types have padding; these are bytes
    }
}
