// A DHCP server made of bytes, for the tests of the client.

import Testing

@testable import NetStack

let serverAddress = peerAddress
let serverHardware = peerHardware

/// What a reply says; the defaults make sense.
struct ServerReply {
    var type: DHCPMessageType
    var address = guestAddress
    var server: IPv4Address? = serverAddress
    var hardware = guestHardware
    var operation: UInt8 = 2
    var cookie: [UInt8] = [0x63, 0x82, 0x53, 0x63]
    var lease: UInt32? = 3600
    var renewal: UInt32?
    var rebinding: UInt32?
    /// Whole options, put behind the others.
    var extra: [UInt8] = []
    var file: [UInt8] = []
    var serverName: [UInt8] = []
    var end: [UInt8] = [255]
    var destination = IPv4Address.broadcast
    var sourcePort: UInt16 = 67
    /// Without mask, router and name servers.
    var isBare = false

    init(_ type: DHCPMessageType) { self.type = type }

    static func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * $0)) }
    }

    func payload(_ transaction: UInt32) -> [UInt8] {
        var bytes: [UInt8] = [operation, 1, 6, 0] + Self.word(transaction) + [0, 0, 0, 0, 0, 0, 0, 0]
        bytes += Self.word(address.bits) + [UInt8](repeating: 0, count: 8)
        bytes += (0..<16).map { hardware[$0] }
        bytes += serverName + [UInt8](repeating: 0, count: 64 - serverName.count)
        bytes += file + [UInt8](repeating: 0, count: 128 - file.count)
        bytes += cookie + [53, 1, type.rawValue]
        if let server { bytes += [54, 4] + Self.word(server.bits) }
        if let lease { bytes += [51, 4] + Self.word(lease) }
        if let renewal { bytes += [58, 4] + Self.word(renewal) }
        if let rebinding { bytes += [59, 4] + Self.word(rebinding) }
        if isBare { return bytes + extra + end }
        bytes += [1, 4, 255, 255, 255, 0, 3, 4] + Self.word(serverAddress.bits) + [6, 8, 10, 0, 2, 3, 10, 0, 2, 4]
        return bytes + extra + end
    }

    /// The Ethernet frame.
    func frame(_ transaction: UInt32, to hardware: EthernetAddress? = nil) -> [UInt8] {
        let payload = payload(transaction)
        let source = server ?? serverAddress
        let head = emitted(34) { bytes in
            EthernetHeader(destination: hardware ?? .broadcast, source: serverHardware, type: EtherType.ipv4).emit(
                to: &bytes)
        }
        let ip = emitted(20) {
            IPv4Header(
                payloadCount: 8 + payload.count, identification: 1, protocolNumber: 17, source: source,
                destination: destination
            ).emit(to: &$0)
        }
        let udp = emitted(over: [UInt8](repeating: 0, count: 8) + payload) {
            UDPHeader(sourcePort: sourcePort, destinationPort: 68, payloadCount: payload.count).emit(
                to: &$0, source: source, destination: destination)
        }
        return head[..<14] + ip + udp
    }
}

/// A message of the client's, taken apart from its frame.
struct ClientMessage {
    let frame: [UInt8]
    let type: DHCPMessageType
    let transaction: UInt32
    let seconds: Int
    let ciaddr: UInt32
    let source: UInt32
    let destination: UInt32
    let isBroadcastFrame: Bool
    private(set) var options: [UInt8: [UInt8]] = [:]

    /// nil for frames that are no DHCP messages.
    init?(_ frame: [UInt8]) {
        guard frame.count >= 42 + 240, frame[12] == 8, frame[23] == 17, frame[36..<38] == [0, 67] else { return nil }
        func be32(_ at: Int) -> UInt32 { frame[at..<at + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        self.frame = frame
        transaction = be32(46)
        seconds = Int(frame[50]) << 8 | Int(frame[51])
        ciaddr = be32(54)
        source = be32(26)
        destination = be32(30)
        isBroadcastFrame = frame[..<6] == [255, 255, 255, 255, 255, 255]
        var at = 282
        while frame[at] != 255 {
            options[frame[at]] = Array(frame[at + 2..<at + 2 + Int(frame[at + 1])])
            at += 2 + Int(frame[at + 1])
        }
        type = DHCPMessageType(rawValue: options[53]![0])!
    }
}

extension TestHost {
    /// A host without an address.
    static func bare(seed: UInt64 = 0x1234_5678) -> TestHost { TestHost(.any, gateway: nil, seed: seed) }

    var dhcp: DHCPClient { stack.withInterface(.card(0)) { $0.dhcp }! }
    var address: IPv4Address { stack.withInterface(.card(0)) { $0.address }! }

    /// Lets time come, and returns the DHCP messages that go out.
    func messages(at now: Instant) -> [ClientMessage] { deliver(at: now).compactMap { ClientMessage($0) } }

    /// Delivers a server's reply to the exchange under way.
    @discardableResult
    func reply(_ reply: ServerReply, to message: ClientMessage, at now: Instant) -> [[UInt8]] {
        deliver(reply.frame(message.transaction), at: now)
    }

    /// From nothing to a lease; returns the instant at which it is bound.
    @discardableResult
    func bind(_ ack: ServerReply = ServerReply(.ack), at start: Instant = 0) throws -> Instant {
        stack.startDHCP(.card(0), now: start)
        let discover = try #require(wire.takeOutgoing().compactMap { ClientMessage($0) }.first)
        var offer = ack
        offer.type = .offer
        let request = try #require(reply(offer, to: discover, at: start).compactMap { ClientMessage($0) }.first)
        reply(ack, to: request, at: start)
        _ = deliver(at: start + DHCPTime.probeInterval)
        _ = deliver(at: start + DHCPTime.probeInterval * 2)
        return start + DHCPTime.probeInterval * 2
    }
}
