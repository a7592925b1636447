// One network interface, a card's or the loopback: its addresses, counters and clients. The card itself is in the
// stack's device table.

import Storage

public struct NetworkInterface: ~Copyable {
    public let id: InterfaceID
    /// Ours; 0.0.0.0 as long as there is none.
    public internal(set) var address = IPv4Address.any
    /// Bits of `address` that are the network's, 0 to 32.
    public internal(set) var prefixLength = 0
    /// The router for everything else, if there is one.
    public internal(set) var gateway: IPv4Address?
    public internal(set) var counters = InterfaceCounters()
    /// Gets the address from a server, once started.
    public internal(set) var dhcp: DHCPClient
    var mask: UInt32 = 0
    /// Zero for the loopback.
    public let hardware: EthernetAddress
    /// The most bytes of a packet, its IP header included: the card's limit, or less by hand or by the lease.
    public var mtu: Int { mtuByHand ?? min(greatestMTU, mtuByLease ?? .max) }
    public let greatestMTU: Int
    var mtuByHand: Int?
    var mtuByLease: Int?
    /// Put down by hand: nothing goes in or out.
    public internal(set) var isDown = false { didSet { noteAside() } }
    /// The rings of a program that holds the card.
    var rings: Ref<PacketRings>? { didSet { noteAside() } }
    public var isHeld: Bool { rings != nil }
    /// The card had no room for a frame of theirs.
    var ringsAwaitRoom = false
    /// Until then the program that holds the card is thought to look at it by itself: the card need not interrupt.
    var servedUntil = Instant.start
    func isServed(at now: Instant) -> Bool { now < servedUntil && isHeld }
    /// The last poll let the card interrupt.
    var isWatched = true
    /// Frames go another way than usual: the interface is down, or a program holds the card. One look where each frame
    /// passes.
    private(set) var isAside = false
    private mutating func noteAside() { isAside = isDown || isHeld }
    /// The routes that came with the address.
    var leaseRoutes = DHCPRoutes()
    /// What the card can do, and of that what is used: all of it that was not switched off.
    public let cardCapabilities: NetworkCapabilities
    public internal(set) var capabilities: NetworkCapabilities
    /// What is to be used when the program that holds the card lets go.
    var usedAfter: NetworkCapabilities = []
    var capture: CaptureQueue
    var claim = AddressClaim()
    /// Another station that has the address, which was not told yet.
    private var conflict: EthernetAddress?
    /// As of the last poll.
    public internal(set) var isLinkUp: Bool

    /// An interface without an address.
    init(
        _ id: InterfaceID, hardware: EthernetAddress, mtu: Int, capabilities: NetworkCapabilities, isLinkUp: Bool,
        random: RandomGenerator
    ) {
        self.id = id
        self.hardware = hardware
        greatestMTU = mtu
        cardCapabilities = capabilities
        self.capabilities = capabilities
        self.isLinkUp = isLinkUp
        capture = CaptureQueue(interface: id)
        dhcp = DHCPClient(hardware, random: random)
    }

    /// Sets the MTU by hand; 0: as the card and the lease have it. False, and no change, when the card does not take it.
    public mutating func setMTU(_ mtu: Int) -> Bool {
        guard !id.isLoopback, mtu == 0 || (mtu >= 68 && mtu <= greatestMTU) else { return false }
        mtuByHand = mtu == 0 ? nil : mtu
        return true
    }

    /// Another station was heard that has our address.
    mutating func noteConflict(_ hardware: EthernetAddress) { conflict = hardware }

    /// A station that was heard to have our address, once.
    public mutating func takeConflict() -> EthernetAddress? { conflict.take() }

    /// Whether packets can go this way.
    @inline(__always)
    var isUsable: Bool { isLinkUp && !isDown }

    /// - Parameter isProbed: another station was asked for already.
    mutating func configure(_ address: IPv4Address, prefixLength: Int, gateway: IPv4Address?, isProbed: Bool) {
        self.address = address
        self.prefixLength = min(32, max(0, prefixLength))
        self.gateway = gateway
        mask = ipv4Mask(self.prefixLength)
        conflict = nil
        claim = AddressClaim(
            announcements: hasAddress && !id.isLoopback ? AddressClaim.announcements : 0,
            probes: hasAddress && !id.isLoopback && !isProbed ? DHCPTime.probes : 0)
    }

    /// Whether a lease says what is in use already.
    func uses(_ lease: DHCPLease) -> Bool {
        address == lease.address && prefixLength == lease.prefixLength && gateway == lease.router
            && leaseRoutes == lease.routes
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
}

extension NetStack where Device: ~Copyable {
    /// Adds a card. Returns its interface, nil when there are four cards already.
    public mutating func addInterface(_ device: consuming Device) -> InterfaceID? {
        let hardware = device.hardwareAddress, mtu = device.mtu, capabilities = device.capabilities,
            isLinkUp = device.isLinkUp
        guard let index = devices.add(device) else { return nil }
        let id = InterfaceID.card(index)
        let interface = interfaces.ref(id.place)
        interface.value = NetworkInterface(
            id, hardware: hardware, mtu: mtu, capabilities: capabilities, isLinkUp: isLinkUp, random: random.fork())
        interface.value.capture.isOn = isCapturing
        devices[index].accept(filter)
        return id
    }

    /// Gives each card its part of what all may receive into: once all are there.
    public mutating func shareReceiveBuffers() {
        let buffers = budget.receiveBuffers(cards: devices.count)
        for i in 0..<devices.count { devices[i].receive(intoAtMost: buffers) }
    }

    /// Fragments that came in there and wait for others.
    public func fragmentsWaiting(at id: InterfaceID) -> Int { reassembly.waiting(id) }

    /// Cards, and the loopback.
    @inline(__always)
    public var interfaceCount: Int { devices.count &+ 1 }
    public var cardCount: Int { devices.count }

    @inline(__always)
    func isCard(_ id: InterfaceID) -> Bool { Int(id.rawValue) < devices.count }

    /// Looks at an interface, or changes it; nil when there is none with this number.
    public mutating func withInterface<Result: ~Copyable>(
        _ id: InterfaceID, _ body: (inout NetworkInterface) -> Result
    ) -> Result? {
        guard isCard(id) || id.isLoopback else { return nil }
        return body(&interfaces[id.place])
    }

    /// Works on a card's driver; nil when there is no such card.
    public mutating func withDevice<Result: ~Copyable>(_ id: InterfaceID, _ body: (inout Device) -> Result) -> Result? {
        guard isCard(id) else { return nil }
        return body(&devices[Int(id.rawValue)])
    }

    /// Gives an interface its address by hand; DHCP then leaves it alone. 0.0.0.0 takes the address away.
    /// - Returns: false when there is no such card.
    @discardableResult
    public mutating func configure(_ id: InterfaceID, address: IPv4Address, prefixLength: Int, gateway: IPv4Address?)
        -> Bool
    {
        guard isCard(id) else { return false }
        interfaces[id.place].dhcp.stop()
        noteDHCP(id)
        assign(id, address, prefixLength: prefixLength, gateway: gateway, isProbed: false)
        return true
    }

    /// Puts an interface up or down. False when there is no such card.
    public mutating func setUp(_ id: InterfaceID, _ isUp: Bool, now: Instant) -> Bool {
        guard isCard(id) else { return false }
        let interface = interfaces.ref(id.place)
        let wasDown = interface.value.isDown
        interface.value.isDown = !isUp
        if !isUp { dropBacklog(id) }
        if isUp, wasDown, interface.value.isLinkUp { linkIsBack(id, now: now) }
        flush()
        return true
    }

    /// Looks at the link. A link that is back may lead elsewhere: the address is asked for, and announced, again.
    @inline(__always)
    mutating func noticeLink(_ id: InterfaceID, now: Instant) {
        if devices[Int(id.rawValue)].isLinkUp != interfaces[id.place].isLinkUp { linkChanged(id, now: now) }
    }

    @inline(never)
    private mutating func linkChanged(_ id: InterfaceID, now: Instant) {
        let interface = interfaces.ref(id.place)
        interface.value.isLinkUp.toggle()
        completions.append(.link(id))
        if !interface.value.isLinkUp { dropBacklog(id) }
        if interface.value.isUsable { linkIsBack(id, now: now) }
    }

    private mutating func linkIsBack(_ id: InterfaceID, now: Instant) {
        let interface = interfaces.ref(id.place)
        if interface.value.dhcp.isActive {
            interface.value.dhcp.linkIsBack(now: now)
            runDHCP(id, now: now)
        }
        if interface.value.hasAddress {
            interface.value.claim = AddressClaim(announcements: AddressClaim.announcements)
            timers.set(.claim(id), at: interface.value.claim.deadline)
        }
    }

    @inline(never)
    mutating func drop(_ reason: DropReason, at id: InterfaceID) { interfaces[id.place].counters.count(reason) }

    // MARK: Out

    /// Sends a packet to a neighbour, at once or when its hardware address is known.
    @inline(never)
    mutating func send(_ packet: consuming Packet, toNeighbour address: IPAddress, at id: InterfaceID, now: Instant) {
        let answer = neighbours.resolve(address, on: id, now: now)
        guard case .known(let hardware) = answer else {
            return send(packet, toNeighbour: address, answer, at: id, now: now)
        }
        transmit(packet, to: hardware, type: EtherType.ipv4, at: id, now: now)
    }

    /// The slow path: the neighbour is stale, being asked, or new.
    @inline(never)
    private mutating func send(
        _ packet: consuming Packet, toNeighbour address: IPAddress, _ found: NeighbourAnswer, at id: InterfaceID,
        now: Instant
    ) {
        var answer = found
        if case .unknown = answer {
            answer = neighbours.begin(address, on: id, isGateway: routes.isGateway(address, on: id), now: now, &timers)
        }
        switch answer {
        case .known(let hardware): transmit(packet, to: hardware, type: EtherType.ipv4, at: id, now: now)
        case .stale(let entry):
            transmit(packet, to: neighbours.use(entry, now: now, &timers), type: EtherType.ipv4, at: id, now: now)
        case .waits(let entry): wait(packet, at: entry, id)
        case .asks(let entry):
            wait(packet, at: entry, id)
            if let address = address.ipv4 { request(address, at: id, from: nil, now: now) }
        case .full, .unknown: drop(.neighbourTableFull, at: id)
        }
    }

    private mutating func wait(_ packet: consuming Packet, at entry: Int, _ id: InterfaceID) {
        for _ in 0..<neighbours.wait(packet, at: entry) { drop(.neighbourQueueFull, at: id) }
    }

    /// The share of sending is used up: what the card has sent is given back, and then there is the reserve.
    @inline(never)
    private mutating func makeRoom(for reply: borrowing Packet, at id: InterfaceID) -> Bool {
        devices[Int(id.rawValue)].collectSent()
        return reply.move(to: .sending) || reply.move(to: .own)
    }

    /// Puts the Ethernet header on and gives the frame to the card.
    @inline(never)
    mutating func transmit(
        _ packet: consuming Packet, to destination: EthernetAddress, type: UInt16, at id: InterfaceID, now: Instant
    ) {
        let interface = interfaces.ref(id.place)
        guard !interface.value.isDown else { return drop(.interfaceDown, at: id) }
        // A reply, in the packets of its request, leaves the share of what is received.
        guard packet.share != .receiving || packet.move(to: .sending) || makeRoom(for: packet, at: id) else {
            return drop(.noPacket, at: id)
        }
        guard packet.prepend(EthernetHeader.byteCount) else { return drop(.tooLarge, at: id) }
        var bytes = packet.mutableBytes
        EthernetHeader(destination: destination, source: interface.value.hardware, type: type).emit(to: &bytes)
        interface.value.capture.note(packet, isOutgoing: true, pool: pool, now: now)
        if !interface.value.capabilities.contains(.checksumOut) { packet.completeChecksum() }
        let count = packet.totalCount
        guard hand(LentPacket(packet), to: id, now: now) else { return drop(.transmitRingFull, at: id) }
        interface.value.counters.packetsOut &+= 1
        interface.value.counters.bytesOut &+= UInt64(count)
    }
}
