// Frames in words: Ethernet, ARP, IPv4, ICMP, and the header of IPv6. Each function takes its protocol's bytes, and
// says when they are cut or malformed.

import NetStack
import SystemInterface
import UserLibrary

func describe(_ frame: RawSpan, isWholeWire: Bool) -> Text {
    guard let header = EthernetHeader(parsing: frame) else { return "frame of \(frame.byteCount) bytes, too short" }
    let payload = frame.extracting(EthernetHeader.byteCount..<frame.byteCount)
    var text = Text()
    if isWholeWire {
        text =
            "\(ethernetText(bits(header.source))) > \(ethernetText(bits(header.destination))), ethertype 0x\(hex: header.type, digits: 4), length \(frame.byteCount): "
    }
    switch header.type {
    case EtherType.arp: text = "\(text)\(describeARP(payload))"
    case EtherType.ipv4: text = "\(text)\(describeIPv4(payload))"
    case EtherType.ipv6: text = "\(text)\(describeIPv6(payload))"
    default: text = "\(text)unknown ethertype 0x\(hex: header.type, digits: 4), length \(payload.byteCount)"
    }
    return text
}

/// Six bytes, the first one lowest.
func bits(_ address: EthernetAddress) -> UInt64 {
    var bits: UInt64 = 0
    for i in 0..<6 { bits |= UInt64(address[i]) << UInt64(8 * i) }
    return bits
}

private func describeARP(_ bytes: RawSpan) -> Text {
    guard let message = ARPMessage(parsing: bytes) else { return "ARP, malformed, length \(bytes.byteCount)" }
    let sender: Text = "\(address: message.senderProtocol.bits)"
    let target: Text = "\(address: message.targetProtocol.bits)"
    switch message.operation {
    case .request where message.senderProtocol == .any: return "ARP, Probe \(target)"
    case .request where message.senderProtocol == message.targetProtocol: return "ARP, Announcement \(target)"
    case .request: return "ARP, Request who-has \(target) tell \(sender)"
    case .reply: return "ARP, Reply \(sender) is-at \(ethernetText(bits(message.senderHardware)))"
    }
}

private func describeIPv4(_ bytes: RawSpan) -> Text {
    let header: IPv4Header
    do throws(IPv4HeaderError) {
        header = try IPv4Header(parsing: bytes)
    } catch {
        switch error {
        case .tooShort: return "IP, cut off"
        case .badVersion: return "IP, version is not 4"
        case .badHeaderLength: return "IP, bad header length"
        case .badTotalLength: return "IP, bad total length"
        case .badChecksum: return "IP, bad header checksum"
        }
    }
    let payload = bytes.extracting(header.headerLength..<header.totalLength)
    let source: Text = "\(address: header.source.bits)", destination: Text = "\(address: header.destination.bits)"
    let offset = Int(header.fragment & 0x1fff) * 8
    if header.isFragment {
        let more: StaticString = header.fragment & 0x2000 != 0 ? ", more follow" : ""
        let start: Text = "IP \(source) > \(destination): \(name(ofProtocol: header.protocolNumber)) fragment"
        return "\(start), id \(header.identification), offset \(offset), length \(payload.byteCount)\(more)"
    }
    switch header.protocolNumber {
    case IPProtocol.udp:
        guard payload.byteCount >= 8 else { return "IP \(source) > \(destination): UDP, cut off" }
        let from: Text = "\(source).\(payload.be16(0))", to: Text = "\(destination).\(payload.be16(2))"
        return "IP \(from) > \(to): \(describeUDP(payload))"
    case IPProtocol.icmp: return "IP \(source) > \(destination): \(describeICMP(payload))"
    default: return "IP \(source) > \(destination): protocol \(header.protocolNumber), length \(payload.byteCount)"
    }
}

private func name(ofProtocol number: UInt8) -> Text {
    switch number {
    case IPProtocol.icmp: "ICMP"
    case IPProtocol.udp: "UDP"
    default: "protocol \(number)"
    }
}

private func describeICMP(_ bytes: RawSpan) -> Text {
    guard let header = ICMPHeader(parsing: bytes) else { return "ICMP, cut off" }
    let bad: StaticString = Checksum.isRight(bytes, to: bytes.byteCount) ? "" : ", bad checksum"
    let length: Text = ", length \(bytes.byteCount)\(bad)"
    switch header.type {
    case ICMPType.echoRequest: return "ICMP echo request, id \(header.identifier), seq \(header.sequence)\(length)"
    case ICMPType.echoReply: return "ICMP echo reply, id \(header.identifier), seq \(header.sequence)\(length)"
    case ICMPType.destinationUnreachable: return "ICMP \(unreachable(header, bytes))\(length)"
    case ICMPType.timeExceeded:
        return
            "ICMP \(header.code == 0 ? "time exceeded in transit" : "time exceeded in reassembly" as StaticString)\(length)"
    case ICMPType.parameterProblem: return "ICMP parameter problem\(length)"
    default: return "ICMP type \(header.type), code \(header.code)\(length)"
    }
}

/// What could not be reached, from the packet that the message quotes.
private func unreachable(_ header: ICMPHeader, _ bytes: RawSpan) -> Text {
    guard bytes.byteCount >= 28 else { return "destination unreachable, code \(header.code)" }
    let host: Text = "\(address: bytes.be32(24))"
    let transport = 8 + Int(bytes.byte(8) & 15) * 4
    switch header.code {
    case 0: return "net \(host) unreachable"
    case 1: return "host \(host) unreachable"
    case 2: return "\(host) protocol \(bytes.byte(17)) unreachable"
    case 3 where bytes.byteCount >= transport + 4:
        return "\(host) \(name(ofProtocol: bytes.byte(17))) port \(bytes.be16(transport + 2)) unreachable"
    case 4: return "\(host) unreachable - need to frag (mtu \(header.sequence))"
    default: return "\(host) unreachable, code \(header.code)"
    }
}

private func describeIPv6(_ bytes: RawSpan) -> Text {
    guard bytes.byteCount >= 40, bytes.byte(0) >> 4 == 6 else { return "IP6, malformed" }
    let next: Text
    switch bytes.byte(6) {
    case 0: next = "HBH"
    case 6: next = "TCP"
    case 17: next = "UDP"
    case 58: next = "ICMP6"
    default: next = "next header \(bytes.byte(6))"
    }
    return "IP6 \(ipv6: address(bytes, at: 8)) > \(ipv6: address(bytes, at: 24)): \(next), length \(bytes.be16(4))"
}

/// The sixteen bytes of an IPv6 address.
private func address(_ bytes: RawSpan, at offset: Int) -> NetworkAddress {
    NetworkAddress(
        high: UInt64(bytes.be32(offset)) << 32 | UInt64(bytes.be32(offset + 4)),
        low: UInt64(bytes.be32(offset + 8)) << 32 | UInt64(bytes.be32(offset + 12)))
}
