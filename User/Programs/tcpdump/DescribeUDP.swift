// What travels in UDP, in words: DHCP and DNS by their ports, the rest by its length.

import NetStack
import SystemInterface
import UserLibrary

/// From the UDP header on, of which eight bytes are there.
func describeUDP(_ bytes: RawSpan) -> Text {
    let length = Int(bytes.be16(4))
    guard length >= 8, length <= bytes.byteCount else { return "UDP, bad length \(length)" }
    let payload = bytes.extracting(8..<length)
    let (source, destination) = (bytes.be16(0), bytes.be16(2))
    if source == DHCPPort.server || destination == DHCPPort.server, let text = describeDHCP(payload) { return text }
    if source == DNSField.port || destination == DNSField.port, let text = describeDNS(payload) { return text }
    if source == 5353 || destination == 5353, let text = describeDNS(payload) { return "m\(text)" }
    return "UDP, length \(payload.byteCount)"
}

// MARK: DHCP (RFC 2131)

/// nil when it is none.
private func describeDHCP(_ bytes: RawSpan) -> Text? {
    guard bytes.byteCount >= 240, bytes.be32(236) == 0x6382_5363 else { return nil }
    let isReply = bytes.byte(0) == 2
    var text: Text =
        "BOOTP/DHCP, \(isReply ? "Reply" : "Request" as StaticString), xid 0x\(hex: bytes.be32(4), digits: 8)"
    if bytes.be32(12) != 0 { text = "\(text), client \(address: bytes.be32(12))" }
    if bytes.be32(16) != 0 { text = "\(text), your \(address: bytes.be32(16))" }
    var at = 240
    while at + 1 < bytes.byteCount, bytes.byte(at) != 255 {
        if bytes.byte(at) == 0 {
            at += 1
            continue
        }
        let count = Int(bytes.byte(at + 1))
        guard at + 2 + count <= bytes.byteCount else { return "\(text), options cut off" }
        text = "\(text)\(describeOption(bytes.byte(at), bytes.extracting(at + 2..<at + 2 + count)))"
        at += 2 + count
    }
    return text
}

private func describeOption(_ code: UInt8, _ value: RawSpan) -> Text {
    switch (code, value.byteCount) {
    case (53, 1):
        switch value.byte(0) {
        case 1: return ", Discover"
        case 2: return ", Offer"
        case 3: return ", Request"
        case 4: return ", Decline"
        case 5: return ", ACK"
        case 6: return ", NACK"
        case 7: return ", Release"
        case 8: return ", Inform"
        default: return ", type \(value.byte(0))"
        }
    case (1, 4): return ", mask \(address: value.be32(0))"
    case (3, 4...): return ", router \(address: value.be32(0))"
    case (6, 4...): return ", name server \(address: value.be32(0))"
    case (50, 4): return ", wants \(address: value.be32(0))"
    case (51, 4): return ", lease \(value.be32(0)) s"
    case (54, 4): return ", server \(address: value.be32(0))"
    default: return ""
    }
}

// MARK: DNS (RFC 1035)

/// nil when it is none.
private func describeDNS(_ bytes: RawSpan) -> Text? {
    guard bytes.byteCount >= DNSField.headerCount else { return nil }
    let flags = bytes.be16(2)
    let isAnswer = flags & 0x8000 != 0
    var offset = DNSField.headerCount
    var text: Text = "DNS \(bytes.be16(0))\(flags & 0x0100 != 0 && !isAnswer ? "+" : "" as StaticString)"
    if isAnswer, let error = responseError(flags) { text = "\(text) \(error)" }
    for _ in 0..<min(4, bytes.be16(4)) {
        guard let name = readName(bytes, at: &offset), offset + 4 <= bytes.byteCount else {
            return "\(text), malformed"
        }
        text = "\(text) \(type(bytes.be16(offset)))? \(name)"
        offset += 4
    }
    guard isAnswer else { return "\(text) (\(bytes.byteCount))" }
    let count = bytes.be16(6)
    for index in 0..<min(8, count) {
        guard readName(bytes, at: &offset) != nil, offset + 10 <= bytes.byteCount else { return "\(text), malformed" }
        let kind = bytes.be16(offset)
        let length = Int(bytes.be16(offset + 8))
        let start = offset + 10
        guard start + length <= bytes.byteCount else { return "\(text), cut off" }
        text = "\(text)\(index == 0 ? " " : ", " as StaticString)\(type(kind))"
        if kind == 1, length == 4 { text = "\(text) \(address: bytes.be32(start))" }
        var at = start
        if kind == 5, let target = readName(bytes, at: &at) { text = "\(text) \(target)" }
        offset = start + length
    }
    return "\(text) (\(bytes.byteCount))"
}

private func type(_ number: UInt16) -> Text {
    switch number {
    case 1: "A"
    case 2: "NS"
    case 5: "CNAME"
    case 6: "SOA"
    case 12: "PTR"
    case 15: "MX"
    case 16: "TXT"
    case 28: "AAAA"
    case 33: "SRV"
    case 255: "ANY"
    default: "TYPE\(number)"
    }
}

private func responseError(_ flags: UInt16) -> Text? {
    switch flags & 15 {
    case 0: nil
    case 2: "ServFail"
    case 3: "NXDomain"
    case 5: "Refused"
    default: "error \(flags & 15)"
    }
}

/// A name in words, and where it ends. Not inlined: a name takes 260 bytes of a stack of one page.
@inline(never)
private func readName(_ bytes: RawSpan, at offset: inout Int) -> Text? {
    var name = DNSName()
    guard name.parse(bytes, at: &offset) else { return nil }
    var text = Text()
    name.forEachCharacter { text.bytes.append($0) }
    text.bytes.append(46)
    return text
}
