// The headers: what a parser took must, written again, give the same bytes' meaning back.

import NetStack

enum Headers {
    static func ethernet(_ bytes: RawSpan) -> UInt64 {
        guard let header = EthernetHeader(parsing: bytes) else { return 0 }
        let again = written(EthernetHeader.byteCount) { header.emit(to: &$0) }
        precondition(again.withBytes { EthernetHeader(parsing: $0) } == header, "Ethernet header changed by writing it")
        return UInt64(header.type)
    }

    static func arp(_ bytes: RawSpan) -> UInt64 {
        guard let message = ARPMessage(parsing: bytes) else { return 0 }
        let again = written(ARPMessage.byteCount) { message.emit(to: &$0) }
        precondition(again.withBytes { ARPMessage(parsing: $0) } == message, "ARP message changed by writing it")
        return UInt64(message.senderProtocol.bits)
    }

    static func ipv4(_ bytes: RawSpan) -> UInt64 {
        guard let header = parse(bytes) else { return 0 }
        precondition(
            header.headerLength <= header.totalLength && header.totalLength <= bytes.byteCount,
            "IPv4 length beyond the bytes")
        if header.headerLength == IPv4Header.leastByteCount {
            let again = written(header.totalLength) { header.emit(to: &$0) }
            precondition(again.withBytes { parse($0) } == header, "IPv4 header changed by writing it")
        }
        return UInt64(header.source.bits)
    }

    private static func parse(_ bytes: RawSpan) -> IPv4Header? {
        do { return try IPv4Header(parsing: bytes) } catch { return nil }
    }

    static func icmp(_ bytes: RawSpan) -> UInt64 {
        guard var header = ICMPHeader(parsing: bytes) else { return 0 }
        let again = written(bytes.byteCount) { header.emit(to: &$0) }
        precondition(again.withBytes { Checksum.isRight($0, to: $0.byteCount) }, "ICMP checksum wrong after writing")
        let parsed = again.withBytes { ICMPHeader(parsing: $0) }
        header.checksum = parsed?.checksum ?? 0
        precondition(parsed == header, "ICMP header changed by writing it")
        return UInt64(header.identifier)
    }

    /// The first eight bytes are the addresses of the pseudo-header.
    static func udp(_ bytes: RawSpan) -> UInt64 {
        guard bytes.byteCount >= 8 else { return 0 }
        let source = IPv4Address(bits: bytes.be32(0)), destination = IPv4Address(bits: bytes.be32(4))
        let datagram = bytes.extracting(8..<bytes.byteCount)
        var sum: UInt64 = 0
        for isVerified in [false, true] {
            guard
                let header = UDPHeader(
                    parsing: datagram, source: source, destination: destination, isVerified: isVerified)
            else { continue }
            precondition(
                header.length >= UDPHeader.byteCount && header.length <= datagram.byteCount,
                "UDP length beyond the bytes")
            let again = written(header.length) { header.emit(to: &$0, source: source, destination: destination) }
            precondition(
                again.withBytes { UDPHeader(parsing: $0, source: source, destination: destination) } == header,
                "UDP header changed by writing it")
            sum += UInt64(header.length)
        }
        return sum
    }
}

/// The bytes that an emitter writes over zeros.
func written(_ count: Int, _ body: (inout MutableRawSpan) -> Void) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    unsafe bytes.withUnsafeMutableBytes { raw in
        var span = unsafe MutableRawSpan(_unsafeBytes: raw)  // does not outlive the bytes
        body(&span)
    }
    return bytes
}
