// An Ethernet frame on its way; all copies are the one object. What is changed on the way becomes another frame.

import NetStack

public final class Frame {
    public let bytes: [UInt8]
    /// A bit of it was flipped on the way. Happens to a frame once at most: the Internet checksum finds any one flipped
    /// bit, but not any two.
    public let isDamaged: Bool
    /// A number made of the bytes, for the trace.
    let digest: UInt64

    /// Short frames are padded, as a card does.
    public init(_ bytes: [UInt8], isDamaged: Bool = false) {
        let padding = max(0, EthernetHeader.leastFrame - bytes.count)
        self.bytes = padding == 0 ? bytes : bytes + [UInt8](repeating: 0, count: padding)
        self.isDamaged = isDamaged
        digest = unsafe self.bytes.withUnsafeBytes { raw in
            var sum = UInt64(raw.count)
            for i in stride(from: 0, to: raw.count & ~7, by: 8) {
                // Eight whole bytes.
                sum = (sum ^ (unsafe raw.loadUnaligned(fromByteOffset: i, as: UInt64.self))) &* 0x100_0000_01b3
                sum ^= sum >> 29
            }
            // Up to the end.
            for i in raw.count & ~7..<raw.count { sum = (sum ^ UInt64(unsafe raw[i])) &* 0x100_0000_01b3 }
            return sum
        }
    }

    var destination: UInt64 { Self.number(bytes, at: 0) }
    var source: UInt64 { Self.number(bytes, at: 6) }
    /// Of a fragment: its sender and the datagram's identification, as one number. nil for whole datagrams and all
    /// else.
    var fragmentedDatagram: UInt64? {
        guard bytes[12] == 8, bytes[13] == 0, (Int(bytes[20]) << 8 | Int(bytes[21])) & 0x3fff != 0 else { return nil }
        return [26, 27, 28, 29, 18, 19].reduce(0) { $0 << 8 | UInt64(bytes[$1]) }
    }
    /// Broadcast and other groups.
    var isToGroup: Bool { bytes[0] & 1 != 0 }

    /// An Ethernet address as a number, to look it up by.
    static func number(_ bytes: [UInt8], at offset: Int) -> UInt64 {
        var number: UInt64 = 0
        for i in 0..<6 { number = number << 8 | UInt64(bytes[offset + i]) }
        return number
    }

    /// The same with one bit flipped.
    func damaged(_ random: inout SeededRandom) -> Frame {
        var copy = bytes
        let bit = Int(random.upTo(UInt64(bytes.count * 8 - 1)))
        copy[bit / 8] ^= 1 << UInt8(bit % 8)
        return Frame(copy, isDamaged: true)
    }
}

extension Frame: CustomStringConvertible {
    /// A line of a trace.
    public var description: String {
        func address(_ at: Int) -> String { bytes[at..<at + 4].map { "\($0)" }.joined(separator: ".") }
        func be16(_ at: Int) -> Int { Int(bytes[at]) << 8 | Int(bytes[at + 1]) }
        let damage = isDamaged ? " DAMAGED" : ""
        switch be16(12) {
        case 0x0806:
            let verb = be16(20) == 1 ? "who has \(address(38)), asks" : "reply:"
            return "ARP \(verb) \(address(28))\(damage)"
        case 0x0800:
            let way = "\(address(26)) > \(address(30))"
            let fragment = be16(20) & 0x3fff
            if fragment != 0 { return "fragment \(way) id \(be16(18)) at \((fragment & 0x1fff) * 8)\(damage)" }
            switch bytes[23] {
            case 1: return "ICMP \(way) type \(bytes[34]) sequence \(be16(40))\(damage)"
            case 17 where bytes.count > 284 && [67, 68].contains(be16(36)):
                return "DHCP \(way) type \(bytes[284]) ciaddr \(address(54)) yiaddr \(address(58))\(damage)"
            case 6:
                func be32(_ at: Int) -> Int { be16(at) << 16 | be16(at + 2) }
                let flags = zip("FSRPAUEC", 0...).filter { bytes[47] >> UInt8($0.1) & 1 == 1 }.map { String($0.0) }
                let count = be16(16) - 20 - Int(bytes[46] >> 4) * 4
                let options = bytes[54..<max(54, 34 + Int(bytes[46] >> 4) * 4)].map { String($0, radix: 16) }
                return "TCP \(be16(34)) > \(be16(36)) [\(flags.joined())] \(be32(38))+\(count) ack \(be32(42)) "
                    + "win \(be16(48)) \(options.joined(separator: " "))\(damage)"
            case 17: return "UDP \(way) port \(be16(36))\(damage)"
            default: return "IPv4 \(way) protocol \(bytes[23])\(damage)"
            }
        default: return "type \(String(be16(12), radix: 16))\(damage)"
        }
    }
}
