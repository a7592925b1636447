// DHCP as a server reads and writes it (RFC 2131, 2; RFC 2132). The stack's own parsers are the client's; these are the
// other side's, so that a mistake in one is not repeated in the other.

import NetStack

/// What a client wants.
struct ServerRequest {
    /// A DHCP message to a server's port; anything else is whole, and not our business.
    private(set) var isForServer = false
    private(set) var type = DHCPMessageType.nak
    private(set) var transaction: [UInt8] = []
    private(set) var hardware = EthernetAddress.zero
    /// `hardware` as a number.
    private(set) var client: UInt64 = 0
    private(set) var clientAddress = IPv4Address.any
    private(set) var requested: IPv4Address?
    private(set) var server: IPv4Address?

    /// Takes an IPv4 frame; nil when a checksum is wrong, or a length.
    init?(_ frame: Frame) {
        let packet = Array(frame.bytes[14...])
        let ip: IPv4Header
        do { ip = try packet.withBytes { (bytes) throws(IPv4HeaderError) in try IPv4Header(parsing: bytes) } } catch {
            return nil
        }
        guard ip.protocolNumber == IPProtocol.udp, !ip.isFragment else { return }
        let datagram = Array(packet[ip.headerLength..<ip.totalLength])
        guard let udp = datagram.withBytes({ UDPHeader(parsing: $0, source: ip.source, destination: ip.destination) })
        else { return nil }
        guard udp.destinationPort == DHCPPort.server else { return }
        let message = Array(datagram[UDPHeader.byteCount..<udp.length])
        guard message.count > 240, message[0] == 1, message[236..<240] == [0x63, 0x82, 0x53, 0x63] else { return nil }
        transaction = Array(message[4..<8])
        clientAddress = Self.address(message, 12)
        hardware = EthernetAddress(message[28], message[29], message[30], message[31], message[32], message[33])
        client = Frame.number(message, at: 28)
        guard readOptions(message) else { return nil }
        isForServer = true
    }

    private mutating func readOptions(_ message: [UInt8]) -> Bool {
        var hasType = false
        var at = 240
        while at < message.count, message[at] != 255 {
            if message[at] == 0 {
                at += 1
                continue
            }
            guard at + 1 < message.count, at + 2 + Int(message[at + 1]) <= message.count else { return false }
            switch (message[at], message[at + 1]) {
            case (53, 1):
                guard let type = DHCPMessageType(rawValue: message[at + 2]) else { return false }
                self.type = type
                hasType = true
            case (50, 4): requested = Self.address(message, at + 2)
            case (54, 4): server = Self.address(message, at + 2)
            default: break
            }
            at += 2 + Int(message[at + 1])
        }
        return hasType
    }

    private static func address(_ bytes: [UInt8], _ at: Int) -> IPv4Address {
        IPv4Address(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3])
    }
}

enum ServerMessage {
    /// The payload of a reply, 300 bytes.
    static func reply(
        _ type: DHCPMessageType, to request: ServerRequest, address: IPv4Address, server: IPv4Address, mask: UInt32,
        leaseTime: UInt32
    ) -> [UInt8] {
        func word(_ value: UInt32) -> [UInt8] {
            (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
        }
        let ciaddr = type == .ack ? request.clientAddress : .any
        var bytes: [UInt8] =
            [2, 1, 6, 0] + request.transaction + [0, 0, 0, 0] + word(ciaddr.bits) + word(address.bits)
        bytes += [UInt8](repeating: 0, count: 8) + SimulatedServer.bytes(request.hardware)
        bytes += [UInt8](repeating: 0, count: 10 + 64 + 128) + [0x63, 0x82, 0x53, 0x63]
        bytes += [53, 1, type.rawValue, 54, 4] + word(server.bits)
        if type != .nak { bytes += [51, 4] + word(leaseTime) + [1, 4] + word(mask) }
        bytes.append(255)
        return bytes + [UInt8](repeating: 0, count: max(0, DHCPMessage.byteCount - bytes.count))
    }
}
