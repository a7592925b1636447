// Frames in words: Ethernet, ARP, IPv4, ICMP, and the header of IPv6. Each function takes its protocol's bytes, and
// says when they are cut or malformed.

import NetStack
import SystemInterface
import UserLibrary

/// How a line is written.
struct Style {
    /// The Ethernet header, too.
    var showsEthernet = false
    /// The fields of the IP header, too.
    var isVerbose = false
    /// Checksums are complete: not those that a card has yet to make.
    var verifies = true
    /// By which numbers of TCP are counted from the start of their connections; nil: as they are.
    var conversations: Conversations? = Conversations()
}

func describe(_ frame: RawSpan, _ style: Style) -> Text {
    guard let header = EthernetHeader(parsing: frame) else { return "frame of \(frame.byteCount) bytes, too short" }
    let payload = frame.extracting(EthernetHeader.byteCount..<frame.byteCount)
    var text = Text()
    if style.showsEthernet {
        text =
            "\(ethernetText(bits(header.source))) > \(ethernetText(bits(header.destination))), ethertype 0x\(hex: header.type, digits: 4), length \(frame.byteCount): "
    }
    return "\(text)\(describePayload(header.type, payload, style))"
}

/// What a frame carries, by what stands in the place of its type.
func describePayload(_ type: UInt16, _ payload: RawSpan, _ style: Style) -> Text {
    switch type {
    case EtherType.arp: describeARP(payload)
    case EtherType.ipv4: describeIPv4(payload, style)
    case EtherType.ipv6: describeIPv6(payload)
    case EtherType.vlan: describeTagged(payload, style)
    case 0x88cc: describeLLDP(payload)
    case 0..<1536: describeLLC(payload, length: Int(type))
    default: "unknown ethertype 0x\(hex: type, digits: 4), length \(payload.byteCount)"
    }
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

private func describeIPv4(_ bytes: RawSpan, _ style: Style) -> Text {
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
    let start: Text = "IP \(style.isVerbose ? fields(header, bytes.byte(1)) : Text())"
    let offset = Int(header.fragment & 0x1fff) * 8
    if header.isFragment {
        let more: StaticString = header.fragment & 0x2000 != 0 ? ", more follow" : ""
        let head: Text = "\(start)\(source) > \(destination): \(name(ofProtocol: header.protocolNumber)) fragment"
        return "\(head), id \(header.identification), offset \(offset), length \(payload.byteCount)\(more)"
    }
    switch header.protocolNumber {
    case IPProtocol.udp, protocolTCP:
        let isUDP = header.protocolNumber == IPProtocol.udp
        guard payload.byteCount >= (isUDP ? 8 : 20) else { return "\(start)\(source) > \(destination): cut off" }
        let from: Text = "\(source).\(payload.be16(0))", to: Text = "\(destination).\(payload.be16(2))"
        let bad = style.verifies ? badChecksum(payload, header) : Text()
        guard !isUDP else { return "\(start)\(from) > \(to): \(describeUDP(payload))\(bad)" }
        let base = style.conversations?.base(header, payload) ?? SequenceBase()
        return "\(start)\(from) > \(to): \(describeTCP(payload, from: base))\(bad)"
    case IPProtocol.icmp: return "\(start)\(source) > \(destination): \(describeICMP(payload))"
    case IPProtocol.igmp: return "\(start)\(source) > \(destination): \(describeIGMP(payload))"
    default:
        return "\(start)\(source) > \(destination): protocol \(header.protocolNumber), length \(payload.byteCount)"
    }
}

/// The header's other fields, as tcpdump -v writes them.
private func fields(_ header: IPv4Header, _ service: UInt8) -> Text {
    let flags: StaticString = header.dontFragment ? "DF" : header.fragment & 0x2000 != 0 ? "+" : "none"
    let place: Text = "offset \(Int(header.fragment & 0x1fff) * 8), flags [\(flags)]"
    return
        "(tos 0x\(hex: service, digits: 1), ttl \(header.timeToLive), id \(header.identification), \(place), proto \(name(ofProtocol: header.protocolNumber)) (\(header.protocolNumber)), length \(header.totalLength)) "
}

private func name(ofProtocol number: UInt8) -> Text {
    switch number {
    case IPProtocol.icmp: "ICMP"
    case IPProtocol.igmp: "IGMP"
    case IPProtocol.udp: "UDP"
    case protocolTCP: "TCP"
    default: "protocol \(number)"
    }
}

private func describeICMP(_ bytes: RawSpan) -> Text {
    guard let header = ICMPHeader(parsing: bytes) else { return "ICMP, cut off" }
    let bad: StaticString = Checksum.isRight(bytes, to: bytes.byteCount) ? "" : ", bad icmp cksum"
    let length: Text = ", length \(bytes.byteCount)\(bad)"
    switch header.type {
    case ICMPType.echoRequest: return "ICMP echo request, id \(header.identifier), seq \(header.sequence)\(length)"
    case ICMPType.echoReply: return "ICMP echo reply, id \(header.identifier), seq \(header.sequence)\(length)"
    case ICMPType.destinationUnreachable: return "ICMP \(unreachable(header, bytes))\(length)"
    case ICMPType.timeExceeded:
        return
            "ICMP \(header.code == 0 ? "time exceeded in transit" : "time exceeded in reassembly" as StaticString)\(length)"
    case 5 where bytes.byteCount >= 28:
        return "ICMP redirect \(address: bytes.be32(24)) to \(redirect(header.code)) \(address: bytes.be32(4))\(length)"
    case ICMPType.parameterProblem: return "ICMP parameter problem\(length)"
    default: return "ICMP type \(header.type), code \(header.code)\(length)"
    }
}

private func redirect(_ code: UInt8) -> StaticString { code == 0 || code == 2 ? "net" : "host" }

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
