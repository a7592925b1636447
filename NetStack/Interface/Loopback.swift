// The loopback: an interface whose packets come back at once. They have no Ethernet header.

import Storage

/// What the loopback holds between sending and receiving.
enum Loopback {
    /// Packets on the way at most.
    static var limit: Int { 64 }
    /// As large as a packet that is received at once.
    static var mtu: Int { 1500 }
}

extension NetStack where Device: ~Copyable {
    /// Sends a packet, from its IP header on, to ourselves.
    @inline(never)
    mutating func sendToOurself(_ packet: consuming Packet) {
        guard loopback.count < Loopback.limit else { return drop(.loopbackFull, at: .loopback) }
        let interface = interfaces.ref(InterfaceID.loopback.place)
        interface.value.counters.packetsOut &+= 1
        interface.value.counters.bytesOut &+= UInt64(packet.totalCount)
        packet.isChecksumVerified = true  // it never is on a wire
        loopback.append(packet)
    }

    /// Takes what came back, until nothing is left: an answer to it comes back too.
    @inline(__always)  // nearly always there is nothing
    mutating func drainLoopback(now: Instant) {
        if !loopback.isEmpty { receiveAllFromOurself(now: now) }
    }

    @inline(never)
    private mutating func receiveAllFromOurself(now: Instant) {
        while let packet = loopback.removeFirst() { receiveFromOurself(packet, now: now) }
    }

    private mutating func receiveFromOurself(_ packet: consuming Packet, now: Instant) {
        let interface = interfaces.ref(InterfaceID.loopback.place)
        interface.value.counters.packetsIn &+= 1
        interface.value.counters.bytesIn &+= UInt64(packet.totalCount)
        if isCapturing {
            interface.value.capture.copy(
                packet, linkHeader: EthernetHeader.byteCount, isOutgoing: false, pool: pool, now: now)
        }
        inputIPv4(packet, Arrival(station: .zero, interface: .loopback, isToGroup: false), now: now)
    }
}
