// Echo requests of our own (RFC 792): what the ping system call asks for.

extension NetStack where Device: ~Copyable {
    /// Sends an echo request, in fragments when it is larger than the way takes at once.
    /// - Parameters:
    ///   - payloadCount: bytes after the ICMP header, up to 65,507.
    ///   - sequence: the caller's number, seen in the reply.
    ///   - timeout: until it has failed.
    /// - Returns: the slot: poll reports it when it is complete (perhaps it is at once, by loopback); then `takeEcho`, always.
    public mutating func startEcho(
        to destination: IPv4Address, payloadCount: Int, sequence: UInt16, timeout: Duration, now: Instant
    ) throws(EchoError) -> Int {
        guard !destination.isMulticast, !destination.isBroadcast, !destination.isThisNetwork else { throw .badAddress }
        guard let route = route(to: destination) else { throw hasAddresses ? .noRoute : .noInterface }
        guard payloadCount >= 0, payloadCount + ICMPHeader.byteCount <= Self.payloadLimit else { throw .tooLarge }
        var slot = EchoSlot()
        if case .interface(let i, let nextHop) = route {
            guard !table[i].isBroadcast(destination) else { throw .badAddress }
            slot.nextHop = nextHop
        }
        slot.destination = destination
        slot.sequence = sequence
        slot.payloadCount = payloadCount
        slot.sentAt = now
        slot.deadline = now + timeout
        guard let number = echoes.begin(slot) else { throw .tooManyRequests }
        let envelope = Envelope(
            protocolNumber: IPProtocol.icmp, source: sourceAddress(for: route, to: destination), destination: destination)
        do throws(EchoError) {
            output(try request(echoes.slots[number]), envelope, by: route, now: now)
        } catch {
            cancelEcho(number)
            throw error
        }
        drainLoopback(now: now)
        flush()
        return number
    }

    /// The message, in as many packets as it takes: payload byte i holds i.
    private func request(_ slot: EchoSlot) throws(EchoError) -> Packet {
        var pieces = PacketQueue()
        var made = 0
        let byteCount = ICMPHeader.byteCount + slot.payloadCount
        repeat {
            let count = min(byteCount - made, FragmentSize.ethernet)
            guard var packet = pool.take(), packet.resize(to: count) else { throw .noMemory }
            var bytes = packet.mutableBytes
            for i in 0..<count { bytes.setByte(UInt8(truncatingIfNeeded: made + i - ICMPHeader.byteCount), i) }
            if made == 0 {
                ICMPHeader(type: ICMPType.echoRequest, identifier: slot.identifier, sequence: slot.sequence)
                    .emitWithoutChecksum(to: &bytes)
            }
            pieces.append(packet)
            made += count
        } while made < byteCount
        guard var packet = pieces.coupled() else { throw .noMemory }
        var sum = Checksum()
        sum.add(packet, to: byteCount)
        var bytes = packet.mutableBytes
        bytes.setBE16(sum.value, 2)
        return packet
    }

    /// What became of a request: nil while it is under way; else the slot is free again.
    public mutating func takeEcho(_ slot: Int) -> EchoOutcome? {
        guard slot >= 0, slot < EchoTable.capacity, case .done(let outcome) = echoes.slots[slot].state else { return nil }
        echoes.slots[slot].state = .free
        echoes.completed &= ~(1 << UInt32(slot))
        return outcome
    }

    /// Forgets a request, under way or complete: its caller is gone.
    public mutating func cancelEcho(_ slot: Int) {
        guard slot >= 0, slot < EchoTable.capacity else { return }
        echoes.slots[slot].state = .free
        echoes.completed &= ~(1 << UInt32(slot))
    }

    /// Slots that completed since the last look, bit i for slot i; `poll` reports the same.
    public mutating func takeCompletedEchoes() -> UInt32 {
        let completed = echoes.completed
        echoes.completed = 0
        return completed
    }
}

/// Into what pieces a datagram is cut as long as nothing narrower is known.
public enum FragmentSize {
    /// Payload bytes of a fragment that fills an Ethernet frame: 1500 less the IPv4 header, a multiple of 8.
    public static var ethernet: Int { 1480 }
}
