// Bytes as parsers take them and packets hold them.

import NetStack

extension [UInt8] {
    /// Calls `body` with the bytes as a parser takes them.
    func withBytes<Result>(_ body: (RawSpan) -> Result) -> Result {
        unsafe body(span.bytes)  // called unsafe because other types have padding; these are bytes
    }
}

extension PacketPool {
    /// A packet with these bytes; nil when they do not fit, or no packet is free.
    func packet(_ bytes: [UInt8]) -> Packet? {
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
