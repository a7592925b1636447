// ARP for IPv4 over Ethernet (RFC 826): requests and replies, in and out, and the claim on our own address (RFC 5227).
//
// Promise: a reply counts when it answers an open question; a message that carries our own Ethernet address teaches
// nothing; a request for our address is answered in its own buffer, to the station that sent it, whether or not that
// station is known.

import Storage

extension NetStack where Device: ~Copyable {
    // MARK: In

    /// Takes an ARP message: the frame without its Ethernet header.
    @inline(never)
    mutating func inputARP(_ packet: consuming Packet, at i: InterfaceID, now: Instant) {
        let interface = interfaces.ref(i.place)
        guard let message = ARPMessage(parsing: packet.bytes), message.senderHardware.isUnicast else {
            return drop(.arpMalformed, at: i)
        }
        guard message.senderHardware != interface.value.hardware else { return drop(.arpFromOurself, at: i) }
        if isContest(message, at: i) { return contest(message, at: i, now: now) }
        guard interface.value.hasAddress else { return drop(.noInterfaceAddress, at: i) }
        let asksForUs = message.operation == .request && message.targetProtocol == interface.value.address
        if message.senderProtocol != .any {  // 0.0.0.0 probes for conflicts (RFC 5227) and is answered
            guard learn(from: message, at: i, mayLearn: asksForUs, now: now) else { return drop(.arpMalformed, at: i) }
        }
        if asksForUs { replyARP(to: message, in: packet, at: i, now: now) }
    }

    /// Learns what a message says of its sender. False when the sender cannot be a neighbour.
    private mutating func learn(from message: ARPMessage, at i: InterfaceID, mayLearn: Bool, now: Instant) -> Bool {
        let sender = IPAddress(message.senderProtocol)
        guard message.senderProtocol.isUnicast, !interfaces[i.place].isBroadcast(message.senderProtocol) else {
            return false
        }
        let isGateway = routes.isGateway(sender, on: i)
        guard isGateway || routes.isDirect(sender, on: i) || neighbours.find(sender, on: i) != nil else { return false }
        let news =
            message.operation == .reply
            ? neighbours.hearReply(sender, message.senderHardware, on: i, now: now, &timers)
            : neighbours.hearRequest(
                sender, message.senderHardware, on: i, mayLearn: mayLearn, isGateway: isGateway, now: now, &timers)
        switch news {
        case .nothing: break
        case .unsolicited: drop(.arpUnsolicited, at: i)
        case .answered(let entry): sendWaiting(entry, at: i, now: now)
        case .contradicted(let entry):
            drop(.arpContradiction, at: i)
            request(message.senderProtocol, at: i, from: neighbours.entries[entry].hardware, now: now)
        }
        return true
    }

    /// Sends what waited for a neighbour.
    mutating func sendWaiting(_ entry: Int, at i: InterfaceID, now: Instant) {
        let hardware = neighbours.entries[entry].hardware
        while let packet = neighbours.nextReady(entry) {
            sendWaited(packet, to: hardware, at: i, now: now)
        }
    }

    // MARK: Our own address (RFC 5227)

    /// Whether another station says that our address is its own, or one that we probe; or probes for the latter too.
    private func isContest(_ message: ARPMessage, at i: InterfaceID) -> Bool {
        let interface = interfaces.ref(i.place)
        if let probed = interface.value.dhcp.probedAddress {
            let wants =
                message.operation == .request && message.senderProtocol == .any && message.targetProtocol == probed
            if wants || message.senderProtocol == probed { return true }
        }
        return interface.value.hasAddress && message.senderProtocol == interface.value.address
    }

    /// Defends the address. An address by hand is kept whatever others say; one from a server is given up to a station
    /// that answers two questions sent to it alone (RFC 5227, 2.4 (c)).
    private mutating func contest(_ message: ARPMessage, at i: InterfaceID, now: Instant) {
        drop(.arpConflict, at: i)
        let interface = interfaces.ref(i.place)
        if message.operation == .reply, interface.value.claim.isProved(by: message.senderHardware, now: now),
            interface.value.dhcp.loseAddress(now: now)
        {
            return runDHCP(i, now: now)
        }
        let isProbed = interface.value.dhcp.probedAddress != nil
        if !isProbed, interface.value.claim.defends(now: now) {
            interface.value.noteConflict(message.senderHardware)
            announce(i, now: now)
        }
        if isProbed || interface.value.dhcp.state.hasLease {
            interface.value.claim.suspect(message.senderHardware, now: now)
        }
        if isProbed, interface.value.claim.deadline != .never {
            interface.value.dhcp.holdProbe(
                until: now + AddressClaim.questionInterval * UInt64(AddressClaim.questions + 1))
            noteDHCP(i)
        }
        claimTimer(i, now: now)
    }

    private mutating func replyARP(to request: ARPMessage, in packet: consuming Packet, at i: InterfaceID, now: Instant)
    {
        let interface = interfaces.ref(i.place)
        packet.resize(to: ARPMessage.byteCount)
        var bytes = packet.mutableBytes
        ARPMessage(
            operation: .reply, senderHardware: interface.value.hardware, senderProtocol: interface.value.address,
            targetHardware: request.senderHardware, targetProtocol: request.senderProtocol
        ).emit(to: &bytes)
        transmit(packet, to: request.senderHardware, type: EtherType.arp, at: i, now: now)
    }

    // MARK: Out

    /// Asks for a neighbour's Ethernet address: all stations, or one neighbour that had it (RFC 1122, 2.3.2.1, unicast
    /// poll).
    /// - Parameter sender: nil for our address; 0.0.0.0 in a probe.
    @inline(never)
    mutating func request(
        _ wanted: IPv4Address, at i: InterfaceID, from neighbour: EthernetAddress?, as sender: IPv4Address? = nil,
        now: Instant
    ) {
        let interface = interfaces.ref(i.place)
        guard var packet = pool.take(.own), packet.resize(to: ARPMessage.byteCount) else {
            return drop(.noPacket, at: i)
        }
        var bytes = packet.mutableBytes
        ARPMessage(
            operation: .request, senderHardware: interface.value.hardware,
            senderProtocol: sender ?? interface.value.address,
            targetHardware: .zero, targetProtocol: wanted
        ).emit(to: &bytes)
        transmit(packet, to: neighbour ?? .broadcast, type: EtherType.arp, at: i, now: now)
    }

    /// Makes our address known, or defends it: a request for it, from it.
    private mutating func announce(_ i: InterfaceID, now: Instant) {
        let address = interfaces[i.place].address
        request(address, at: i, from: nil, as: address, now: now)
    }

    /// An announcement, or a question to a station that claims our address, is due.
    mutating func claimTimer(_ i: InterfaceID, now: Instant) {
        let interface = interfaces.ref(i.place)
        if interface.value.claim.probes(now: now) {
            request(interface.value.address, at: i, from: nil, as: .any, now: now)
        }
        if interface.value.claim.announces(now: now) { announce(i, now: now) }
        if let rival = interface.value.claim.nextQuestion(now: now) {
            let address = interface.value.dhcp.probedAddress ?? interface.value.address
            request(address, at: i, from: rival, as: .any, now: now)
        }
        timers.set(.claim(i), at: interface.value.claim.deadline)
    }

    /// A neighbour has not answered, or is to be asked whether it is still there.
    @inline(never)
    mutating func neighbourTimer(_ entry: Int, now: Instant) {
        let address = neighbours.entries[entry].address, i = neighbours.entries[entry].interface
        switch neighbours.timeout(entry, now: now, &timers) {
        case .ask(let hardware):
            if let address = address.ipv4 { request(address, at: i, from: hardware, now: now) }
        case .failed(let packets):
            echoes.fail(nextHop: address, on: i, .hostUnreachable, &timers, &completions)
            reportUndelivered(packets, at: i, now: now)
        }
    }
}
