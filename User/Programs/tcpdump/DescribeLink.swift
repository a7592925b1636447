// Frames that are neither ARP nor IP: VLAN tags, LLC and spanning trees, LLDP.

import NetStack
import SystemInterface
import UserLibrary

/// What follows an 802.1Q tag, from the tag's two bytes of control on. Providers put one tag before another; of more
/// than four the rest is not looked at.
func describeTagged(_ bytes: RawSpan, _ style: Style) -> Text {
    var text = Text()
    var rest = bytes
    for _ in 0..<4 {
        guard rest.byteCount >= 4 else { return "\(text)vlan, cut off" }
        let control = rest.be16(0), type = rest.be16(2)
        text = "\(text)vlan \(control & 0xfff), p \(control >> 13), "
        rest = rest.extracting(4..<rest.byteCount)
        if type != EtherType.vlan { return "\(text)\(describePayload(type, rest, style))" }
    }
    return "\(text)more tags, length \(rest.byteCount)"
}

/// IEEE 802.2: `length` is what stands in the place of the type.
func describeLLC(_ bytes: RawSpan, length: Int) -> Text {
    guard length <= bytes.byteCount, length >= 3 else { return "LLC, bad length \(length)" }
    let payload = bytes.extracting(3..<length)
    switch (bytes.byte(0), bytes.byte(1)) {
    case (0x42, 0x42): return describeSTP(payload)
    case (0xaa, 0xaa) where payload.byteCount >= 5:
        return "SNAP, oui 0x\(hex: payload.be32(0) >> 8, digits: 6), ethertype 0x\(hex: payload.be16(3), digits: 4)"
    default:
        return
            "LLC, dsap 0x\(hex: bytes.byte(0), digits: 2), ssap 0x\(hex: bytes.byte(1), digits: 2), length \(length)"
    }
}

/// IEEE 802.1D, 9.3.
private func describeSTP(_ bytes: RawSpan) -> Text {
    guard bytes.byteCount >= 4, bytes.be16(0) == 0 else { return "STP, cut off" }
    let version: StaticString
    switch bytes.byte(2) {
    case 0: version = "802.1d"
    case 2: version = "802.1w"
    default: version = "802.1s"
    }
    if bytes.byte(3) == 0x80 { return "STP \(version), Topology Change" }
    guard bytes.byteCount >= 35 else { return "STP \(version), cut off" }
    let bridge: Text = "\(hex: bytes.be16(17), digits: 4).\(ethernet(bytes, at: 19))"
    return
        "STP \(version), Config, bridge-id \(bridge).\(hex: bytes.be16(25), digits: 4), root \(hex: bytes.be16(5), digits: 4).\(ethernet(bytes, at: 7)), cost \(bytes.be32(13))"
}

private func ethernet(_ bytes: RawSpan, at offset: Int) -> Text {
    var bits: UInt64 = 0
    for index in 0..<6 { bits |= UInt64(bytes.byte(offset + index)) << UInt64(8 * index) }
    return ethernetText(bits)
}

/// IEEE 802.1AB: values of a type and a length, 7 and 9 bits.
func describeLLDP(_ bytes: RawSpan) -> Text {
    var text: Text = "LLDP"
    var at = 0
    while at + 2 <= bytes.byteCount {
        let head = bytes.be16(at)
        let (type, length) = (head >> 9, Int(head & 0x1ff))
        at += 2
        guard at + length <= bytes.byteCount else { return "\(text), malformed" }
        switch type {
        case 0: return "\(text), length \(bytes.byteCount)"
        case 3 where length == 2: text = "\(text), ttl \(bytes.be16(at))"
        case 5: text = "\(text), name \(printable(bytes, at, length))"
        default: break
        }
        at += length
    }
    return "\(text), length \(bytes.byteCount)"
}

/// Bytes from the wire as text that cannot steer a terminal: others than letters as dots.
func printable(_ bytes: RawSpan, _ start: Int, _ count: Int) -> Text {
    var text = Text()
    for index in start..<min(start + count, bytes.byteCount) {
        let byte = bytes.byte(index)
        text.bytes.append(byte >= 0x20 && byte < 0x7f ? byte : 0x2e)
    }
    return text
}
