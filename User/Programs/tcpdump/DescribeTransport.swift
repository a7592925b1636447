// TCP, IGMP, and whether a checksum over a pseudo-header is right.

import NetStack
import SystemInterface
import UserLibrary

var protocolTCP: UInt8 { 6 }

/// From the TCP header on, of which twenty bytes are there (RFC 9293, 3.1).
func describeTCP(_ bytes: RawSpan) -> Text {
    let headerLength = Int(bytes.byte(12) >> 4) * 4
    guard headerLength >= 20, headerLength <= bytes.byteCount else { return "TCP, bad header length \(headerLength)" }
    let flags = bytes.byte(13)
    var letters = Text()
    for (bit, letter) in [(2, 0x53), (1, 0x46), (4, 0x52), (8, 0x50), (16, 0x2e), (32, 0x55)] as [(UInt8, UInt8)]
    where flags & bit != 0 {
        letters.bytes.append(letter)
    }
    var text: Text = "Flags [\(letters)], seq \(bytes.be32(4))"
    if flags & 16 != 0 { text = "\(text), ack \(bytes.be32(8))" }
    return "\(text), win \(bytes.be16(14)), length \(bytes.byteCount - headerLength)"
}

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
