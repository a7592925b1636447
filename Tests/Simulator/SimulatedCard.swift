// A host's network card: what it is given lies in a box until the simulation comes to fetch it, and the other way
// round.

import NetStack

/// Both ends of one card's cable.
final class CardBox {
    /// In the order of arrival; the first one is at `next`.
    private var incoming: [Frame] = []
    private var next = 0
    var outgoing: [Frame] = []
    /// Frames that came while the host had no packet for them.
    var overruns = 0

    func arrive(_ frame: Frame) { incoming.append(frame) }

    func takeIncoming() -> Frame? {
        guard next < incoming.count else {
            incoming.removeAll(keepingCapacity: true)
            next = 0
            return nil
        }
        next += 1
        return incoming[next - 1]
    }
}

struct SimulatedCard: NetworkDevice, ~Copyable {
    let box: CardBox
    let pool: PacketPool
    let hardwareAddress: EthernetAddress
    var mtu: Int { 1500 }
    var capabilities: NetworkCapabilities { [] }
    var isLinkUp: Bool { true }
    var patience: UInt64 { .max }

    mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        var bytes: [UInt8] = []
        frame.forEachPart { bytes += $0.bytes.array }
        box.outgoing.append(Frame(bytes))
        return nil
    }

    mutating func receive() -> Packet? {
        while let frame = box.takeIncoming() {
            if let packet = pool.packet(frame.bytes[...]) { return packet }
            box.overruns += 1
        }
        return nil
    }

    mutating func flush() {}
    mutating func reclaim(now: UInt64) {}
    mutating func accept(_ filter: ReceiveFilter) {}
    mutating func rearm() -> Bool { false }
}
