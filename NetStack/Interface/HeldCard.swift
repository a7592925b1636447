// A card in a program's hands: its frames go through packet rings, and those of this stack over the host rings beside
// them.
//
// Promise: frames in both directions are copied between packets and the program's buffers, so that the card never has a
// page of the program's; and when the program lets go, nothing is left of it here.

import Packets
import Storage
import SystemInterface

enum RingLimit {
    /// Frames that a program takes from its card with one look at most: others wait for the stack meanwhile.
    static let framesOfLook = 128
    /// How long after a look a program is thought to look again by itself. One that does not has its frames later by as
    /// much.
    static let served = Duration.milliseconds(1)
}

extension NetStack where Device: ~Copyable {
    /// Some program holds a card.
    var isHeld: Bool {
        for place in 0..<interfaceCount where interfaces[place].rings != nil { return true }
        return false
    }

    /// The most bytes of a frame that a program sends, its Ethernet header and a VLAN tag included: what the wire takes,
    /// and one packet; nil when there is no such card.
    public func frameLimit(at id: InterfaceID) -> Int? {
        isCard(id) ? min(interfaces[id.place].greatestMTU + EthernetHeader.byteCount + 4, Packet.capacity) : nil
    }

    /// Gives a card to a program. All frames on its wire come in then, and none that the card changed: offloads are off
    /// as far as the card can switch them.
    /// - Parameter rings: the program's, until `letGo`.
    /// - Returns: false when there is no such card, or another program holds it.
    public mutating func hold(_ id: InterfaceID, _ rings: Ref<PacketRings>) -> Bool {
        guard isCard(id), interfaces[id.place].rings == nil else { return false }
        let interface = interfaces.ref(id.place)
        interface.value.usedAfter = interface.value.capabilities
        if use([], at: id) != true { interface.value.capabilities.subtract([.checksumOut, .segmentation]) }
        interface.value.rings = rings
        updateFilter()
        flush()
        return true
    }

    /// Takes a card back from the program that holds it.
    public mutating func letGo(_ id: InterfaceID) {
        guard isCard(id), interfaces[id.place].rings != nil else { return }
        let interface = interfaces.ref(id.place)
        interface.value.rings = nil
        interface.value.ringsAwaitRoom = false
        interface.value.servedUntil = .start
        devices[Int(id.rawValue)].collectSent()
        if use(interface.value.usedAfter, at: id) != true {
            interface.value.capabilities = interface.value.usedAfter
        }
        updateFilter()
        flush()
    }

    /// Frees what the cards have sent and keep for the next frames of programs that hold them: something else needs the
    /// packets.
    /// - Returns: false when no program holds a card.
    @inline(never)
    mutating func collectKept() -> Bool {
        guard isHeld else { return false }
        for card in 0..<devices.count { devices[card].collectSent() }
        return true
    }

    /// A packet for what a program sends, and for replies.
    mutating func packetToSend() -> Packet? {
        if let packet = pool.take(.sending) { return packet }
        return collectKept() ? pool.take(.sending) : nil
    }

    /// A frame to an interface that is down, or whose card a program holds.
    @inline(never)
    mutating func inputAside(_ frame: consuming Packet, at id: InterfaceID) {
        let interface = interfaces.ref(id.place)
        guard !interface.value.isDown, let rings = interface.value.rings else {
            return drop(.frameToDownInterface, at: id)
        }
        rings.value.put(frame)
        rings.value.publishReceived()
        completions.append(.rings(id))
    }

    /// A frame of this stack's to a card that a program holds. True: it has gone its way.
    @inline(never)
    mutating func handAside(_ frame: consuming LentPacket, to id: InterfaceID) -> Bool {
        let interface = interfaces.ref(id.place)
        guard !interface.value.isDown, let rings = interface.value.rings else { return false }
        rings.value.putHost(frame)
        rings.value.publishReceived()
        completions.append(.rings(id))
        return true
    }

    /// Looks at the rings of the program that holds a card: sends what is in them, takes in what is for this stack, and
    /// gives them what has come.
    /// - Returns: false when a head is where it may not be.
    public mutating func synchronise(_ id: InterfaceID, _ sync: PacketRingSync, now: Instant) -> Bool {
        guard isCard(id), let rings = interfaces[id.place].rings else { return false }
        let areRight = rings.value.takeHeads(sync)
        var hasWork = false
        if sync.contains(.transmit), rings.value.hasNext || rings.value.hasHostNext {
            sendRing(of: rings, id, now: now)
            takeHostRing(of: rings, id, now: now)
            rings.value.publishRoom()
            hasWork = true
        }
        if sync.contains(.receive) {
            let room = min(rings.value.receiveRoom, RingLimit.framesOfLook)
            if room > 0, moveToRings(at: id, atMost: room) ?? 0 > 0 { hasWork = true }
        }
        if hasWork { flush() }
        // Of a card whose frames are captured they come by the network's thread.
        if !interfaces[id.place].capture.isOn { interfaces[id.place].servedUntil = now + RingLimit.served }
        return areRight
    }

    /// Lets a card interrupt for a program that has looked at it and will wait.
    public mutating func watch(_ id: InterfaceID, now: Instant) {
        guard isCard(id), interfaces[id.place].rings != nil else { return }
        interfaces[id.place].servedUntil = .start
        // Once after each poll that did not: what makes a card promise frames without end is a fault of the card's.
        guard !interfaces[id.place].isWatched else { return }
        interfaces[id.place].isWatched = true
        let hasMore = devices[Int(id.rawValue)].rearm()
        lookAgain(at: id, hasMore ? now : nextLook(at: id, now: now))
    }

    private mutating func sendRing(of rings: Ref<PacketRings>, _ id: InterfaceID, now: Instant) {
        let interface = interfaces.ref(id.place)
        guard interface.value.isUsable else { return rings.value.dropTransmit() }
        // Frames that are captured go one by one.
        let isShown = interface.value.capture.isOn
        while true {
            let shown = isShown ? rings.value.copyNext(from: pool) : nil
            let traffic = devices[Int(id.rawValue)].transmit(from: &rings.value, atMost: isShown ? 1 : .max, pool)
            interface.value.counters.packetsOut &+= UInt64(traffic.frames)
            interface.value.counters.bytesOut &+= UInt64(traffic.bytes)
            if traffic.lacksPackets { awaitPackets(now: now) }
            if traffic.isBlocked {
                interface.value.ringsAwaitRoom = true
                awaitRoom(id, now: now)
            }
            guard isShown, traffic.frames > 0 else { return }
            if let shown { interface.value.capture.note(shown, isOutgoing: true, pool: pool, now: now) }
        }
    }

    /// Takes frames from a card straight to the program that holds it, and wakes it. How many; nil: they go the way of
    /// others.
    @inline(never)
    mutating func receiveAside(at id: InterfaceID, atMost most: Int) -> Int? {
        let count = moveToRings(at: id, atMost: most)
        if let count, count > 0 { completions.append(.rings(id)) }
        return count
    }

    @inline(never)
    private mutating func moveToRings(at id: InterfaceID, atMost most: Int) -> Int? {
        let interface = interfaces.ref(id.place)
        guard let rings = interface.value.rings, !interface.value.isDown, !interface.value.capture.isOn else {
            return nil
        }
        let traffic = devices[Int(id.rawValue)].receive(into: &rings.value, atMost: most)
        rings.value.publishReceived()
        guard traffic.frames > 0 else { return 0 }
        interface.value.counters.packetsIn &+= UInt64(traffic.frames)
        interface.value.counters.bytesIn &+= UInt64(traffic.bytes)
        return traffic.frames
    }

    /// Frames that the program passes on to this stack. Those for which there is no packet wait.
    private mutating func takeHostRing(of rings: Ref<PacketRings>, _ id: InterfaceID, now: Instant) {
        while true {
            switch rings.value.takeHost(from: pool, for: .receiving) {
            case .nothing: return
            case .noPacket: return awaitPackets(now: now)
            case .packet(let frame):
                rings.value.passHost()
                interfaces[id.place].counters.packetsIn &+= 1
                interfaces[id.place].counters.bytesIn &+= UInt64(frame.count)
                if interfaces[id.place].isDown {
                    drop(.frameToDownInterface, at: id)
                } else {
                    inputFromCard(frame, at: id, now: now)
                }
            }
        }
    }
}
