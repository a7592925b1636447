// Sockets for ICMP echo: what ping and traceroute are made of.
//
// Promise: a program writes an echo message from its ICMP header on; type, code, identifier and checksum are the stack's,
// sequence number and payload the program's. It reads whole ICMP messages: the replies that carry its identifier, late
// and repeated ones too, and the errors about its requests; each with the host that sent it, and the time to live that it
// came with in the place of the port. What was found out here comes as an error from our own address.

import Storage

extension NetStack where Device: ~Copyable {
    /// A new echo socket, with an identifier of its own.
    public mutating func openEcho() throws(SocketError) -> Int {
        guard let i = sockets.openEcho(&random) else { throw .tooManySockets }
        return i
    }

    /// Sends an echo request: a message from its ICMP header on, of which sequence number and payload count.
    @inline(never)
    mutating func sendEcho(
        _ message: consuming Packet, from i: Int, to destination: IPAddress, now: Instant
    ) throws(SocketError) {
        guard let socket = sockets.echo(i) else { throw .noDestination }
        guard message.count >= ICMPHeader.byteCount, message.totalCount <= Self.payloadLimit else { throw .tooLarge }
        guard !destination.isUnspecified, destination.ipv4?.isThisNetwork != true else { throw .badDestination }
        guard let route = route(to: destination), let address = destination.ipv4 else {
            throw hasAddresses ? .noRoute : .noInterface
        }
        if !route.interface.isLoopback, interfaces[route.interface.place].isBroadcast(address),
            !socket.value.allowsBroadcast
        {
            throw .broadcastNotAllowed
        }
        let byteCount = message.totalCount
        var bytes = message.mutableBytes
        ICMPHeader(
            type: ICMPType.echoRequest, identifier: socket.value.local.port, sequence: bytes.bytes.be16(6)
        ).emitWithoutChecksum(to: &bytes)
        var sum = Checksum()
        sum.add(message, to: byteCount)
        var field = message.mutableBytes
        field.setBE16(sum.value, 2)
        let envelope = Envelope(
            protocolNumber: IPProtocol.icmp, source: sourceAddress(for: route, to: address), destination: address,
            timeToLive: address.isMulticast ? socket.value.groupTimeToLive : socket.value.timeToLive)
        output(message, envelope, by: route, now: now)
        drainLoopback(now: now)
        flush()
    }

    /// Gives an ICMP message to the echo socket that it is for.
    @inline(never)
    mutating func deliverEcho(
        _ message: consuming Packet, to i: Int, from host: IPv4Address, timeToLive: UInt8, at id: InterfaceID
    ) {
        if sockets.deliver(message, to: i, from: Endpoint(host, UInt16(timeToLive))) == nil {
            completions.append(.socket(i))
        } else {
            drop(.udpQueueFull, at: id)
        }
    }

    /// Tells an echo socket that its request did not get beyond this host: an IPv4 packet whose neighbour is silent.
    mutating func deliverUndelivered(_ packet: consuming Packet, _ ip: IPv4Header, to i: Int, at id: InterfaceID) {
        packet.truncate(to: min(packet.totalCount, ip.headerLength + ICMPHeader.byteCount))
        guard packet.prepend(ICMPHeader.byteCount) else { return }
        var bytes = packet.mutableBytes
        ICMPHeader(type: ICMPType.destinationUnreachable, code: 1).emit(to: &bytes)
        deliverEcho(packet, to: i, from: ip.source, timeToLive: 0, at: id)
    }
}
