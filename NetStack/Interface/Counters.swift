// Counters a user can see: traffic, and one for each reason why a packet was dropped.

/// Why a packet went no further.
public enum DropReason: Int, Sendable {
    case frameToDownInterface, frameTooShort, frameNotForUs, unknownEtherType, otherVLAN
    case arpMalformed, arpUnsolicited, arpConflict, arpContradiction, arpFromOurself
    case neighbourQueueFull, neighbourSilent, neighbourTableFull
    case ipTooShort, ipBadVersion, ipBadHeaderLength, ipBadTotalLength, ipBadChecksum, ipBadSource, ipNotForUs
    case ipUnicastInBroadcastFrame, ipBadOption, ipBadFragment, ipDuplicateFragment
    case ipReassemblyTimedOut, ipReassemblyEvicted, ipUnknownProtocol
    case icmpTooShort, icmpBadChecksum, icmpUnknownType, icmpEchoToBroadcast, icmpUnexpectedReply
    case icmpErrorLimited, igmpMalformed
    case udpMalformed, udpNoSocket, udpQueueFull
    case tcpMalformed, tcpBadChecksum, tcpToGroup, tcpNoConnection, tcpQueueFull
    case dhcpMalformed, dhcpUnexpected
    case noRoute, noInterfaceAddress, tooLarge, noPacket, transmitRingFull, linkDown, interfaceDown, loopbackFull

    public static var count: Int { DropReason.loopbackFull.rawValue + 1 }

    /// About a packet that came in; else about one that was to go out.
    public var isIncoming: Bool {
        switch self {
        case .neighbourQueueFull, .neighbourSilent, .neighbourTableFull, .icmpErrorLimited, .tooLarge, .noPacket,
            .transmitRingFull, .interfaceDown, .loopbackFull:
            false
        default: true
        }
    }

    /// What a user reads.
    public var name: StaticString {
        switch self {
        case .frameToDownInterface: "frame to an interface that is down"
        case .frameTooShort: "frame too short"
        case .frameNotForUs: "frame for another station"
        case .unknownEtherType: "unknown EtherType"
        case .otherVLAN: "frame of a VLAN that is not ours"
        case .arpMalformed: "malformed ARP message"
        case .arpUnsolicited: "ARP reply to no question"
        case .arpConflict: "another station claims our address"
        case .arpContradiction: "another station claims a neighbour's address"
        case .arpFromOurself: "ARP message with our own Ethernet address"
        case .neighbourQueueFull: "too many packets waiting for a neighbour"
        case .neighbourSilent: "no answer from a neighbour"
        case .neighbourTableFull: "neighbour table full"
        case .ipTooShort: "IP header incomplete"
        case .ipBadVersion: "IP version not 4"
        case .ipBadHeaderLength: "bad IP header length"
        case .ipBadTotalLength: "bad IP total length"
        case .ipBadChecksum: "bad IP header checksum"
        case .ipBadSource: "impossible IP source address"
        case .ipNotForUs: "IP packet for another host"
        case .ipUnicastInBroadcastFrame: "IP unicast in a broadcast frame"
        case .ipBadOption: "IP option that is malformed, or a source route"
        case .ipBadFragment: "IP fragment that does not fit"
        case .ipDuplicateFragment: "IP fragment that came twice"
        case .ipReassemblyTimedOut: "IP fragment whose others did not come in 30 seconds"
        case .ipReassemblyEvicted: "IP fragment that made room for others"
        case .ipUnknownProtocol: "unknown IP protocol"
        case .icmpTooShort: "ICMP message incomplete"
        case .icmpBadChecksum: "bad ICMP checksum"
        case .icmpUnknownType: "unknown ICMP type"
        case .icmpEchoToBroadcast: "ICMP echo request to a broadcast address"
        case .icmpUnexpectedReply: "ICMP reply to no request"
        case .icmpErrorLimited: "ICMP error withheld: too many"
        case .igmpMalformed: "malformed IGMP message"
        case .udpMalformed: "bad UDP length or checksum"
        case .udpNoSocket: "UDP port without a socket"
        case .udpQueueFull: "UDP socket queue full"
        case .tcpMalformed: "TCP header incomplete"
        case .tcpBadChecksum: "bad TCP checksum"
        case .tcpToGroup: "TCP segment to a group"
        case .tcpNoConnection: "TCP segment of no connection"
        case .tcpQueueFull: "TCP segment without room"
        case .dhcpMalformed: "malformed DHCP message"
        case .dhcpUnexpected: "DHCP message to no request"
        case .noRoute: "no route to destination"
        case .noInterfaceAddress: "interface has no address"
        case .tooLarge: "packet larger than the MTU"
        case .noPacket: "no free packet"
        case .transmitRingFull: "transmit ring full"
        case .linkDown: "link went down"
        case .interfaceDown: "interface is down"
        case .loopbackFull: "loopback queue full"
        }
    }
}

/// One set per interface.
public struct InterfaceCounters {
    public var packetsIn: UInt64 = 0
    public var packetsOut: UInt64 = 0
    /// Ethernet header included.
    public var bytesIn: UInt64 = 0
    public var bytesOut: UInt64 = 0
    /// Fragments that came before the last one of a datagram that was put together.
    public internal(set) var joined: UInt64 = 0
    var drops = InlineArray<56, UInt64>(repeating: 0)

    public init() {}

    public subscript(reason: DropReason) -> UInt64 { drops[reason.rawValue] }

    @inline(never)
    mutating func count(_ reason: DropReason, _ packets: Int = 1) {
        drops[reason.rawValue] &+= UInt64(truncatingIfNeeded: packets)
    }

    /// Packets that came in and served their purpose.
    /// - Parameter waiting: fragments of this interface's that wait for others.
    public func delivered(waiting: Int) -> UInt64 {
        var rest = packetsIn &- joined &- UInt64(truncatingIfNeeded: waiting)
        for number in 0..<DropReason.count {
            if let reason = DropReason(rawValue: number), reason.isIncoming { rest &-= drops[number] }
        }
        return rest
    }
}
