// A DHCP server (RFC 2131, 4.3) on a port of the switch, for a pool of addresses. It probes nothing and forgets nothing
// before its time; whatever it grants twice at once is written down. It answers ARP for itself, and nothing else.

import NetStack

/// An address granted to a second client while a first one had it.
public struct DuplicateGrant: Sendable {
    public let address: IPv4Address
    public let time: UInt64
}

public final class SimulatedServer: Station {
    public let address = IPv4Address(10, 0, 0, 1)
    /// 10.0.0.0/16.
    static let mask: UInt32 = 0xffff_0000
    static let hardware = EthernetAddress(0x52, 0x54, 2, 0, 0, 1)

    /// One per address of the pool.
    private struct Binding {
        var client: UInt64?
        /// Until when it is the client's; an offer lasts a minute.
        var expires: UInt64 = 0
        var isLeased = false
        /// A client found it in use.
        var isDeclined = false
    }

    private let first: UInt32
    private var bindings: [Binding]
    private var placeOfClient: [UInt64: Int] = [:]
    private var nextPlace = 0
    private let leaseTime: UInt32
    private var outgoing: [Frame] = []

    public private(set) var grants = 0
    public private(set) var refusals = 0
    public private(set) var declines = 0
    public private(set) var duplicates: [DuplicateGrant] = []
    /// Frames whose checksum was wrong.
    public private(set) var malformed = 0

    /// - Parameters:
    ///   - addresses: how many, from 10.0.1.0 on; those that end in .0 or .255 are fine in a /16.
    ///   - leaseTime: seconds.
    init(addresses: Int, leaseTime: UInt32) {
        first = IPv4Address(10, 0, 1, 0).bits
        bindings = Array(repeating: Binding(), count: addresses)
        self.leaseTime = leaseTime
    }

    /// The card address of the host that has an address at the moment; nil: none has.
    func holder(of address: IPv4Address, now: UInt64) -> UInt64? {
        guard let place = place(of: address), bindings[place].isLeased, bindings[place].expires > now else {
            return nil
        }
        return bindings[place].client
    }

    // MARK: Station

    var deadline: UInt64 { .max }
    func wake(now: UInt64) {}
    func takeOutgoing() -> [Frame] {
        defer { outgoing = [] }
        return outgoing
    }

    func receive(_ frame: Frame, now: UInt64) -> Bool {
        take(frame, now: now)
        return !outgoing.isEmpty
    }

    private func take(_ frame: Frame, now: UInt64) {
        guard frame.isToGroup || frame.destination == Frame.number(Self.bytes(Self.hardware), at: 0) else { return }
        switch Int(frame.bytes[12]) << 8 | Int(frame.bytes[13]) {
        case 0x0806: answerARP(frame)
        case 0x0800:
            guard let request = ServerRequest(frame) else {
                malformed += 1
                return
            }
            if request.isForServer { serve(request, now: now) }
        default: break
        }
    }

    private func answerARP(_ frame: Frame) {
        guard let request = Array(frame.bytes[14...]).withBytes({ ARPMessage(parsing: $0) }),
            request.operation == .request, request.targetProtocol == address,
            request.senderHardware.isUnicast
        else { return }
        let reply = ARPMessage(
            operation: .reply, senderHardware: Self.hardware, senderProtocol: address,
            targetHardware: request.senderHardware,
            targetProtocol: request.senderProtocol)
        let body = written(ARPMessage.byteCount) { reply.emit(to: &$0) }
        send(body, type: EtherType.arp, to: request.senderHardware)
    }

    // MARK: The protocol

    private func serve(_ request: ServerRequest, now: UInt64) {
        switch request.type {
        case .discover:
            guard let place = choose(for: request.client, wanted: request.requested, now: now) else { return }
            if !(bindings[place].isLeased && bindings[place].expires > now) {
                bind(place, to: request.client, until: now + 60_000_000_000, isLeased: false)
            }
            reply(.offer, to: request, address(of: place))
        case .request: serveRequest(request, now: now)
        case .decline:
            guard request.server == address, let wanted = request.requested, let place = place(of: wanted),
                bindings[place].client == request.client
            else { return }
            declines += 1
            free(place)
            bindings[place].isDeclined = true
        case .release:
            guard let place = place(of: request.clientAddress), bindings[place].client == request.client else { return }
            free(place)
        default: break
        }
    }

    /// Of one offer (with this server's name), or to keep what the client has.
    private func serveRequest(_ request: ServerRequest, now: UInt64) {
        if let server = request.server, server != address { return }
        let wanted = request.requested ?? request.clientAddress
        guard let place = place(of: wanted), !bindings[place].isDeclined else { return refuse(request) }
        if bindings[place].client != request.client, bindings[place].expires > now { return refuse(request) }
        // Never offered, or too late.
        if bindings[place].client != request.client, request.server != nil { return refuse(request) }
        if let holder = holder(of: wanted, now: now), holder != request.client {
            duplicates.append(DuplicateGrant(address: wanted, time: now))
        }
        bind(place, to: request.client, until: now + UInt64(leaseTime) * 1_000_000_000, isLeased: true)
        grants += 1
        reply(.ack, to: request, wanted)
    }

    private func refuse(_ request: ServerRequest) {
        refusals += 1
        reply(.nak, to: request, .any)
    }

    /// What the client has or had, what it wishes, or the next free one.
    private func choose(for client: UInt64, wanted: IPv4Address?, now: UInt64) -> Int? {
        if let place = placeOfClient[client], bindings[place].client == client, !bindings[place].isDeclined {
            return place
        }
        if let wanted, let place = place(of: wanted), isFree(place, now: now) { return place }
        for _ in 0..<bindings.count {
            defer { nextPlace = (nextPlace + 1) % bindings.count }
            if isFree(nextPlace, now: now) { return nextPlace }
        }
        return nil
    }

    private func isFree(_ place: Int, now: UInt64) -> Bool {
        !bindings[place].isDeclined && (bindings[place].client == nil || bindings[place].expires <= now)
    }

    private func bind(_ place: Int, to client: UInt64, until end: UInt64, isLeased: Bool) {
        bindings[place].client = client
        bindings[place].expires = end
        bindings[place].isLeased = isLeased
        placeOfClient[client] = place
    }

    private func free(_ place: Int) {
        if let client = bindings[place].client, placeOfClient[client] == place { placeOfClient[client] = nil }
        bindings[place] = Binding()
    }

    private func address(of place: Int) -> IPv4Address { IPv4Address(bits: first + UInt32(place)) }
    private func place(of address: IPv4Address) -> Int? {
        address.bits >= first && address.bits - first < UInt32(bindings.count) ? Int(address.bits - first) : nil
    }

    // MARK: Out

    /// To the client's new address, or the one it has; a NAK to all (RFC 2131, 4.1 and 4.3.2).
    private func reply(_ type: DHCPMessageType, to request: ServerRequest, _ given: IPv4Address) {
        let payload = ServerMessage.reply(
            type, to: request, address: given, server: address, mask: Self.mask, leaseTime: leaseTime)
        let destination = type == .nak ? IPv4Address.broadcast : given
        let udp = written(over: [UInt8](repeating: 0, count: UDPHeader.byteCount) + payload) {
            UDPHeader(sourcePort: DHCPPort.server, destinationPort: DHCPPort.client, payloadCount: payload.count)
                .emit(to: &$0, source: address, destination: destination)
        }
        let ip = written(IPv4Header.leastByteCount) {
            IPv4Header(
                payloadCount: udp.count, identification: UInt16(truncatingIfNeeded: grants),
                protocolNumber: IPProtocol.udp,
                source: address, destination: destination
            ).emit(to: &$0)
        }
        send(ip + udp, type: EtherType.ipv4, to: type == .nak ? .broadcast : request.hardware)
    }

    private func send(_ body: [UInt8], type: UInt16, to destination: EthernetAddress) {
        let header = written(EthernetHeader.byteCount) {
            EthernetHeader(destination: destination, source: Self.hardware, type: type).emit(to: &$0)
        }
        outgoing.append(Frame(header + body))
    }

    static func bytes(_ address: EthernetAddress) -> [UInt8] { (0..<6).map { address[$0] } }
}

/// The bytes that an emitter writes over zeros.
func written(_ count: Int, _ body: (inout MutableRawSpan) -> Void) -> [UInt8] {
    written(over: [UInt8](repeating: 0, count: count), body)
}

/// The bytes that an emitter writes over others.
func written(over start: [UInt8], _ body: (inout MutableRawSpan) -> Void) -> [UInt8] {
    var bytes = start
    unsafe bytes.withUnsafeMutableBytes { raw in
        var span = unsafe MutableRawSpan(_unsafeBytes: raw)  // does not outlive the bytes
        body(&span)
    }
    return bytes
}
