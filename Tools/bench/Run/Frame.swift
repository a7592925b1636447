// The few frames that the peer speaks: ARP (RFC 826), ICMP echo (RFC 792), UDP without a checksum (RFC 768). Answers
// are made from what they answer: addresses and ports change places.

enum Frame {
    enum Kind {
        case arpRequest, echoReply
        case datagram(port: Int, payload: ArraySlice<UInt8>)
        case other
    }

    private static let address: [UInt8] = [10, 0, 7, 1]
    private static let hardware: [UInt8] = [0x02, 0, 0, 0, 7, 1]

    static func bytes(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }
    static func bytes(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)] }
    static func word(_ bytes: [UInt8], _ at: Int) -> UInt32 { bytes[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    private static func half(_ bytes: [UInt8], _ at: Int) -> UInt16 { UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]) }

    static func kind(_ frame: [UInt8]) -> Kind {
        guard frame.count >= 42 else { return .other }
        switch half(frame, 12) {
        case 0x0806: return half(frame, 20) == 1 && Array(frame[38..<42]) == address ? .arpRequest : .other
        case 0x0800 where frame[14] == 0x45 && Array(frame[30..<34]) == address:
            if frame[23] == 1 { return frame[34] == 0 ? .echoReply : .other }
            let length = Int(half(frame, 38))
            guard frame[23] == 17, length >= 8, frame.count >= 34 + length else { return .other }
            return .datagram(port: Int(half(frame, 36)), payload: frame[42..<34 + length])
        default: return .other
        }
    }

    static func arpReply(to request: [UInt8]) -> [UInt8] {
        Array(request[6..<12]) + hardware + request[12..<20] + [0, 2] + hardware + address + request[22..<32]
    }

    static func echoRequest(answering frame: [UInt8], payload: Int) -> [UInt8] {
        var message = [8, 0, 0, 0, 0x77, 0x66, 0, 1] + [UInt8](repeating: 7, count: payload)
        message.replaceSubrange(2..<4, with: bytes(checksum(message)))
        return packet(answering: frame, 1, message)
    }

    static func datagram(answering frame: [UInt8], payload: [UInt8]) -> [UInt8] {
        let header = Array(frame[36..<38]) + frame[34..<36] + bytes(UInt16(8 + payload.count)) + [0, 0]
        return packet(answering: frame, 17, header + payload)
    }

    /// An IPv4 packet to the sender of `frame`, in an Ethernet frame of at least 60 bytes.
    private static func packet(answering frame: [UInt8], _ number: UInt8, _ content: [UInt8]) -> [UInt8] {
        var header: [UInt8] =
            [0x45, 0] + bytes(UInt16(20 + content.count)) + [0, 1, 0, 0, 64, number, 0, 0] + address + frame[26..<30]
        header.replaceSubrange(10..<12, with: bytes(checksum(header)))
        let whole = Array(frame[6..<12]) + hardware + [8, 0] + header + content
        return whole + [UInt8](repeating: 0, count: max(0, 60 - whole.count))
    }

    /// The Internet checksum (RFC 1071) of bytes whose own checksum field is 0.
    private static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for at in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[at]) << 8 | (at + 1 < bytes.count ? UInt32(bytes[at + 1]) : 0)
        }
        while sum > 0xffff { sum = (sum & 0xffff) + sum >> 16 }
        return ~UInt16(sum)
    }
}
