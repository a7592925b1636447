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

    /// The next frame, if it is wanted.
    func takeIncoming(if isWanted: ([UInt8]) -> Bool) -> [UInt8]? {
        guard next < incoming.count, isWanted(incoming[next].bytes) else { return nil }
        next += 1
        return incoming[next - 1].bytes
    }

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
    var capabilities = NetworkCapabilities()
    var isLinkUp: Bool { true }
    var patience: UInt64 { .max }

    mutating func transmit(_ frame: consuming LentPacket) -> LentPacket? {
        var bytes: [UInt8] = []
        frame.forEachPart { bytes += $0.bytes.array }
        for sent in CardOffloads.sent(bytes, frame.hasOffload ? frame.offload : nil) {
            box.outgoing.append(Frame(sent))
        }
        return nil
    }

    mutating func receive() -> Packet? {
        while let frame = box.takeIncoming() {
            if capabilities.contains(.largeReceive) {
                if let packet = receiveLarge(frame) { return packet }
            } else if let packet = pool.packet(frame.bytes[...]) {
                return packet
            }
            box.overruns += 1
        }
        return nil
    }

    /// A frame, and those behind it that go on where it ends.
    private func receiveLarge(_ frame: Frame) -> Packet? {
        let (pieces, size) = CardOffloads.received(frame.bytes, pieceSize: 1800) { box.takeIncoming(if: $0) }
        guard var packet = pool.packet(pieces[0][...]) else { return nil }
        for piece in pieces.dropFirst() {
            guard let part = pool.packet(piece[...]) else { return nil }
            packet.append(part: part)
        }
        if size > 0 { packet.mergedSegmentSize = UInt16(size) }
        return packet
    }

    mutating func flush() {}
    mutating func reclaim(now: UInt64) {}
    mutating func accept(_ filter: ReceiveFilter) {}
    mutating func rearm() -> Bool { false }
}
