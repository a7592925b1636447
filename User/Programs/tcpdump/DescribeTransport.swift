// IGMP, and whether a checksum over a pseudo-header is right.

import NetStack
import SystemInterface
import UserLibrary

var protocolTCP: UInt8 { 6 }

/// RFC 2236, and the later types by number.
func describeIGMP(_ bytes: RawSpan) -> Text {
    guard bytes.byteCount >= 8 else { return "IGMP, cut off" }
    let bad: StaticString = Checksum.isRight(bytes, to: bytes.byteCount) ? "" : ", bad igmp cksum"
    let group: Text = "\(address: bytes.be32(4))"
    switch bytes.byte(0) {
    case 0x11: return "igmp query \(bytes.be32(4) == 0 ? "for all" : group)\(bad)"
    case 0x12: return "igmp v1 report \(group)\(bad)"
    case 0x16: return "igmp v2 report \(group)\(bad)"
    case 0x17: return "igmp leave \(group)\(bad)"
    case 0x22: return "igmp v3 report, \(bytes.be16(6)) group record(s)\(bad)"
    default: return "igmp type 0x\(hex: bytes.byte(0), digits: 2)\(bad)"
    }
}

/// Says when the checksum of UDP or TCP is wrong; empty when it is right, absent, or cannot be told.
func badChecksum(_ payload: RawSpan, _ ip: IPv4Header) -> Text {
    let isUDP = ip.protocolNumber == IPProtocol.udp
    let length = isUDP ? Int(payload.be16(4)) : payload.byteCount
    guard length >= 8, length <= payload.byteCount, !isUDP || payload.be16(6) != 0 else { return Text() }
    var sum = Checksum()
    sum.add(ip.source.bits)
    sum.add(ip.destination.bits)
    sum.add(UInt16(ip.protocolNumber))
    sum.add(UInt16(truncatingIfNeeded: length))
    sum.add(payload, to: length)
    return sum.folded == 0xffff ? Text() : isUDP ? ", bad udp cksum" : ", bad tcp cksum"
}
