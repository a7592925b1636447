// IPv6 and ICMPv6 (RFC 8200, RFC 4443, RFC 4861, RFC 3810), as far as they are seen on a wire.

import NetStack
import SystemInterface
import UserLibrary

func describeIPv6(_ bytes: RawSpan) -> Text {
    guard bytes.byteCount >= 40, bytes.byte(0) >> 4 == 6 else { return "IP6, malformed" }
    let hosts: Text = "IP6 \(ipv6: address(bytes, at: 8)) > \(ipv6: address(bytes, at: 24)):"
    let length = Int(bytes.be16(4))
    guard 40 + length <= bytes.byteCount else { return "\(hosts) cut off" }
    var next = bytes.byte(6)
    var payload = bytes.extracting(40..<40 + length)
    var options: StaticString = ""
    if next == 0, payload.byteCount >= 8 {  // hop-by-hop options
        let count = Int(payload.byte(1)) * 8 + 8
        guard count <= payload.byteCount else { return "\(hosts) HBH, cut off" }
        next = payload.byte(0)
        payload = payload.extracting(count..<payload.byteCount)
        options = " HBH"
    }
    switch next {
    case 58: return "\(hosts)\(options) \(describeICMPv6(payload))"
    case 17 where payload.byteCount >= 8:
        return "\(hosts)\(options) \(payload.be16(0)) > \(payload.be16(2)): \(describeUDP(payload))"
    case 6: return "\(hosts)\(options) TCP, length \(payload.byteCount)"
    case 59: return "\(hosts)\(options) no next header"
    default: return "\(hosts)\(options) next header \(next), length \(payload.byteCount)"
    }
}

private func describeICMPv6(_ bytes: RawSpan) -> Text {
    guard bytes.byteCount >= 8 else { return "ICMP6, cut off" }
    let length: Text = ", length \(bytes.byteCount)"
    switch bytes.byte(0) {
    case 1: return "ICMP6, destination unreachable, code \(bytes.byte(1))\(length)"
    case 2: return "ICMP6, packet too big, mtu \(bytes.be32(4))\(length)"
    case 3: return "ICMP6, time exceeded\(length)"
    case 4: return "ICMP6, parameter problem\(length)"
    case 128: return "ICMP6, echo request, id \(bytes.be16(4)), seq \(bytes.be16(6))\(length)"
    case 129: return "ICMP6, echo reply, id \(bytes.be16(4)), seq \(bytes.be16(6))\(length)"
    case 130: return "ICMP6, multicast listener query\(length)"
    case 131: return "ICMP6, multicast listener report\(length)"
    case 132: return "ICMP6, multicast listener done\(length)"
    case 133: return "ICMP6, router solicitation\(length)"
    case 134: return "ICMP6, router advertisement\(length)"
    case 135 where bytes.byteCount >= 24:
        return "ICMP6, neighbor solicitation, who has \(ipv6: address(bytes, at: 8))\(length)"
    case 136 where bytes.byteCount >= 24:
        return "ICMP6, neighbor advertisement, tgt is \(ipv6: address(bytes, at: 8))\(length)"
    case 137: return "ICMP6, redirect\(length)"
    case 143: return "ICMP6, multicast listener report v2, \(bytes.be16(6)) group record(s)\(length)"
    default: return "ICMP6, type \(bytes.byte(0)), code \(bytes.byte(1))\(length)"
    }
}

/// The sixteen bytes of an IPv6 address.
private func address(_ bytes: RawSpan, at offset: Int) -> NetworkAddress {
    NetworkAddress(
        high: UInt64(bytes.be32(offset)) << 32 | UInt64(bytes.be32(offset + 4)),
        low: UInt64(bytes.be32(offset + 8)) << 32 | UInt64(bytes.be32(offset + 12)))
}
