// One network interface: a device, its addresses, its neighbours and its counters. Frames out, ARP.

public struct NetworkInterface<Device: NetworkDevice & ~Copyable>: ~Copyable {
    public var device: Device
    /// Ours; 0.0.0.0 as long as there is none.
    public internal(set) var address = IPv4Address.any
    /// Bits of `address` that are the network's, 0 to 32.
    public internal(set) var prefixLength = 0
    /// The router for everything else, if there is one.
    public internal(set) var gateway: IPv4Address?
    public internal(set) var counters = InterfaceCounters()
    public internal(set) var neighbours: ARPCache
    /// Gets the address from a server, once started.
    public internal(set) var dhcp: DHCPClient
    var mask: UInt32 = 0
    public let hardware: EthernetAddress
    public let mtu: Int
    public let capabilities: NetworkCapabilities
    var capture: CaptureQueue
    var claim = AddressClaim()
    /// As of the last look.
    public internal(set) var isLinkUp: Bool

    /// - Parameters:
    ///   - number: by which the stack knows it.
    ///   - memory: `ARPCache.memoryNeeded` bytes.
    init(_ device: consuming Device, number: Int, memory: UnsafeMutableRawPointer, random: UInt64) {
        neighbours = ARPCache(memory: memory)
        hardware = device.hardwareAddress
        mtu = device.mtu
        capabilities = device.capabilities
        isLinkUp = device.isLinkUp
        capture = CaptureQueue(interface: UInt8(truncatingIfNeeded: number))
        dhcp = DHCPClient(device.hardwareAddress, random: random)
        self.device = device
    }

    mutating func configure(_ address: IPv4Address, prefixLength: Int, gateway: IPv4Address?) {
        self.address = address
        self.prefixLength = min(32, max(0, prefixLength))
        self.gateway = gateway
        mask = RouteEntry.mask(self.prefixLength)
        claim = AddressClaim(announcements: hasAddress ? AddressClaim.announcements : 0)
    }

    /// Looks at the link. A link that is back may lead elsewhere: the address is asked for, and announced, again.
    /// - Returns: whether it went or came since the last look.
    @inline(__always)
    mutating func noticesLink(now: Instant) -> Bool {
        guard device.isLinkUp != isLinkUp else { return false }
        isLinkUp = device.isLinkUp
        guard isLinkUp else { return true }
        if dhcp.isActive { dhcp.linkIsBack(now: now) }
        if hasAddress { claim = AddressClaim(announcements: AddressClaim.announcements) }
        return true
    }

    /// Whether a lease says what is in use already.
    func uses(_ lease: DHCPLease) -> Bool {
        address == lease.address && prefixLength == lease.prefixLength && gateway == lease.router
    }

    @inline(__always)
    var hasAddress: Bool { address != .any }

    /// Whether an address is on this network.
    @inline(__always)
    func isDirect(_ other: IPv4Address) -> Bool { hasAddress && (other.bits ^ address.bits) & mask == 0 }

    /// The limited broadcast, or this network's own.
    @inline(__always)
    func isBroadcast(_ other: IPv4Address) -> Bool {
        other.isBroadcast || (hasAddress && prefixLength < 31 && other.bits == address.bits | ~mask)
    }

    // MARK: Out

    /// Sends an IPv4 packet to a neighbour, at once or when its Ethernet address is known; or to all.
    @inline(__always)
    mutating func send(_ packet: consuming Packet, to neighbour: IPv4Address, pool: PacketPool, now: Instant) {
        if isBroadcast(neighbour) { return transmit(packet, to: .broadcast, type: EtherType.ipv4, pool: pool, now: now) }
        if neighbour.isMulticast {
            return transmit(packet, to: EthernetAddress(group: neighbour), type: EtherType.ipv4, pool: pool, now: now)
        }
        switch neighbours.resolve(neighbour, now: now) {
        case .known(let hardware): transmit(packet, to: hardware, type: EtherType.ipv4, pool: pool, now: now)
        case .knownButAsk(let hardware):
            transmit(packet, to: hardware, type: EtherType.ipv4, pool: pool, now: now)
            request(neighbour, from: hardware, pool: pool, now: now)
        case .unknown(let ask):
            if let dropped = neighbours.wait(packet, for: neighbour) {
                counters.count(.arpQueueFull)
                _ = consume dropped
            }
            if ask { request(neighbour, from: nil, pool: pool, now: now) }
        case .full: counters.count(.arpTableFull)
        }
    }

    /// Puts the Ethernet header on and gives the frame to the device.
    @inline(never)
    mutating func transmit(
        _ packet: consuming Packet, to destination: EthernetAddress, type: UInt16, pool: PacketPool, now: Instant
    ) {
        guard packet.prepend(EthernetHeader.byteCount) else { return counters.count(.tooLarge) }
        var bytes = packet.mutableBytes
        EthernetHeader(destination: destination, source: hardware, type: type).emit(to: &bytes)
        capture.note(packet, isOutgoing: true, pool: pool, now: now)
        if !capabilities.contains(.checksumOut) { packet.completeChecksum() }
        let count = packet.totalCount
        if device.transmit(LentPacket(packet)) != nil {
            counters.count(.transmitRingFull)
        } else {
            counters.packetsOut &+= 1
            counters.bytesOut &+= UInt64(count)
        }
    }

    /// Asks who has an address: everybody, or one neighbour that had it (RFC 1122, 2.3.2.1, unicast poll).
    /// - Parameter sender: nil for our address; 0.0.0.0 in a probe.
    @inline(never)
    mutating func request(
        _ wanted: IPv4Address, from neighbour: EthernetAddress?, as sender: IPv4Address? = nil, pool: PacketPool, now: Instant
    ) {
        guard var packet = pool.take(), packet.resize(to: ARPMessage.byteCount) else { return counters.count(.noPacket) }
        var bytes = packet.mutableBytes
        ARPMessage(
            operation: .request, senderHardware: hardware, senderProtocol: sender ?? address, targetHardware: .zero,
            targetProtocol: wanted
        ).emit(to: &bytes)
        transmit(packet, to: neighbour ?? .broadcast, type: EtherType.arp, pool: pool, now: now)
    }

    // MARK: ARP

    /// Takes an ARP message (the frame without its Ethernet header), and answers it in its own buffer when it asks for us.
    mutating func inputARP(_ packet: consuming Packet, pool: PacketPool, now: Instant) {
        guard let message = ARPMessage(parsing: packet.bytes), message.senderHardware.isUnicast else {
            return counters.count(.arpMalformed)
        }
        if dhcp.hear(message, now: now) { return counters.count(.arpConflict) }
        guard hasAddress else { return counters.count(.noInterfaceAddress) }
        guard message.senderProtocol != address else {
            if message.senderHardware != hardware { defend(pool: pool, now: now) }
            return
        }
        let asksForUs = message.operation == .request && message.targetProtocol == address
        if message.senderProtocol.isUnicast, isDirect(message.senderProtocol), !isBroadcast(message.senderProtocol) {
            let wasOfUse = neighbours.confirm(
                message.senderProtocol, message.senderHardware, mayLearn: asksForUs, now: now)
            if wasOfUse { sendWaiting(for: message.senderProtocol, at: message.senderHardware, pool: pool, now: now) }
            if !wasOfUse, message.operation == .reply { counters.count(.arpUnsolicited) }
        } else if message.senderProtocol != .any {  // 0.0.0.0 probes for conflicts (RFC 5227) and is answered
            return counters.count(.arpMalformed)
        }
        if asksForUs { reply(to: message, in: packet, pool: pool, now: now) }
    }

    /// Another station says that our address is its own.
    private mutating func defend(pool: PacketPool, now: Instant) {
        counters.count(.arpConflict)
        switch claim.contest(now: now) {
        case .defend: request(address, from: nil, as: address, pool: pool, now: now)
        case .yield: _ = dhcp.loseAddress(now: now)  // an address given by hand is kept (RFC 5227, 2.4 (c))
        }
    }

    private mutating func sendWaiting(for neighbour: IPv4Address, at hardware: EthernetAddress, pool: PacketPool, now: Instant) {
        while let packet = neighbours.nextReady(neighbour) {
            transmit(packet, to: hardware, type: EtherType.ipv4, pool: pool, now: now)
        }
    }

    private mutating func reply(to request: ARPMessage, in packet: consuming Packet, pool: PacketPool, now: Instant) {
        packet.resize(to: ARPMessage.byteCount)
        var bytes = packet.mutableBytes
        ARPMessage(
            operation: .reply, senderHardware: hardware, senderProtocol: address,
            targetHardware: request.senderHardware, targetProtocol: request.senderProtocol
        ).emit(to: &bytes)
        transmit(packet, to: request.senderHardware, type: EtherType.arp, pool: pool, now: now)
    }

    /// A neighbour that did not answer, and what waited for it.
    struct SilentNeighbour: ~Copyable {
        let address: IPv4Address
        var packets: PacketQueue
    }

    /// Announces, asks again, and gives up. Returns a neighbour that did not answer; call until nil.
    mutating func tick(pool: PacketPool, now: Instant) -> SilentNeighbour? {
        if claim.announces(now: now) { request(address, from: nil, as: address, pool: pool, now: now) }
        while let event = neighbours.tick(now: now) {
            switch consume event {
            case .ask(let wanted, let neighbour): request(wanted, from: neighbour, pool: pool, now: now)
            case .failed(let neighbour, let packets): return SilentNeighbour(address: neighbour, packets: packets)
            }
        }
        return nil
    }

    /// When `tick` is due.
    var nextDeadline: Instant { min(neighbours.nextDeadline, claim.deadline) }
}
