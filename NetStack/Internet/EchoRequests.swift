// Echo requests of our own (RFC 792): what the ping system call asks for.

import Storage

extension NetStack where Device: ~Copyable {
    /// Sends an echo request, in fragments when it is larger than the way takes at once.
    /// - Parameters:
    ///   - payloadCount: bytes after the ICMP header, up to 65,507.
    ///   - sequence: the caller's number, seen in the reply.
    ///   - timeout: after which it has failed.
    /// - Returns: the slot: a completion says when it is complete (perhaps it is at once, by loopback); then
    ///   `takeEcho`, always.
    public mutating func startEcho(
        to destination: IPAddress, payloadCount: Int, sequence: UInt16, timeout: Duration, now: Instant
    ) throws(EchoError) -> Int {
        guard !destination.isMulticast, !destination.isBroadcast, let address = destination.ipv4, !address.isThisNetwork
        else {
            throw .badAddress
        }
        guard let route = route(to: destination) else { throw hasAddresses ? .noRoute : .noInterface }
        guard payloadCount >= 0, payloadCount + ICMPHeader.byteCount <= Self.payloadLimit else { throw .tooLarge }
        guard !interfaces[route.interface.place].isBroadcast(address) else { throw .badAddress }
        var slot = EchoSlot()
        slot.interface = route.interface
        slot.nextHop = nextHop(route, to: destination)
        slot.destination = destination
        slot.sequence = sequence
        slot.payloadCount = payloadCount
        slot.sentAt = now
        slot.deadline = now + timeout
        guard let number = echoes.begin(slot, &timers, &random) else { throw .tooManyRequests }
        let envelope = Envelope(
            protocolNumber: IPProtocol.icmp, source: sourceAddress(for: route, to: address), destination: address)
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

    private func nextHop(_ route: Route, to destination: IPAddress) -> IPAddress {
        if case .line(let line) = route.hop { return routes.gateway(line) }
        return destination
    }

    /// The message, in as many packets as it takes: payload byte i holds i.
    private mutating func request(_ slot: EchoSlot) throws(EchoError) -> Packet {
        var pieces = PacketQueue()
        var made = 0
        let byteCount = ICMPHeader.byteCount + slot.payloadCount
        repeat {
            let count = min(byteCount - made, FragmentSize.ethernet)
            guard var packet = packetToSend(), packet.resize(to: count) else { throw .noMemory }
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
        guard slot >= 0, slot < StackLimit.echoes, case .done(let outcome) = echoes.slots[slot].state else {
            return nil
        }
        echoes.free(slot, &timers)
        return outcome
    }

    /// Forgets a request, under way or complete: its caller is gone.
    public mutating func cancelEcho(_ slot: Int) {
        guard slot >= 0, slot < StackLimit.echoes else { return }
        echoes.free(slot, &timers)
    }
}

/// Into what pieces a datagram is cut as long as nothing narrower is known.
public enum FragmentSize {
    /// Payload bytes of a fragment that fills an Ethernet frame: 1500 less the IPv4 header, a multiple of 8.
    public static var ethernet: Int { 1480 }
}
